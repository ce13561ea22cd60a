"""Which parts of a network theory can follow a signal through, and what it has to know of them."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class NotCoveredError(Exception):
    """There is no prediction for this part of a network."""


def plain(layer: nn.Module) -> nn.Module:
    """The layer, or a copy where its weight is parametrized (spectral norm), as to ask for that may change it."""
    return copy.deepcopy(layer) if parametrize.is_parametrized(layer, "weight") else layer


def linear(layer: nn.Module) -> nn.Linear:
    """The layer if it is a Linear one."""
    found = plain(layer)
    if not isinstance(found, nn.Linear) or (found is layer and type(layer) is not nn.Linear):
        raise NotCoveredError
    if structured(found.weight):
        raise NotCoveredError
    return found


def structured(weight: Tensor) -> bool:
    """Whether weights are no draws but an identity or the like: many exact zeros among others."""
    zeros = float((weight == 0).float().mean())
    return 0.01 < zeros < 1


def exact(module: nn.Module) -> nn.Module:
    """A copy that computes in double precision, on the processor."""
    return copy.deepcopy(module).cpu().double()


def kept(modules: Iterable[nn.Module]) -> float:
    """The share that dropout leaves of what passes these modules; ``NotCoveredError`` for any that does more."""
    share = 1.0
    for module in modules:
        if type(module) is nn.Dropout and module.p < 1:
            share *= 1 - module.p if module.training else 1
        elif not isinstance(module, nn.Identity | nn.Flatten):
            raise NotCoveredError
    return share


def factor_of(branch: nn.Module, width: int, axes: int = 0) -> float:
    """The one number that a branch multiplies by, in training and in testing; ``NotCoveredError`` if it does more.

    It is given ``width`` units at places along so many ``axes``.
    """
    mine = copy.deepcopy(branch).cpu()
    given = torch.randn(4, width, *[3] * axes, generator=torch.Generator().manual_seed(0))
    made = [(mine.train(mode)(given.clone()) / given) for mode in (True, False)]
    found = float(made[0].flatten()[0])
    if not all(torch.allclose(each, torch.full_like(each, found), rtol=1e-5) for each in made):
        raise NotCoveredError
    return found


def uniform(values: torch.Tensor | None, absent: float) -> float:
    """The number that all entries are; ``NotCoveredError`` when they differ."""
    if values is None:
        return absent
    if not bool((values == values.flatten()[0]).all()):
        raise NotCoveredError
    return float(values.flatten()[0])
