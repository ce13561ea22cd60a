"""An optimizer with its remedies and schedule, at work on points of a surface: look, then move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from workbench.blame import blame, rate_factor, returned
from workbench.components import Clock, Remedy
from workbench.registry import Registry
from workbench.stepping import has_modes, judged, needs_closure

Slope = Callable[[Tensor], tuple[Tensor, Tensor]]


class Mover:
    """Moves ``parameters``, one tensor of shape (2, ...).

    ``slope(points)`` gives values and gradients there; the loss that an optimizer's closure returns is the
    sum of the values. ``noise`` (steps, 2) is added to the gradients, the same one as often as a step asks.
    """

    def __init__(
        self,
        base: dict[str, Any],
        registry: Registry,
        parameters: Tensor,
        slope: Slope,
        steps: int,
        noise: Tensor | None = None,
    ) -> None:
        self.registry, self.parameters, self.slope, self.steps, self.noise = registry, parameters, slope, steps, noise
        self.evaluations = 0  # of the gradient
        self.optimizer_name = base["optimizer"]["use"]
        self.remedies: list[tuple[str, Remedy]] = [
            (reference["use"], registry.make("remedy", reference)) for reference in base["remedies"]
        ]
        self.optimizer = registry.make("optimizer", base["optimizer"], [parameters])
        with blame(registry, "optimizer", self.optimizer_name):
            if not isinstance(self.optimizer, torch.optim.Optimizer):
                raise TypeError(f"it made a {type(self.optimizer).__name__}, not a torch.optim.Optimizer")
        for name, remedy in self.remedies:
            with blame(registry, "remedy", name):
                self.optimizer = remedy.wrap_optimizer(self.optimizer)
                returned("wrap_optimizer", self.optimizer, hasattr(self.optimizer, "param_groups"))
        self.factor = rate_factor(registry, base["schedule"], self.remedies)
        with blame(registry, "optimizer", self.optimizer_name):
            self.rates = [group.get("lr") for group in self.optimizer.param_groups]
            for group in self.optimizer.param_groups:
                if group.get("foreach", True) is None:
                    group["foreach"] = False  # what torch finds out anew at every step, for one tensor on a CPU
            declared = registry.get("optimizer", self.optimizer_name).needs_closure
            self.needs_closure = declared or needs_closure(self.optimizer)
            self.both = has_modes(self.optimizer)
            if self.both:
                self.optimizer.train()  # type: ignore[union-attr]
        self.rate: Any = None  # of the last move

    def place(self) -> Tensor:
        """The points to judge, (2, ...): the parameters, unless the optimizer keeps others for that."""
        if not self.both:
            return self.parameters.detach()
        with blame(self.registry, "optimizer", self.optimizer_name), judged(self.optimizer):
            return self.parameters.detach().clone()

    def look(self, index: int) -> Tensor:
        """The values of the surface at the parameters before step ``index`` (from 0); their gradients are at hand."""
        return self._backward(Clock(index, self.steps, index, self.steps))

    def move(self, index: int, values: Tensor) -> None:
        """Take step ``index`` with the gradients of the last look, which gave ``values``."""
        clock = Clock(index, self.steps, index, self.steps)
        factor = self.factor(clock)
        groups = self.optimizer.param_groups
        self.rates += [group.get("lr") for group in groups[len(self.rates) :]]  # some add groups as they go
        for group, rate in zip(groups, self.rates, strict=False):
            if rate is not None:
                group["lr"] = rate if factor == 1 else rate * factor
        with blame(self.registry, "optimizer", self.optimizer_name):
            if self.needs_closure:
                self.optimizer.step(self._closure(clock, values))
            else:
                self.optimizer.step()
        for name, remedy in self.remedies:
            with blame(self.registry, "remedy", name), torch.no_grad():
                remedy.after_step([self.parameters], clock)
        self.rate = None if self.rates[0] is None else self.rates[0] if factor == 1 else self.rates[0] * factor

    def _closure(self, clock: Clock, values: Tensor) -> Callable[[], Tensor]:
        place = self.parameters.detach().clone()

        def closure() -> Tensor:
            """The loss again; the gradient only anew where the optimizer has moved on by itself."""
            nonlocal place
            if torch.equal(place, self.parameters.detach()):
                return values.sum()
            place = self.parameters.detach().clone()
            return self._backward(clock).sum()

        return closure

    def _backward(self, clock: Clock) -> Tensor:
        values, gradient = self.slope(self.parameters.detach())
        self.evaluations += 1
        if self.noise is not None:
            noise = self.noise[clock.step]
            gradient = gradient + (noise if noise.dim() == gradient.dim() else noise[:, None])
        self.parameters.grad = gradient
        for name, remedy in self.remedies:
            with blame(self.registry, "remedy", name), torch.no_grad():
                remedy.before_step([self.parameters], clock)
        return values

    def state(self) -> Iterator[tuple[str, Tensor]]:
        """What the optimizer keeps of the parameters, by name: tensors of any shape and numbers as tensors."""
        kept = self.optimizer.state.get(self.parameters, {})
        for name, value in kept.items():
            yield from tensors(str(name), value)

    def state_bytes(self) -> int:
        """How much memory the state takes."""
        return sum(tensor.nbytes for _, tensor in self.state())


def tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors and numbers in a piece of state, by name."""
    if isinstance(value, Tensor):
        yield name, value.detach()
    elif isinstance(value, bool | int | float):
        yield name, torch.tensor(float(value), dtype=torch.float64)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from tensors(f"{name}[{index}]", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from tensors(f"{name}.{key}", item)
