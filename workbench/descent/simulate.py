"""One descent, step by step, with a torch.optim optimizer in double precision."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workbench.blame import blame, rate_factor, returned
from workbench.components import Clock, Remedy
from workbench.descent.outcomes import outcome
from workbench.descent.surface import Landscape
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.records import Recorder
from workbench.registry import Registry


class Mover:
    """An optimizer with its remedies and schedule, at work on one tensor of parameters.

    ``slope(points)`` gives values and gradients at the parameters' place; the loss that an optimizer's
    closure returns is the sum of the values.
    """

    def __init__(
        self, base: dict[str, Any], registry: Registry, parameters: Tensor, slope: Callable[..., Any], steps: int
    ) -> None:
        self.registry, self.parameters, self.slope, self.steps = registry, parameters, slope, steps
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
            self.wants_closure = bool(inspect.signature(self.optimizer.step).parameters)

    def step(self, index: int) -> tuple[Tensor, float]:
        """Take step ``index`` (from 0); returns the values before it and the learning rate that was used.

        Where no value is finite there is no step to take.
        """
        clock = Clock(index, self.steps, index, self.steps)
        factor = self.factor(clock)
        groups = self.optimizer.param_groups
        self.rates += [group.get("lr") for group in groups[len(self.rates) :]]  # some add groups as they go
        for group, rate in zip(groups, self.rates, strict=False):
            if rate is not None:
                group["lr"] = rate * factor
        values = self._backward(clock)
        if not values.isfinite().any():
            return values, math.nan
        place = self.parameters.detach().clone()

        def closure() -> Tensor:
            """The loss again; the gradient only anew where the optimizer has moved on by itself."""
            nonlocal place
            if torch.equal(place, self.parameters.detach()):
                return values.sum()
            place = self.parameters.detach().clone()
            return self._backward(clock).sum()

        with blame(self.registry, "optimizer", self.optimizer_name):
            if self.wants_closure:
                self.optimizer.step(closure)
            else:
                self.optimizer.step()
        for name, remedy in self.remedies:
            with blame(self.registry, "remedy", name), torch.no_grad():
                remedy.after_step([self.parameters], clock)
        rate = self.rates[0]
        return values, math.nan if rate is None else rate * factor

    def _backward(self, clock: Clock) -> Tensor:
        values, gradient = self.slope(self.parameters.detach())
        self.parameters.grad = gradient
        for name, remedy in self.remedies:
            with blame(self.registry, "remedy", name), torch.no_grad():
                remedy.before_step([self.parameters], clock)
        return values  # type: ignore[no-any-return]


def descend(
    base: dict[str, Any], task: dict[str, Any], landscape: Landscape, recorder: Recorder | None = None
) -> list[tuple[float, float, float, float]]:
    """Rows (x, y, value, lr): the start, then one row a step. Ends early where a number is not finite."""
    steps = task["steps"]
    at = torch.tensor(task["start"], dtype=torch.float64).requires_grad_()
    rows: list[tuple[float, float, float, float]] = []
    rate = math.nan
    try:
        mover = Mover(base, landscape.registry, at, landscape.slope, steps)
        for index in range(steps):
            if recorder and recorder.asked():
                break
            x, y = at.tolist()
            before, next_rate = mover.step(index)
            rows.append((x, y, before.item(), rate))
            rate = next_rate
            if recorder:
                recorder.progress(index + 1, steps)
            if not (math.isfinite(rows[-1][2]) and bool(at.isfinite().all())):
                break
        if not rows or math.isfinite(rows[-1][2]):
            with torch.no_grad():
                rows.append((*at.tolist(), landscape(at.detach()).item(), rate))
    except WorkbenchError:
        if recorder:  # what was measured until then stays
            recorder.add("path", as_path(rows))
        raise
    return rows


def as_path(rows: list[tuple[float, float, float, float]]) -> list[dict[str, float]]:
    """Rows of the table ``path``."""
    return [{"step": step, "x": x, "y": y, "value": value, "lr": lr} for step, (x, y, value, lr) in enumerate(rows)]


def execute(run: Run, registry: Registry, recorder: Recorder) -> dict[str, Any]:
    """Execute a run of kind ``descent``: records ``path`` and returns the summary row.

    Raises a ``WorkbenchError`` that names the plugin when one fails; the path until then is recorded.
    """
    began = time.perf_counter()
    landscape = Landscape(run.task["surface"], registry)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        rows = descend(run.base, run.task, landscape, recorder)
    recorder.add("path", as_path(rows))
    domain = (landscape.x, landscape.y)
    values = [row[2] for row in rows]
    stopped = len(rows) - 1 < run.task["steps"] and all(map(math.isfinite, rows[-1][:3]))
    summary: dict[str, Any] = {"value": values[-1]}
    if stopped:
        asked = recorder.asked()
        summary |= {"outcome": asked, "steps": len(rows) - 1, "message": f"{asked} at step {len(rows) - 1}"}
    else:
        found = outcome(
            [row[:2] for row in rows], values, landscape.lowest, run.task["tolerance"], domain, landscape.minima
        )
        summary |= {"outcome": found.outcome, "steps": found.step, "message": found.message}
    return summary | {"seconds": time.perf_counter() - began}
