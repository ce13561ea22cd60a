"""What norms do to a Gaussian layer and to the gradient that comes back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workbench.training.probes.covered import NotCoveredError, uniform
from workbench.training.probes.gradient import Gradient
from workbench.training.probes.mean_field import Activated, Gaussian

LEAST = 1e-300  # a size below which there is nothing to divide


@dataclass(frozen=True)
class Normed:
    """A norm's output, and what it does to a gradient."""

    z: Gaussian
    gain: Tensor  # what the squared gradient is multiplied by, by group
    centred: bool = False  # whether it takes out what all units of a sample have in common
    batch: bool = False  # whether it takes out what all samples have in common

    def backward(self, gradient: Gradient, arrived: Tensor, after: Activated, units: int) -> Gradient:
        """The gradient before the norm; ``arrived``: what samples had in common before the activation's slopes."""
        square, total, common = gradient.square, gradient.total, gradient.common
        if self.batch:
            whole = self.z.average(square).clamp(min=LEAST)
            square = square * (1 - self.taken(arrived, after) / whole).clamp(min=0)
            common = torch.zeros_like(common)
        if self.centred:
            square, total = (square - total / units).clamp(min=0), torch.zeros_like(total)
        return Gradient(self.gain * square, self.gain * total, self.z.average(self.gain) * common)

    def taken(self, common: Tensor, after: Activated) -> Tensor:
        """What batch norm takes out of the squared gradient: its mean over samples, and its part along z."""
        z = self.z
        middle = z.average(z.mean)
        spread = (z.average(z.variance + z.mean**2) - middle**2).clamp(min=LEAST)
        slope, along = z.average(after.slope), z.average(after.slope_z)
        return common * (slope**2 + (along - middle * slope) ** 2 / spread)


def normalise(module: nn.Module, z: Gaussian) -> Normed:
    """What a norm makes of a layer's outputs; ``NotCoveredError`` for a norm that is not covered."""
    if isinstance(module, nn.Identity):
        return Normed(z, torch.ones_like(z.mean))
    scale, shift = uniform(getattr(module, "weight", None), 1.0), uniform(getattr(module, "bias", None), 0.0)
    if type(module) is nn.BatchNorm1d and module.training:
        return batch_norm(z, module.eps, scale, shift)
    if type(module) is nn.LayerNorm and len(module.normalized_shape) == 1:
        return within(z, z.variance + module.eps, scale, shift, centred=True)
    if type(module) is nn.RMSNorm and len(module.normalized_shape) == 1:
        eps = torch.finfo(torch.float32).eps if module.eps is None else module.eps
        return within(z, z.variance + z.mean**2 + eps, scale, shift, centred=False)
    raise NotCoveredError


def batch_norm(z: Gaussian, eps: float, scale: float, shift: float) -> Normed:
    """Take out what all samples of a large batch have in common in a unit, and divide by how they differ.

    So samples have nothing in common afterwards. Ioffe, Szegedy 2015; its gradient: Yang et al. 2019, arXiv:1902.08129.
    """
    centre, middle = z.average(z.mean), z.average(z.factor)
    own = z.variance - 2 * z.factor * middle + middle**2  # of a sample, around the batch's mean
    spread = z.average(own + (z.mean - centre) ** 2) + eps
    mean = scale * (z.mean - centre) / spread.sqrt() + shift
    out = Gaussian(mean, scale**2 * own.clamp(min=0) / spread, torch.zeros_like(mean), z.shares)
    return Normed(out, (scale**2 / spread).expand_as(mean), batch=True)


def within(z: Gaussian, spread: Tensor, scale: float, shift: float, centred: bool) -> Normed:
    """Divide each sample by the root of ``spread``, its own; Ba et al. 2016, arXiv:1607.06450; Zhang, Sennrich 2019."""
    root = spread.sqrt()
    mean = torch.full_like(z.mean, shift) if centred else scale * z.mean / root + shift
    out = Gaussian(mean, scale**2 * z.variance / spread, scale * z.factor / root, z.shares)
    return Normed(out, scale**2 / spread, centred)
