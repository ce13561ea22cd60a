"""An optimizer with its remedies and schedule, at work on points of a surface: look, then move."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from workbench.blame import blame, rate_factor, returned
from workbench.components import Clock, Remedy
from workbench.registry import Registry
from workbench.stepping import Rates, has_modes, judged, needs_closure

Slope = Callable[[Tensor], tuple[Tensor, Tensor]]


class Mover:
    """Moves ``parameters``, one tensor of shape (2, ...).

    ``slope(points)`` gives values and gradients there; the loss that an optimizer's closure returns is the
    sum of the values. ``noise`` (steps, 2), times ``deviation``, is added to the gradients, the same one as often as
    a step asks.
    """

    def __init__(
        self,
        base: dict[str, Any],
        registry: Registry,
        parameters: Tensor,
        slope: Slope,
        steps: int,
        noise: Tensor | None = None,
        deviation: float = 1.0,
    ) -> None:
        self.registry, self.parameters, self.slope, self.steps = registry, parameters, slope, steps
        self.noise, self.deviation = noise, deviation
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
            self.rates = Rates(self.optimizer)
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
        with blame(self.registry, "optimizer", self.optimizer_name):
            self.rates.apply(self.factor(clock))
        self.rate = self.rates.written[0]
        with blame(self.registry, "optimizer", self.optimizer_name):
            if self.needs_closure:
                self.optimizer.step(self._closure(clock, values))
            else:
                self.optimizer.step()
        for name, remedy in self.remedies:
            with blame(self.registry, "remedy", name), torch.no_grad():
                remedy.after_step([self.parameters], clock)

    def _closure(self, clock: Clock, values: Tensor) -> Callable[[], Tensor]:
        place = self.parameters.detach().clone()

        def closure() -> Tensor:
            """The loss again; the gradient only anew where the optimizer has moved on by itself."""
            nonlocal place, values
            if self.parameters.grad is None or not torch.equal(place, self.parameters.detach()):
                place, values = self.parameters.detach().clone(), self._backward(clock)
            return values.sum()

        return closure

    def _backward(self, clock: Clock) -> Tensor:
        values, gradient = self.slope(self.parameters.detach())
        self.evaluations += 1
        if self.noise is not None:
            noise = self.noise[clock.step]
            gradient = gradient + (noise if noise.dim() == gradient.dim() else noise[:, None]) * self.deviation
        self.parameters.grad = gradient
        for name, remedy in self.remedies:
            with blame(self.registry, "remedy", name), torch.no_grad():
                remedy.before_step([self.parameters], clock)
        return values

    def state(self, longest: float = math.inf) -> Iterator[tuple[str, Tensor]]:
        """What the optimizer keeps of the parameters, by name: tensors of any shape and numbers as tensors.

        Lists of more than ``longest`` are left out.
        """
        kept = self.optimizer.state.get(self.parameters, {})
        for name, value in kept.items():
            yield from tensors(str(name), value, longest)

    def state_bytes(self) -> int:
        """How much memory the state takes."""
        return sum(tensor.nbytes for _, tensor in self.state())


def tensors(name: str, value: Any, longest: float) -> Iterator[tuple[str, Tensor]]:
    """The tensors and numbers in a piece of state, by name."""
    if isinstance(value, Tensor):
        yield name, value.detach()
    elif isinstance(value, bool | int | float):
        yield name, torch.tensor(float(value), dtype=torch.float64)
    elif isinstance(value, list | tuple) and len(value) <= longest:
        for index, item in enumerate(value):
            yield from tensors(f"{name}[{index}]", item, longest)
    elif isinstance(value, dict) and len(value) <= longest:
        for key, item in value.items():
            yield from tensors(f"{name}.{key}", item, longest)
