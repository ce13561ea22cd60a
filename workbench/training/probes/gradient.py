"""The gradient on its way back through a wide network of Linear layers, in a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

FOLLOWS = 0.1  # what the squared gradient may be off by because it follows the outputs


@dataclass(frozen=True)
class Gradient:
    """``square``: sum of squares over units, by group of samples; ``total``: square of the sum over units, which
    matters when weights have a mean; ``common``: sum over units of the square of the mean over samples, one number.
    """

    square: Tensor
    total: Tensor
    common: Tensor

    def times(self, factor: float) -> Gradient:
        """A multiple of it."""
        return Gradient(factor**2 * self.square, factor**2 * self.total, factor**2 * self.common)

    def plus(self, other: Gradient) -> Gradient:
        """The sum with one that came through other weights, so that there are no products."""
        return Gradient(self.square + other.square, self.total + other.total, self.common + other.common)

    def dropped(self, share: float) -> Gradient:
        """Back through dropout that keeps ``share``."""
        return Gradient(self.square / share, self.total + (1 / share - 1) * self.square, self.common)

    def through(self, slope: Tensor, slope_square: Tensor, mean_slope: Tensor) -> Gradient:
        """Back through an activation: the slopes of units are independent of the gradient (Schoenholz et al. 2016)."""
        total = slope**2 * self.total + (slope_square - slope**2) * self.square
        return Gradient(slope_square * self.square, total, mean_slope**2 * self.common)


class Loss(NamedTuple):
    """Where the backward pass begins: what the network gives (samples, units), and the loss's gradient in that."""

    outputs: Tensor
    gradient: Tensor

    def start(self, shares: Tensor) -> Gradient:
        """The gradient in the last layer's output, scaled to the square 1."""
        found = self.gradient.cpu().double()
        size = found.square().sum(dim=1).mean().clamp(min=torch.finfo(found.dtype).tiny)
        one = torch.ones_like(shares)
        total = found.sum(dim=1).square().mean() / size
        return Gradient(one, total * one, found.mean(dim=0).square().sum() / size)

    def follows(self, inputs: int) -> bool:
        """Whether the gradient is so much a multiple of the outputs that the last layer's weights tell.

        Theory takes W for independent of the gradient, and W^T W h is larger: its square is 1 + outputs / inputs times
        as large. That matters to a network that gives back its inputs, and not to a classifier with few classes.
        """
        y, found = (each.cpu().double() for each in self)
        size = y.square().sum() * found.square().sum()
        return bool((y * found).sum() ** 2 * y.shape[1] / inputs > FOLLOWS * size)


def even(shares: Tensor) -> Gradient:
    """A gradient that sums to 0 over the units, and of which samples have nothing in common."""
    return Gradient(torch.ones_like(shares), torch.zeros_like(shares), shares.new_zeros(()))


def relative(norms: Sequence[float]) -> list[float]:
    """Norms from the last layer to the first, as multiples of the last one's, in forward order."""
    return [norm / norms[0] if norms[0] else norm for norm in reversed(norms)]
