"""What is said of a layer's activations: over one use of the layer, or over all its uses in a forward pass."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from workbench.training.probes.norms import Value, double

SATURATED = 0.01  # a slope below this lets less than a hundredth of the gradient through
SAMPLES = 64  # of a batch, between which activations are correlated

STATISTICS = (
    "weight_norm",
    "weight_grad_norm",
    "signal_grad_norm",
    "update_ratio",
    "activation_mean",
    "activation_std",
    "saturated_fraction",
    "dead_fraction",
    "activation_correlation",
)


class Use(NamedTuple):
    """What is kept of one use of a layer."""

    pairs: int  # of a sample and a unit
    mean: Tensor
    square: Tensor  # sum of squared distances from the mean
    saturated: Tensor | int  # pairs
    dead: Tensor | None  # by unit: whether no sample has a slope; None: there is no activation
    vectors: Tensor  # (samples, units), the first samples


class Activations:
    """Gathers what a layer's activation gives; copies what it keeps, as what comes next may change it in place."""

    def __init__(self, layer: nn.Module) -> None:
        self.conv = isinstance(layer, nn.modules.conv._ConvNd)
        self.uses: list[Use] = []

    def add(self, h: Tensor, slopes: Tensor | None) -> Tensor:
        """Take in one use: ``h`` is (batch, ...), ``slopes`` of its shape, or None where h is the layer's own output.

        Units are the last dimension of a Linear layer, the channels (dimension 1) of a Conv layer. Returns a copy of h.
        """
        copy = double(h.detach())
        mean = copy.mean()
        away = (copy - mean).reshape(-1)
        square = torch.dot(away, away)
        sizes = None if slopes is None else slopes.abs()
        saturated = 0 if sizes is None else torch.count_nonzero(sizes < SATURATED)
        dead = None if sizes is None else self.dead(sizes)
        few = copy[:SAMPLES].clone()  # not a view, which would keep all of the copy in memory until the end
        vectors = few.flatten(1) if few.ndim > 1 else few[:, None]
        self.uses.append(Use(h.numel(), mean, square, saturated, dead, vectors))
        return copy

    def dead(self, sizes: Tensor) -> Tensor:
        """By unit, whether the slope is 0 for every sample and place."""
        if sizes.ndim < 2:
            return sizes.amax() == 0
        units = 1 if self.conv else sizes.ndim - 1
        return sizes.amax([n for n in range(sizes.ndim) if n != units]) == 0

    def statistics(self) -> dict[str, Value]:
        """All that is said of them; empty if the layer was never reached."""
        if not self.uses:
            return {}
        first, *more = self.uses
        count, mean, square = first.pairs, first.mean, first.square
        saturated, dead, vectors = first.saturated, first.dead, first.vectors
        for use in more:
            # Chan, Golub, LeVeque 1979: how means and sums of squares of two parts are put together.
            away, total = use.mean - mean, count + use.pairs
            square = square + use.square + away**2 * (count * use.pairs / total)
            count, mean = total, mean + away * (use.pairs / total)
            saturated = saturated + use.saturated
            dead = dead & use.dead if dead is not None and use.dead is not None else None
        if more:
            least = min(len(use.vectors) for use in self.uses)
            vectors = torch.cat([use.vectors[:least] for use in self.uses], dim=1)
        return {
            "activation_mean": mean,
            "activation_std": (square / count).sqrt(),
            "saturated_fraction": saturated / count,
            "dead_fraction": 0.0 if dead is None else torch.count_nonzero(dead) / dead.numel(),
            "activation_correlation": activation_correlation(vectors),
        }


def activation_correlation(vectors: Tensor) -> Value:
    """Mean size |r| of the Pearson correlation between the activation vectors of two samples.

    ``vectors`` is (samples, units) in double precision. 0: unrelated, 1: the layer says the same of every
    sample. The size, because batch norm pins the mean of r itself near 0, whatever the network has learned.
    NaN when all units of a sample agree, or with fewer than two samples: then it has no meaning.
    """
    n = len(vectors)
    if n < 2:
        return math.nan
    vectors = vectors - vectors.mean(dim=1, keepdim=True)
    unit = vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    mean: Tensor = (unit @ unit.T).abs_().fill_diagonal_(0).sum() / (n * (n - 1))
    return mean
