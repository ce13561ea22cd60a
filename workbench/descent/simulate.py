"""One descent, step by step, with a torch.optim optimizer in double precision."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from workbench.descent.mover import Mover
from workbench.descent.outcomes import outcome
from workbench.descent.surface import Landscape
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.records import Recorder
from workbench.registry import Registry

LONGEST = 10  # entries of a list in the optimizer's state up to which each one is recorded
INSPECTED = 2_000  # steps up to which a descent records what moved it


def start_of(task: dict[str, Any], landscape: Landscape, seed: int) -> tuple[float, float]:
    """Where a descent starts; "random" is drawn evenly from the domain, for each seed another."""
    if task["start"] != "random":
        x, y = task["start"]
        return x, y
    generator = np.random.default_rng(seed)
    return generator.uniform(*landscape.x), generator.uniform(*landscape.y)


def noise_of(steps: int, seed: int) -> Tensor:
    """Standard normal numbers (steps, 2): the noise of every descent with this seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(steps, 2, dtype=torch.float64, generator=generator)


@dataclass
class Descent:
    """What one descent did: rows of the tables ``path`` and ``state``, and what it cost."""

    path: list[tuple[float, float, float, float]] = field(default_factory=list)  # x, y, value, lr
    state: list[tuple[int, str, float, float]] = field(default_factory=list)  # step, name, x, y
    evaluations: int = 0
    state_bytes: int = 0

    def inspect(self, step: int, name: str, value: Tensor) -> None:
        """Keep a tensor of shape (2,) or a number."""
        if value.shape == (2,):
            self.state.append((step, name, *value.tolist()))
        elif value.numel() == 1:
            self.state.append((step, name, float(value), math.nan))


def descend(
    base: dict[str, Any],
    task: dict[str, Any],
    landscape: Landscape,
    seed: int = 0,
    recorder: Recorder | None = None,
    inspected: bool = False,
) -> Descent:
    """The start, then one row a step. Ends early where a number is not finite, or where somebody asks it to."""
    steps = task["steps"]
    at = torch.tensor(start_of(task, landscape, seed), dtype=torch.float64).requires_grad_()
    noise = noise_of(steps, seed) if landscape.noise else None
    made = Descent()
    rate = math.nan
    try:
        mover = Mover(base, landscape.registry, at, landscape.slope, steps, noise, landscape.noise)
        for index in range(steps):
            if recorder and recorder.asked():
                break
            values = mover.look(index)
            place = mover.place()
            if mover.both:
                with torch.no_grad():
                    values = landscape(place)
            x, y, value = *place.tolist(), values.item()
            made.path.append((x, y, value, rate))
            if not math.isfinite(value):
                break
            before = at.detach().clone() if inspected else place
            if inspected:
                made.inspect(index, "gradient", at.grad)  # type: ignore[arg-type]
            mover.move(index, values)
            rate = math.nan if mover.rate is None else mover.rate
            if inspected:
                made.inspect(index, "move", at.detach() - before)
                for name, tensor in mover.state(LONGEST):
                    made.inspect(index, name, tensor)
            if recorder:
                recorder.progress(index + 1, steps)
            if not bool(at.isfinite().all()):
                break
        if not made.path or math.isfinite(made.path[-1][2]):
            place = mover.place()
            with torch.no_grad():
                made.path.append((*place.tolist(), landscape(place).item(), rate))
        made.evaluations, made.state_bytes = mover.evaluations, mover.state_bytes()
    except WorkbenchError:
        if recorder:  # what was measured until then stays
            recorder.add("path", path_table(made))
        raise
    return made


def path_table(made: Descent) -> pd.DataFrame:
    """The table ``path``."""
    table = pd.DataFrame(made.path, columns=["x", "y", "value", "lr"])
    table.insert(0, "step", range(len(table)))
    return table


def execute(run: Run, registry: Registry, recorder: Recorder) -> dict[str, Any]:
    """Execute a run of kind ``descent``: records ``path`` and ``state`` and returns the summary row.

    Raises a ``WorkbenchError`` that names the plugin when one fails; the path until then is recorded.
    ``state`` is recorded for descents of up to ``INSPECTED`` steps.
    """
    began = time.perf_counter()
    landscape = Landscape(run.task["surface"], registry)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        made = descend(run.base, run.task, landscape, run.seed, recorder, run.task["steps"] <= INSPECTED)
    recorder.add("path", path_table(made))
    recorder.add("state", pd.DataFrame(made.state, columns=["step", "name", "x", "y"]))
    domain = (landscape.x, landscape.y)
    values = [row[2] for row in made.path]
    last = len(values) - 1
    stopped = last < run.task["steps"] and all(map(math.isfinite, made.path[-1][:3]))
    summary: dict[str, Any] = {
        "value": values[-1],
        "evaluations": made.evaluations,
        "state_bytes": made.state_bytes,
    }
    if stopped:
        asked = recorder.asked()
        summary |= {"outcome": asked, "steps": last, "message": f"{asked} at step {last}"}
    else:
        positions = [row[:2] for row in made.path]
        found = outcome(positions, values, landscape.lowest, run.task["tolerance"], domain, landscape.minima)
        summary |= {"outcome": found.outcome, "steps": found.step, "message": found.message}
    return summary | {"seconds": time.perf_counter() - began}
