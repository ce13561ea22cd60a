"""An optimizer around another one."""

from __future__ import annotations

from typing import Any

import torch


class Wrapper(torch.optim.Optimizer):
    """Another optimizer's groups, state and modes; a subclass only steps differently.

    Nothing is copied: who writes a rate into ``param_groups`` writes it into the inner optimizer's, and what the
    wrapper keeps for a parameter lies in the inner optimizer's state.
    """

    inner: torch.optim.Optimizer

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        self.__setstate__({"inner": inner})  # torch's hooks, as after unpickling; no groups of its own

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

    def moving(self) -> list[torch.Tensor]:
        """The parameters that have a gradient."""
        return [p for group in self.param_groups for p in group["params"] if p.grad is not None]
