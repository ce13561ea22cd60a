"""A signal forward through convolutions and shortcuts: units are drawn, as layers of random weights draw them.

In a wide layer a unit's input z is Gaussian over the units, at every place of every sample, with a variance that the
squares of the layer's inputs give: those that the kernel sees there (He et al. 2015, arXiv:1502.01852: n = k^2 c_in
inside a picture; Xiao et al. 2018, arXiv:1806.05393). So borders and strides count as they are. Where a shortcut adds
what came before, a unit is no longer Gaussian: so units are drawn, and each keeps what was added to it.

What a unit has at two places is drawn independently, which is all that squares ask for. Pools would ask for more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workbench.training.network import Stage
from workbench.training.probes.covered import NotCoveredError, exact, factor_of, kept
from workbench.training.probes.kernel import Kernel, averages
from workbench.training.probes.slopes import evaluated
from workbench.training.probes.units_norms import Drawn, normalise

SAMPLES = 8  # of the batch, from the smallest to the largest
MOST = 1 << 21  # numbers that are drawn for a layer: of large pictures fewer samples are looked at
UNITS = 64  # that are drawn of a layer for a sample, at least: those of several networks, where one is narrow


@dataclass(frozen=True)
class Passed:
    """How a signal went through a stage: what is needed to send a gradient back."""

    kernel: Kernel
    moment: float | None  # E[h^2]; None where it is not known
    gain: Tensor | None  # what norms multiply the squared gradient by (samples, places); None where it is not known
    slope: Tensor | None = None  # f' of every unit, at every place; None without an activation
    before: float = 1.0  # share of the stage's inputs that dropout keeps
    after: float = 1.0  # share of its outputs
    branch: float = 1.0  # what its own share is multiplied by before a sum
    residual: bool = False
    skip: int = 0
    shortcut: nn.Module | None = None  # what brings ``skip``


def forward(stages: Sequence[Stage], inputs: Tensor) -> Iterator[Passed]:
    """Follow units from stage to stage, as far as that can be done. A signal is (samples, networks, units, places)."""
    networks = max([1, *(-(-UNITS // outputs(stage.layer)) for stage in stages[:-1])])
    drawn = networks * outputs(stages[0].layer) * inputs.shape[2:].numel() if stages else 1
    few = chosen(inputs, min(SAMPLES, max(1, MOST // drawn)))
    x: Tensor | None = few[:, None].expand(-1, networks, *few.shape[1:])
    begins = {number + 1 - stage.skip for number, stage in enumerate(stages) if stage.skip}
    came: dict[int, Tensor] = {}  # by stage, what a shortcut that begins there is given
    random = torch.Generator().manual_seed(0)
    for number, stage in enumerate(stages):
        if x is None:
            return
        if number in begins:
            came[number] = x
        try:
            passed, x = step(stage, x, came[number + 1 - stage.skip] if stage.skip else None, random)
        except NotCoveredError:
            return
        yield passed


def chosen(inputs: Tensor, count: int) -> Tensor:
    """Some samples of the batch, evenly from the smallest to the largest."""
    x, count = inputs.detach(), min(count, len(inputs))
    order = torch.linalg.vector_norm(x.flatten(1), dim=1).argsort()
    return x[order[((torch.arange(count, device=x.device) + 0.5) * len(x) / count).long()]].cpu().double()


def outputs(layer: nn.Module) -> int:
    """How many units a Linear or Conv layer has."""
    return int(getattr(layer, "out_features", 0) or getattr(layer, "out_channels", 1))


def step(
    stage: Stage, x: Tensor, skipped: Tensor | None, random: torch.Generator
) -> tuple[Passed, Tensor | None]:  # fmt: skip
    """What a stage makes of units; ``NotCoveredError`` if that is not known."""
    before = kept(module for module in stage.before if not averages(module))
    kernel = Kernel.of(stage.layer, stage.before, x.shape)
    if kernel.pooled:  # what averages are is not known, but what comes back through them
        if stage.activation is not None or len(stage.norm) or stage.residual or stage.skip:
            raise NotCoveredError
        return Passed(kernel, None, torch.ones(len(x), dtype=x.dtype), before=before, after=kept(stage.after)), None
    variance = kernel.forward(x.square().mean(dim=(1, 2)) / before)
    drawn = Drawn(variance, torch.ones_like(variance))
    for module in stage.norm:
        drawn = normalise(module, drawn)
    z = drawn.units(x.shape[1], kernel.outputs, random)
    branch = factor_of(stage.branch, kernel.outputs, z.ndim - 3) if stage.skip or stage.residual else 1.0
    if skipped is not None:
        z = branch * z + selected(stage.shortcut, skipped, z.shape)
    h, slope = activate(stage.activation, z)
    moment = float(h.square().mean())
    try:
        after = kept(stage.after)
    except NotCoveredError:  # a pool: what goes into it is known
        return Passed(kernel, moment, None), None
    y = h if after == 1 else h * (torch.rand(h.shape, generator=random) < after) / after
    residual = stage.residual and y.shape == x.shape
    passed = Passed(kernel, moment, drawn.gain, slope, before, after, branch, residual, stage.skip, stage.shortcut)
    return passed, branch * y + x if residual else y


def selected(shortcut: nn.Module | None, x: Tensor, shape: torch.Size) -> Tensor:
    """What a shortcut brings; ``NotCoveredError`` if it does more than select units and places, or fill up with 0."""
    if shortcut is None:
        found = x
    else:
        flat = x.flatten(0, 1)
        f = exact(shortcut)
        found, squares = f(flat), f(flat.square())
        if not torch.equal(found.square(), squares):
            raise NotCoveredError
        found = found.unflatten(0, x.shape[:2])
    if found.shape != shape:
        raise NotCoveredError
    return found


def activate(activation: nn.Module | None, z: Tensor) -> tuple[Tensor, Tensor | None]:
    """f(z) and f'(z); the activation is asked as it is."""
    if activation is None:
        return z, None
    h, slope = evaluated(exact(activation), z.flatten(0, 1))
    return h.view_as(z), slope.view_as(z).float()
