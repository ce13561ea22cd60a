"""What layers of random weights do to a signal, in the limit of wide layers.

A unit's input z is a sum over many independent weights, so over the units of a layer it is Gaussian (Neal 1996;
Poole et al. 2016, arXiv:1606.05340). Then a few numbers say all that there is to know of a layer's activations:
their second moment, their mean, and how much two samples have in common. Samples come in a few groups of like
size, as a picture with much ink stays a larger signal than one with little.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workbench.training.probes.covered import exact
from workbench.training.probes.gradient import Gradient
from workbench.training.probes.norms import double
from workbench.training.probes.slopes import evaluated

GROUPS = (8, 2)  # of samples: by the mean of their inputs, and each of those by size
SEEN = 256  # samples of a batch that are looked at
FINE, COARSE = (256, 8.0), (48, 6.0)  # points at which Gaussian integrals are summed up, and standard deviations


@dataclass(frozen=True)
class Signal:
    """Numbers in a layer, by group of samples; each tensor is (groups,), in double precision.

    ``square``: mean of x^2 over units; ``mean``: mean of x over units; ``common``: mean over units of x times
    the average of x over all samples; ``shares``: which part of the batch a group is.
    """

    square: Tensor
    mean: Tensor
    common: Tensor
    shares: Tensor

    def average(self, values: Tensor) -> Tensor:
        """The average over samples."""
        return (self.shares * values).sum()


@dataclass(frozen=True)
class Gaussian:
    """A layer's outputs z, by group: over units they are N(mean, variance).

    Two samples s and t have the covariance ``factor[s] * factor[t]`` over units.
    """

    mean: Tensor
    variance: Tensor
    factor: Tensor
    shares: Tensor

    def average(self, values: Tensor) -> Tensor:
        """The average over samples."""
        return (self.shares * values).sum()


def observe(x: Tensor) -> Signal:
    """The signal that a batch of inputs (samples, features) is."""
    x = x[:SEEN].detach().cpu().double()
    square = x.square().mean(dim=1)
    common = (x * x.mean(dim=0)).mean(dim=1)
    groups: list[Tensor] = []
    for alike in torch.tensor_split(x.mean(dim=1).argsort(), GROUPS[0]):
        groups += torch.tensor_split(alike[square[alike].argsort()], GROUPS[1])
    groups = [group for group in groups if len(group)]
    shares = torch.tensor([len(group) / len(x) for group in groups], dtype=torch.float64)

    def gathered(values: Tensor) -> Tensor:
        return torch.stack([values[group].mean() for group in groups])

    return Signal(gathered(square), gathered(x.mean(dim=1)), gathered(common), shares)


@dataclass(frozen=True)
class Weights:
    """A Linear layer's weights as what they are taken for: independent draws with this mean and variance."""

    inputs: int
    outputs: int
    mean: float
    variance: float
    bias_mean: float
    bias_variance: float

    @classmethod
    def of(cls, layer: nn.Linear) -> Weights:
        """Measured from the layer as it is."""
        weight, bias = moments(layer.weight), (0.0, 0.0) if layer.bias is None else moments(layer.bias)
        return cls(layer.in_features, layer.out_features, *weight, *bias)

    def forward(self, x: Signal) -> Gaussian:
        """z = W x + b: the variance of the weights spreads the units, their mean moves all of them alike."""
        spread = self.inputs * self.variance
        variance = spread * x.square + self.bias_variance
        common = spread * x.common + self.bias_variance
        mean = self.inputs * self.mean * x.mean + self.bias_mean
        return Gaussian(mean, variance, factors(common, variance, x.shares), x.shares)

    def backward(self, z: Gradient) -> Gradient:
        """The gradient in x, from that in z."""
        spread = self.inputs * self.variance
        square, shift = spread * z.square, self.inputs * self.mean**2 * z.total
        return Gradient(square + shift, square + self.inputs * shift, spread * z.common)


def moments(values: Tensor) -> tuple[float, float]:
    """Mean and variance of all entries; faster than torch's own on the processor."""
    values = double(values.detach()).reshape(-1)
    mean = values.mean()
    away = values - mean
    return float(mean), float(torch.dot(away, away)) / max(len(values), 1)


def factors(common: Tensor, variance: Tensor, shares: Tensor) -> Tensor:
    """What each group has of the part that all samples share, from its overlap with the average sample."""
    total = float((shares * common).sum())
    if total <= 0:
        return torch.zeros_like(common)
    root = variance.clamp(min=0).sqrt()
    return torch.maximum(torch.minimum(common / math.sqrt(total), root), -root)


@dataclass(frozen=True)
class Activated:
    """What an activation makes of a Gaussian: the signal, and the means of f', f'^2 and f' z over units by group."""

    signal: Signal
    slope: Tensor
    slope_square: Tensor
    slope_z: Tensor


def activate(activation: nn.Module | None, z: Gaussian) -> Activated:
    """h = f(z); the activation is asked as it is, its slope comes from autograd."""
    one = torch.ones_like(z.mean)
    if activation is None:
        centre = z.average(z.mean)
        common = z.factor * z.average(z.factor) + z.mean * centre
        return Activated(Signal(z.variance + z.mean**2, z.mean, common, z.shares), one, one, z.mean)
    f = exact(activation)
    points, weights = grid(*FINE)
    at = z.mean[:, None] + z.variance.sqrt()[:, None] * points
    h, slopes = evaluated(f, at)
    mean, square = h @ weights, h**2 @ weights
    signal = Signal(square, mean, shared(f, z, mean), z.shares)
    return Activated(signal, slopes @ weights, slopes**2 @ weights, (slopes * at) @ weights)


def shared(f: nn.Module, z: Gaussian, mean: Tensor) -> Tensor:
    """Mean over units of h times the average of h over samples."""
    if not z.factor.any():
        return mean * z.average(mean)
    points, weights = grid(*COARSE)
    own = (z.variance - z.factor**2).clamp(min=0).sqrt()
    with torch.no_grad():
        at = (z.mean[:, None] + z.factor[:, None] * points)[:, :, None] + own[:, None, None] * points
        h = f(at).to(at.dtype)
        given = h @ weights  # (groups, points of the shared part): the mean of h where that part is known
    common: Tensor = (given * (z.shares @ given)) @ weights
    return common


@functools.cache
def grid(count: int, reach: float) -> tuple[Tensor, Tensor]:
    """Points and weights of N(0, 1): evenly spaced, none at 0, where activations have their kinks."""
    width = 2 * reach / count
    points = (torch.arange(count, dtype=torch.float64) + 0.5) * width - reach
    weights = torch.exp(-(points**2) / 2)
    return points, weights / weights.sum()
