"""An optimizer around another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from workbench import Refused, needs_closure


class Wrapper(torch.optim.Optimizer):
    """Another optimizer's groups, state and modes; a subclass only steps differently.

    Nothing is copied: who writes a rate into ``param_groups`` writes it into the inner optimizer's, and what the
    wrapper keeps for a parameter lies in the inner optimizer's state.
    """

    inner: torch.optim.Optimizer

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        self.__setstate__({"inner": inner})  # torch's hooks, as after unpickling; no groups of its own
        if needs_closure(inner):
            self.step = self.ask  # type: ignore[method-assign]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """The inner optimizer's step."""
        with torch.enable_grad():
            return self.inner.step() if closure is None else self.inner.step(closure)

    def ask(self, closure: Callable[[], Any]) -> Any:
        """``step`` around an optimizer that evaluates the loss itself, so whoever calls it has to say how."""
        return type(self).step(self, closure)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self)

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The inner optimizer's."""
        return self.inner.param_groups

    @property
    def state(self) -> Any:  # type: ignore[override]
        """The inner optimizer's, with what the wrapper adds."""
        return self.inner.state

    @property
    def defaults(self) -> dict[str, Any]:  # type: ignore[override]
        """The inner optimizer's."""
        return self.inner.defaults

    @property
    def core(self) -> torch.optim.Optimizer:
        """The optimizer inside all wrappers."""
        return self.inner.core if isinstance(self.inner, Wrapper) else self.inner

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        self.inner.add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """The inner optimizer's, with the numbers that it counts in attributes instead of in its state."""
        numbers = {key: value for key, value in vars(self.core).items() if type(value) in (bool, int, float)}
        return self.inner.state_dict() | {"counters": numbers}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.inner.load_state_dict(state_dict)
        vars(self.core).update(state_dict.get("counters", {}))

    def __getattr__(self, name: str) -> Any:
        """The modes of an inner optimizer that has them."""
        if name in ("train", "eval"):
            return getattr(self.inner, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def need_rates(self) -> None:
        """Raise ``Refused`` for an optimizer without a learning rate."""
        if any("lr" not in group for group in self.param_groups):
            raise Refused(f"it goes by the learning rate, and {type(self.core).__name__} has none; use another")

    def need_one_place(self) -> None:
        """Raise ``Refused`` for an optimizer that keeps two sets of weights (``train()`` and ``eval()``)."""
        if hasattr(self.inner, "train") and hasattr(self.inner, "eval"):
            raise Refused(f"{type(self.core).__name__} keeps two sets of weights of its own; use another")

    def moving(self) -> list[torch.Tensor]:
        """The parameters that have a gradient."""
        return [p for group in self.param_groups for p in group["params"] if p.grad is not None]


def innermost(
    optimizer: torch.optim.Optimizer, wrap: Callable[[torch.optim.Optimizer], Wrapper]
) -> torch.optim.Optimizer:
    """Put a wrapper directly around the optimizer itself, inside all others: so their order in the list is no matter.

    Raises ``Refused`` for an optimizer that evaluates the loss as often as it likes: what changes single steps or
    gradients would mislead it.
    """
    if isinstance(optimizer, Wrapper):
        optimizer.inner = innermost(optimizer.inner, wrap)
        return optimizer
    if needs_closure(optimizer):
        raise Refused(f"it works step by step, and {type(optimizer).__name__} asks for several gradients; use another")
    return wrap(optimizer)
