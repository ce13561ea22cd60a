"""How any torch optimizer is called: at which rate, with a closure where it needs one, and in the mode that fits."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    if not has_modes(optimizer) or not optimizer.state:  # before the first step there is one set of weights
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


class Rates:
    """The learning rates of an optimizer's groups, each times the factor of a schedule.

    What an optimizer changes by itself stays changed: it counts as a new rate, to be multiplied from then on.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer  # not its groups: loading a state makes new ones
        self.base: list[Any] = []  # None: a group without a rate
        self.written: list[Any] = []
        self.factor: Any = 1.0
        self._meet()

    def apply(self, factor: Any) -> None:
        """Write the rates of the coming step into the groups."""
        self._meet()
        for index, group in enumerate(self.optimizer.param_groups):
            if self.base[index] is None:
                continue
            if differ(group["lr"], self.written[index]):
                self.base[index] = group["lr"] if is_number(self.factor, 0.0) else group["lr"] / self.factor
            group["lr"] = self.base[index] if is_number(factor, 1.0) else self.base[index] * factor
            self.written[index] = group["lr"]
        self.factor = factor

    def _meet(self) -> None:
        """Some optimizers add groups as they go."""
        for group in self.optimizer.param_groups[len(self.base) :]:
            self.base.append(group.get("lr"))
            self.written.append(group.get("lr"))

    def state_dict(self) -> dict[str, Any]:
        """What a run that goes on later needs."""
        return {"base": list(self.base), "written": list(self.written), "factor": self.factor}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""
        self.base, self.written, self.factor = list(state["base"]), list(state["written"]), state["factor"]


def is_number(value: Any, number: float) -> bool:
    """Whether a plain number has that value; what only poses as a number is not asked."""
    return type(value) in (int, float) and value == number


def differ(now: Any, before: Any) -> bool:
    """Whether a rate is another one; one that is no plain number is the same only when it is the same object."""
    if type(now) in (int, float) and type(before) in (int, float):
        return bool(now != before)
    return now is not before
