"""One setting of an optimizer tried over a range: where every setting led."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from workbench.components import Param
from workbench.descent.batch import BatchError, StopError, run_batch, with_setting
from workbench.descent.limits import limit as critical_rate
from workbench.descent.outcomes import Floats, judge
from workbench.descent.simulate import descend
from workbench.descent.surface import Landscape
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.records import Recorder
from workbench.registry import Registry

__all__ = ["critical_rate", "execute", "settings_of"]

CELLS = 4_000_000  # steps x settings kept in memory at a time: about 300 MB


def settings_of(run: Run, registry: Registry) -> Floats:
    """The settings that are tried; those that the optimizer's own Param does not allow are left out."""
    assert run.sweep is not None
    low, high, count = run.sweep["low"], run.sweep["high"], run.sweep["count"]
    every = np.geomspace(low, high, count) if run.sweep["scale"] == "log" else np.linspace(low, high, count)
    optimizer = registry.get("optimizer", run.base["optimizer"]["use"])
    param: Param = next(param for param in optimizer.params if param.name == run.sweep["parameter"])
    allowed = (param.low is None or every >= param.low) & (param.high is None or every <= param.high)
    if param.choices:
        allowed = allowed & np.isin(every, [float(choice) for choice in param.choices])
    kept: Floats = every[np.broadcast_to(allowed, every.shape)]
    if not len(kept):
        raise WorkbenchError(
            f"sweep from {low:g} to {high:g}: {param.name} of optimizer {optimizer.name!r} allows {param.allowed}; "
            "choose low and high within that"
        )
    return kept


def execute(run: Run, registry: Registry, recorder: Recorder) -> dict[str, Any]:
    """Execute a run of kind ``sweep``: records ``sweep`` and returns the summary row.

    All settings go in one pass where that gives the same numbers, otherwise one by one; the message
    says so. The row's ``value`` is the lowest that any setting ended at.
    """
    began = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        summary = sweep(run, registry, recorder)
    return summary | {"seconds": time.perf_counter() - began}


def sweep(run: Run, registry: Registry, recorder: Recorder) -> dict[str, Any]:
    """The summary row without its seconds."""
    assert run.sweep is not None
    landscape = Landscape(run.task["surface"], registry)
    parameter, steps = run.sweep["parameter"], run.task["steps"]
    settings = settings_of(run, registry)
    size = max(1, CELLS // (steps + 1))
    reason, stopped, done = "", False, 0
    words: list[str] = []
    best = math.inf
    for start in range(0, len(settings), size):
        part = settings[start : start + size]
        positions, values, why, stopped = measure(run, landscape, part, recorder, (done, len(settings)))
        reason = reason or why
        part = part[: values.shape[1]]
        if len(part):
            found = judge(positions, values, landscape.lowest, run.task["tolerance"], (landscape.x, landscape.y))
            rows = list(table(parameter, part, positions, values, found.outcome, found.to_tolerance))
            recorder.add("sweep", rows)
            words += [row["outcome"] for row in rows]
            best = min([best, *(row["value"] for row in rows if math.isfinite(row["value"]))])
        done += len(part)
        recorder.progress(done, len(settings))
        if stopped:
            break
    message = f"{words.count('converged')} of {len(words)} settings converge"
    if left_out := run.sweep["count"] - len(settings):
        message += f"; {left_out} outside the allowed range left out"
    if reason:
        message += f"; computed one by one, because {reason}"
    return {
        "outcome": recorder.asked() if stopped else "finished",
        "steps": steps,
        "value": best if math.isfinite(best) else math.nan,
        "message": message,
    }


def measure(
    run: Run, landscape: Landscape, settings: Floats, recorder: Recorder, progress: tuple[int, int]
) -> tuple[Floats, Floats, str, bool]:
    """Positions, values, why not in one pass (or an empty text), and whether it was stopped."""
    assert run.sweep is not None
    parameter = run.sweep["parameter"]
    none = np.empty((run.task["steps"] + 1, 2, 0)), np.empty((run.task["steps"] + 1, 0))
    reason = "of the remedies" if run.base["remedies"] else ""
    if not reason:
        try:
            return *run_batch(run.base, run.task, landscape, parameter, settings, recorder), "", False
        except BatchError as refusal:
            reason = str(refusal)
        except StopError:
            return *none, "", True
    done, total = progress
    places, heights = [], []
    for index, setting in enumerate(settings.tolist()):
        if recorder.asked():
            break
        torch.manual_seed(run.seed)
        rows = np.array(descend(with_setting(run.base, parameter, setting), run.task, landscape))
        filled = np.full((run.task["steps"] + 1, 4), np.nan)
        filled[: len(rows)] = rows
        places.append(filled[:, :2])
        heights.append(filled[:, 2])
        recorder.progress(done + index + 1, total)
    if not places:
        return *none, reason, True
    return np.stack(places, axis=-1), np.stack(heights, axis=-1), reason, len(places) < len(settings)


def table(
    parameter: str, settings: Floats, positions: Floats, values: Floats, outcomes: Any, reached: Floats
) -> Iterator[dict[str, Any]]:
    """Rows of the table ``sweep``: each with the last place that was reached, finite or not."""
    finite = np.isfinite(values) & np.isfinite(positions).all(axis=1)
    ended = np.where(finite.all(axis=0), len(values) - 1, (~finite).argmax(axis=0))
    for row, (setting, last) in enumerate(zip(settings.tolist(), ended.tolist(), strict=True)):
        yield {
            "parameter": parameter,
            "setting": setting,
            "outcome": str(outcomes[row]),
            "steps_to_tolerance": float(reached[row]),
            "value": float(values[last, row]),
            "x": float(positions[last, 0, row]),
            "y": float(positions[last, 1, row]),
        }
