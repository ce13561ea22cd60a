"""A signal forward and back through Linear layers, group of samples by group of samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from workbench.training.network import Stage
from workbench.training.probes.covered import NotCoveredError, factor_of, kept, linear
from workbench.training.probes.gradient import Gradient, Loss, even, relative
from workbench.training.probes.mean_field import Activated, Signal, Weights, activate, observe
from workbench.training.probes.mean_field_norms import Normed, normalise


@dataclass(frozen=True)
class Passed:
    """How a signal went through a stage: what is needed to send a gradient back."""

    weights: Weights
    normed: list[Normed]
    activated: Activated
    before: float  # share of the stage's inputs that dropout keeps
    after: float  # share of its outputs
    branch: float | None  # what a residual stage multiplies its own share by; None: nothing is added

    @property
    def moment(self) -> float:
        """E[h^2]."""
        return float(self.activated.signal.average(self.activated.signal.square))


def forward(stages: Sequence[Stage], inputs: Tensor) -> Iterator[Passed]:
    """Follow the signal from stage to stage, as far as that can be done."""
    x = inputs
    for module in stages[0].before if stages else ():
        x = module(x) if isinstance(module, nn.Flatten) else x
    if x.ndim != 2:
        return
    signal, width = observe(x), x.shape[1] if x is inputs else 0  # 0: what was flattened is not added to anything
    for stage in stages:
        try:
            passed, signal = step(stage, signal, width)
        except NotCoveredError:
            return
        width = passed.weights.outputs
        yield passed


def step(stage: Stage, x: Signal, width: int) -> tuple[Passed, Signal]:
    """What a stage makes of a signal of so many units; ``NotCoveredError`` if that is not known."""
    if stage.skip:
        raise NotCoveredError
    before, after = kept(stage.before), kept(stage.after)
    weights = Weights.of(linear(stage.layer))
    z = weights.forward(dropped(x, before))
    normed: list[Normed] = []
    for module in stage.norm:
        normed.append(normalise(module, z))
        z = normed[-1].z
    activated = activate(stage.activation, z)
    y = dropped(activated.signal, after)
    branch = None
    if stage.residual and width == weights.outputs:
        branch = factor_of(stage.branch, width)
        y = added(y, x, branch)
    return Passed(weights, normed, activated, before, after, branch), y


def dropped(x: Signal, share: float) -> Signal:
    """A signal after dropout, whose survivors are scaled so that means stay: only squares grow."""
    return Signal(x.square / share, x.mean, x.common, x.shares)


def added(h: Signal, x: Signal, factor: float) -> Signal:
    """``factor`` h + x: units of h and x are independent, so of their product only that of the means is left."""
    square = factor**2 * h.square + x.square + 2 * factor * h.mean * x.mean
    crossed = h.mean * x.average(x.mean) + x.mean * h.average(h.mean)
    common = factor**2 * h.common + x.common + factor * crossed
    return Signal(square, factor * h.mean + x.mean, common, x.shares)


def follow(stages: Sequence[Stage], inputs: Tensor, whole: int, loss: Loss | None) -> tuple[list[float], list[float]]:
    """E[h^2] as far as it goes; and the norms of the gradient, if it goes through all of a network's stages."""
    passed = list(forward(stages, inputs))
    return [here.moment for here in passed], backward(passed, loss) if len(passed) == whole else []


def backward(passed: Sequence[Passed], loss: Loss | None) -> list[float]:
    """Norms of the gradient in every layer's output, the last one's 1."""
    shares = passed[-1].activated.signal.shares
    gradient = even(shares) if loss is None else loss.start(shares)
    norms: list[float] = []
    for here in reversed(passed):
        given = gradient  # in what the stage puts out
        gradient = gradient.times(1.0 if here.branch is None else here.branch).dropped(here.after)
        arrived, gradient = gradient, back(gradient, here.activated)
        for normed in reversed(here.normed):
            gradient = normed.backward(gradient, arrived.common, here.activated, here.weights.outputs)
        norms.append(float((shares * gradient.square).sum().sqrt()))
        gradient = here.weights.backward(gradient).dropped(here.before)
        if here.branch is not None:
            gradient = gradient.plus(given)
    return relative(norms)


def back(gradient: Gradient, through: Activated) -> Gradient:
    """The gradient before an activation."""
    return gradient.through(through.slope, through.slope_square, through.signal.average(through.slope))
