"""The gradient on its way back through units that were drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from workbench.training.network import Stage
from workbench.training.probes.covered import exact
from workbench.training.probes.gradient import Loss, relative
from workbench.training.probes.kernel import transposed
from workbench.training.probes.units import Passed, forward


def follow(
    stages: Sequence[Stage], inputs: Tensor, whole: int, loss: Loss | None
) -> tuple[list[float | None], list[float]]:
    """E[h^2] as far as it goes; and the norms of the gradient, if it goes through all of a network's stages."""
    passed = list(forward(stages, inputs))
    known = len(passed) == whole and all(here.gain is not None for here in passed)
    return [here.moment for here in passed], backward(passed) if known else []


def backward(passed: Sequence[Passed]) -> list[float]:
    """Norms of the gradient in every layer's output, the last one's 1.

    Each unit keeps a square of its own, as a shortcut takes the gradient through the slopes of one unit again and
    again; weights spread it evenly over all units. (Yang, Schoenholz 2017, arXiv:1712.08969.)
    """
    samples, networks = passed[-1].kernel.shape[:2]
    outputs, places = passed[-1].kernel.outputs, cast(Tensor, passed[-1].gain).shape[1:]
    square = torch.full((samples, networks, outputs, *places), 1 / outputs / places.numel(), dtype=torch.float64)
    norms: list[float] = []
    brought: dict[int, Tensor] = {}  # by stage, what shortcuts bring back to its inputs
    for number in range(len(passed) - 1, -1, -1):
        here = passed[number]
        if here.residual:
            brought[number] = brought.get(number, 0) + square
            square = here.branch**2 * square
        square = square / here.after
        if here.slope is not None:
            square = square * here.slope.double().square()
        if here.skip:
            begin = number + 1 - here.skip
            brought[begin] = brought.get(begin, 0) + unselected(here.shortcut, square, passed[begin].kernel.shape)
            square = here.branch**2 * square
        summed = cast(Tensor, here.gain) * square.sum(dim=2).mean(dim=1)  # (samples, places)
        norms.append(float(summed.sum() / samples) ** 0.5)
        square = here.kernel.backward(summed) / here.before + brought.pop(number, 0)
    return relative(norms)


def unselected(shortcut: nn.Module | None, square: Tensor, shape: torch.Size) -> Tensor:
    """The squared gradient of what a shortcut is given, from that of what it brings."""
    if shortcut is None:
        return square
    flat = torch.Size([shape[0] * shape[1], *shape[2:]])
    return transposed(exact(shortcut), flat, square.flatten(0, 1)).view(shape)
