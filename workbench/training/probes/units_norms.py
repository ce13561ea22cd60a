"""What norms do to layers whose units are drawn, and to the gradient that comes back."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workbench.training.probes.covered import NotCoveredError, uniform

BATCH = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
WIDE = 64  # units that a norm has at least, so that their size is hardly left to chance


@dataclass(frozen=True)
class Drawn:
    """Outputs z of a layer, Gaussian over the units around 0.

    ``variance`` is (samples, places). ``gain`` is what norms multiply the squared gradient by; None if that is left to
    chance: what a channel is over samples and places that resemble each other differs from channel to channel, however
    many there are (batch norm), and so does what a few channels are (group norm).
    """

    variance: Tensor
    gain: Tensor | None

    def units(self, networks: int, count: int, random: torch.Generator) -> Tensor:
        """Units (samples, networks, count, places): at each place the ranks of all units are spread evenly."""
        samples, *places = self.variance.shape
        total, columns = networks * count, self.variance.numel()
        rank = torch.randperm(total, generator=random)[:, None] + torch.randint(total, (columns,), generator=random)
        within = torch.rand(total, columns, generator=random, dtype=torch.float64).clamp_(min=1e-9)
        z = torch.special.ndtri((rank % total + within) / total)
        z = z.view(networks, count, samples, *places).permute(2, 0, 1, *range(3, 3 + len(places)))
        found: Tensor = self.variance.sqrt()[:, None, None] * z
        return found


def normalise(module: nn.Module, z: Drawn) -> Drawn:
    """What a norm makes of z; ``NotCoveredError`` for one that is not covered."""
    if isinstance(module, nn.Identity):
        return z
    scale = uniform(getattr(module, "weight", None), 1.0)
    if uniform(getattr(module, "bias", None), 0.0):
        raise NotCoveredError
    over = tuple(range(1, z.variance.ndim))
    if type(module) in BATCH and getattr(module, "training", False):
        spread, wide = z.variance.mean(), False
    elif count := within(module, len(over)):
        spread, wide = z.variance.mean(dim=over, keepdim=True) if over else z.variance, count >= WIDE
    else:
        raise NotCoveredError
    gain = (scale**2 / (spread + float(getattr(module, "eps", None) or 0.0))).expand_as(z.variance)
    return Drawn(gain * z.variance, gain * z.gain if wide and z.gain is not None else None)


def within(module: nn.Module, axes: int) -> int:
    """By the size of how many units it divides, in each sample, at all places together; 0 if it does anything else."""
    if type(module) is nn.GroupNorm:
        count = module.num_channels // module.num_groups
        return count if count > 1 else 0
    if type(module) is nn.LayerNorm:
        return int(module.normalized_shape[0]) if axes == 0 and len(module.normalized_shape) == 1 else 0
    weight = getattr(module, "weight", None)
    return len(weight) if isinstance(weight, Tensor) and weight.ndim == 1 and by_square(module, weight, axes) else 0


def by_square(module: nn.Module, weight: Tensor, axes: int) -> bool:
    """Whether it divides by the root mean square of a sample (RMS norm), however it is written."""
    if type(module) in BATCH:
        return False
    given = torch.randn(2, len(weight), *[3] * axes, generator=torch.Generator().manual_seed(0)).to(weight)
    size = given.square().mean(dim=tuple(range(1, given.ndim)), keepdim=True).sqrt()
    try:
        made: Tensor = copy.deepcopy(module)(given)
    except Exception:  # one that is for other shapes
        return False
    return made.shape == given.shape and torch.allclose(made, weight[0] * given / size, rtol=1e-3)
