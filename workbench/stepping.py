"""How any torch optimizer is called: with a closure where it needs one, and in the mode that fits."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    """Whether ``step`` cannot be called without a closure."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


@contextmanager
def judged(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """The weights to judge instead of those that are stepped from, where an optimizer keeps both (``eval()``).

    Afterwards the weights are the same to the last bit, which going to and fro alone would not give.
    """
    if not has_modes(optimizer):
        yield
        return
    weights = [weight.detach() for group in optimizer.param_groups for weight in group["params"]]
    kept = [weight.clone() for weight in weights]
    optimizer.eval()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        optimizer.train()  # type: ignore[attr-defined]
        for weight, before in zip(weights, kept, strict=True):
            weight.copy_(before)


def has_modes(optimizer: torch.optim.Optimizer) -> bool:
    """Whether it has ``train()`` and ``eval()``, as schedule-free optimizers do."""
    return callable(getattr(optimizer, "train", None)) and callable(getattr(optimizer, "eval", None))
