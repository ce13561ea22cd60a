"""What norms do to a Gaussian layer and to the gradient that comes back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workbench.training.probes.mean_field import Gaussian


@dataclass(frozen=True)
class Normed:
    """A norm's output, and what it does to a gradient."""

    z: Gaussian
    gain: Tensor  # what the squared gradient is multiplied by, by group
    centred: bool  # whether it takes out what all units of a sample have in common

    def backward(self, square: Tensor, total: Tensor, units: int) -> tuple[Tensor, Tensor]:
        """The gradient before the norm, from that behind it: sum of squares, and square of the sum over units."""
        if self.centred:
            square, total = (square - total / units).clamp(min=0), torch.zeros_like(total)
        return self.gain * square, self.gain * total


def normalise(module: nn.Module, z: Gaussian) -> Normed | None:
    """What a norm makes of a layer's outputs; None for a norm that is not covered."""
    if isinstance(module, nn.Identity):
        return Normed(z, torch.ones_like(z.mean), False)
    scale, shift = uniform(getattr(module, "weight", None), 1.0), uniform(getattr(module, "bias", None), 0.0)
    if scale is None or shift is None:
        return None
    if type(module) is nn.BatchNorm1d and module.training:
        return batch_norm(z, module.eps, scale, shift)
    if type(module) is nn.LayerNorm and len(module.normalized_shape) == 1:
        return within(z, z.variance + module.eps, scale, shift, centred=True)
    if type(module) is nn.RMSNorm and len(module.normalized_shape) == 1:
        eps = torch.finfo(torch.float32).eps if module.eps is None else module.eps
        return within(z, z.variance + z.mean**2 + eps, scale, shift, centred=False)
    return None


def uniform(values: Tensor | None, absent: float) -> float | None:
    """The number that all entries are; None when they differ."""
    if values is None:
        return absent
    return float(values.flatten()[0]) if bool((values == values.flatten()[0]).all()) else None


def batch_norm(z: Gaussian, eps: float, scale: float, shift: float) -> Normed:
    """Take out what all samples of a large batch have in common in a unit, and divide by how they differ.

    So samples have nothing in common afterwards. Ioffe, Szegedy 2015; its gradient: Yang et al. 2019, arXiv:1902.08129.
    """
    centre, middle = z.average(z.mean), z.average(z.factor)
    own = z.variance - 2 * z.factor * middle + middle**2  # of a sample, around the batch's mean
    spread = z.average(own + (z.mean - centre) ** 2) + eps
    mean = scale * (z.mean - centre) / spread.sqrt() + shift
    out = Gaussian(mean, scale**2 * own.clamp(min=0) / spread, torch.zeros_like(mean), z.shares)
    return Normed(out, (scale**2 / spread).expand_as(mean), False)


def within(z: Gaussian, spread: Tensor, scale: float, shift: float, centred: bool) -> Normed:
    """Divide each sample by the root of ``spread``, its own; Ba et al. 2016, arXiv:1607.06450; Zhang, Sennrich 2019."""
    root = spread.sqrt()
    mean = torch.full_like(z.mean, shift) if centred else scale * z.mean / root + shift
    out = Gaussian(mean, scale**2 * z.variance / spread, scale * z.factor / root, z.shares)
    return Normed(out, scale**2 / spread, centred)
