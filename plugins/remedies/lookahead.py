"""Lookahead: slow weights that follow the optimizer's fast ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from workbench import Param, Remedy

from .wrapper import Wrapper


class Lookahead(Remedy):
    """Every k steps, go back part of the way to where the last such point was."""

    name = "lookahead"
    title = "Lookahead"
    equation = (
        r"\phi \leftarrow \phi + \alpha (\theta - \phi), \quad \theta \leftarrow \phi \quad "
        r"\text{every } k \text{ steps}, \quad \phi_0 = \theta_0"
    )
    reference = "Zhang, Lucas, Hinton, Ba 2019, arXiv:1907.08610"
    params = (
        Param("k", 5, low=1, high=1_000_000, help="steps of the optimizer between two slow ones", search=(2, 20)),
        Param("alpha", 0.5, low=0.0, high=1.0, help="how much of the way is kept", search=(0.2, 0.9)),
    )
    k: int
    alpha: float

    def wrap_optimizer(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """Put the slow weights around it."""
        return SlowWeights(optimizer, self.k, self.alpha)


class SlowWeights(Wrapper):
    """Keep a slow copy of each parameter, ``slow`` in its state, from its first step on; count in the groups."""

    def __init__(self, inner: torch.optim.Optimizer, k: int, alpha: float) -> None:
        super().__init__(inner)
        self.k, self.alpha = k, alpha
        for group in self.param_groups:
            group["lookahead_step"] = 0

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One step of the inner optimizer, and every k-th time one of the slow weights."""
        first = [(p, p.clone()) for p in self.moving() if "slow" not in self.state[p]]
        loss = super().step(closure)
        for p, place in first:  # not before its step: many take an empty state for a first step
            self.state[p]["slow"] = place
        for group in self.param_groups:
            group["lookahead_step"] = (group["lookahead_step"] + 1) % self.k
            if group["lookahead_step"] == 0:
                for p in group["params"]:
                    if "slow" in self.state[p]:
                        p.copy_(self.state[p]["slow"].lerp_(p, self.alpha))
        return loss
