"""What theory expects of a network before it has learned anything, layer by layer."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from workbench.training.device import random_state, set_random_state
from workbench.training.network import Network, Stage
from workbench.training.probes.mean_field import Activated, Signal, Weights, activate, observe
from workbench.training.probes.mean_field_norms import Normed, normalise


class NotCoveredError(Exception):
    """There is no prediction for this part of a network."""


@dataclass(frozen=True)
class Passed:
    """How a signal went through a stage: what is needed to send a gradient back."""

    weights: Weights
    normed: list[Normed]
    activated: Activated
    before: float  # share of the stage's inputs that dropout keeps
    after: float  # share of its outputs
    branch: float | None  # what a residual stage multiplies its own share by; None: nothing is added


def predict(network: Network, inputs: Tensor) -> list[dict[str, Any]]:
    """Rows of the table ``layers`` at step 0, for a network as it was built and its first batch of inputs.

    ``theory_second_moment``: mean of h^2 over units and samples, h = what the layer's activation gives (without one,
    its output). ``theory_signal_norm``: norm of dLoss/d(the layer's output), where that of the last layer is 1.

    Wide Linear layers of independent weights are covered, with batch norm over a large batch, layer or RMS norm,
    dropout and residual connections. Where anything else comes the forward prediction ends, and there is none
    backward. Every layer's weights count with their mean and variance as they are, whatever filled them.
    """
    if not network.training:
        return []
    state = random_state(inputs.device)
    try:
        with torch.no_grad():
            passed = list(forward(network, inputs))
            moments = [float(p.activated.signal.average(p.activated.signal.square)) for p in passed]
            rows = [row(network, n, "theory_second_moment", value) for n, value in enumerate(moments)]
            if len(passed) == len(network.stages):
                rows += [row(network, n, "theory_signal_norm", value) for n, value in enumerate(backward(passed))]
            return rows
    finally:
        set_random_state(state)


def row(network: Network, number: int, statistic: str, value: float) -> dict[str, Any]:
    """One row of the table."""
    layer = network.weight_layers[number]
    return {"step": 0, "layer": layer.name, "index": layer.index, "statistic": statistic, "value": value}


def forward(network: Network, inputs: Tensor) -> Iterator[Passed]:
    """Follow the signal from stage to stage, as far as that can be done."""
    stages = [stage for stage in network.stages if isinstance(stage, Stage)]
    layers = [layer.module for layer in network.weight_layers]
    x = inputs
    for module in stages[0].before:
        x = module(x) if isinstance(module, nn.Flatten) else x
    if x.ndim != 2:
        return
    signal, width = observe(x), x.shape[1] if x is inputs else 0  # 0: what was flattened is not added to anything
    for stage, layer in zip(stages, layers, strict=False):
        if stage.layer is not layer:  # it holds another weight layer, or one that came before
            return
        try:
            passed, signal = step(stage, signal, width)
        except NotCoveredError:
            return
        width = passed.weights.outputs
        yield passed


def step(stage: Stage, x: Signal, width: int) -> tuple[Passed, Signal]:
    """What a stage makes of a signal; ``NotCoveredError`` if that is not known."""
    if stage.skip:
        raise NotCoveredError
    before, after = kept(stage.before), kept(stage.after)
    weights = Weights.of(linear(stage.layer))
    z = weights.forward(dropped(x, before))
    normed: list[Normed] = []
    for module in stage.norm:
        found = normalise(module, z)
        if found is None:
            raise NotCoveredError
        normed.append(found)
        z = found.z
    activated = activate(stage.activation, z)
    y = dropped(activated.signal, after)
    branch = None
    if stage.residual and width == weights.outputs:
        branch = factor_of(stage.branch, width)
        y = added(y, x, branch)
    return Passed(weights, normed, activated, before, after, branch), y


def linear(layer: nn.Module) -> nn.Linear:
    """The layer if it is a Linear one, or a copy: to ask for a parametrized weight (spectral norm) may change it."""
    if isinstance(layer, nn.Linear) and parametrize.is_parametrized(layer, "weight"):
        return copy.deepcopy(layer)
    if type(layer) is not nn.Linear:
        raise NotCoveredError
    return layer


def kept(modules: Iterable[nn.Module]) -> float:
    """The share that dropout leaves of what passes these modules; ``NotCoveredError`` for any that does more."""
    share = 1.0
    for module in modules:
        if type(module) is nn.Dropout and module.p < 1:
            share *= 1 - module.p if module.training else 1
        elif not isinstance(module, nn.Identity | nn.Flatten):
            raise NotCoveredError
    return share


def dropped(x: Signal, share: float) -> Signal:
    """A signal after dropout, whose survivors are scaled so that means stay: only squares grow."""
    return Signal(x.square / share, x.mean, x.common, x.shares)


def added(h: Signal, x: Signal, factor: float) -> Signal:
    """``factor`` h + x: units of h and x are independent, so of their product only that of the means is left."""
    square = factor**2 * h.square + x.square + 2 * factor * h.mean * x.mean
    crossed = h.mean * x.average(x.mean) + x.mean * h.average(h.mean)
    common = factor**2 * h.common + x.common + factor * crossed
    return Signal(square, factor * h.mean + x.mean, common, x.shares)


def factor_of(branch: nn.Module, width: int) -> float:
    """The one number that a branch multiplies by, in training and in testing; ``NotCoveredError`` if it does more."""
    mine = copy.deepcopy(branch).cpu()
    given = torch.randn(4, width, generator=torch.Generator().manual_seed(0))
    made = [(mine.train(mode)(given.clone()) / given) for mode in (True, False)]
    found = float(made[0].flatten()[0])
    if not all(torch.allclose(each, torch.full_like(each, found), rtol=1e-5) for each in made):
        raise NotCoveredError
    return found


def backward(passed: Sequence[Passed]) -> list[float]:
    """Norms of the gradient in every layer's output, the last one's 1.

    Followed by group of samples: the sum of squares over units, and the square of the sum over units, which matters
    when weights have a mean. In the last layer that sum is 0: cross-entropy does not see a constant in all logits.
    """
    shares = passed[-1].activated.signal.shares
    square, total = torch.ones_like(shares), torch.zeros_like(shares)
    norms: list[float] = []
    for number in range(len(passed) - 1, -1, -1):
        here = passed[number]
        given = square, total  # in what the stage puts out
        if here.branch is not None:
            square, total = here.branch**2 * square, here.branch**2 * total
        square, total = masked(square, total, here.after)
        slope, slope_square = here.activated.slope, here.activated.slope_square
        square, total = slope_square * square, slope**2 * total + (slope_square - slope**2) * square
        for normed in reversed(here.normed):
            square, total = normed.backward(square, total, here.weights.outputs)
        norms.append(float((shares * square).sum().sqrt()))
        square, total = masked(*here.weights.backward(square, total), here.before)
        if here.branch is not None:
            square, total = square + given[0], total + given[1]
    return [norm / norms[0] if norms[0] else norm for norm in reversed(norms)]


def masked(square: Tensor, total: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """A gradient on its way back through dropout that keeps ``share``."""
    return square / share, total + (1 / share - 1) * square
