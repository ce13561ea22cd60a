"""One number of a composition tried over a range, or two over a map: where every setting led."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pandas as pd
import torch

from workbench.descent.batch import Columns, varies_surface
from workbench.descent.outcomes import Floats
from workbench.descent.rows import Part, reached, run_rows
from workbench.descent.surface import Landscape
from workbench.experiment import Run
from workbench.experiment.axes import numbers, values
from workbench.records import Recorder
from workbench.registry import Registry


def settings_of(run: Run, registry: Registry) -> dict[str, Floats]:
    """The values of each axis by its name; those that are not allowed are left out."""
    assert run.sweep is not None
    known = numbers(registry, run.base, run.task)
    axes = [run.sweep, *([run.sweep["second"]] if run.sweep.get("second") else [])]
    return {axis["parameter"]: values(axis, known[axis["parameter"]]) for axis in axes}


def grid(axes: dict[str, Floats]) -> Columns:
    """Every pair of the two axes, the first one running fastest; one axis stays as it is."""
    if len(axes) == 1:
        return axes
    (first, x), (second, y) = axes.items()
    return {first: np.tile(x, len(y)), second: np.repeat(y, len(x))}


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
    axes = settings_of(run, registry)
    columns = grid(axes)
    total = len(next(iter(columns.values())))
    reason, refused, done, converged, best, evaluations = "", "", 0, 0, math.inf, 0.0
    for part in run_rows(run, landscape, columns, recorder):
        rows = table(run, landscape, columns, part)
        recorder.add("sweep", rows)
        reason, refused = reason or part.reason, refused or part.ends.refused
        done += len(rows)
        converged += int((part.ends.outcomes.outcome == "converged").sum())
        ended = part.ends.last[2][np.isfinite(part.ends.last[2])]
        best = min([best, *([float(ended.min())] if len(ended) else [])])
        evaluations += float(np.nansum(part.ends.evaluations))
    what = "starts" if all(name.startswith("start.") for name in axes) else "settings"
    message = f"{converged} of {done} {what} converge"
    counts = run.sweep["count"] * (run.sweep["second"]["count"] if run.sweep.get("second") else 1)
    if left_out := counts - total:
        message += f"; {left_out} outside the allowed range left out"
    if refused:
        message += f"; {refused}"
    if reason:
        message += f"; computed one by one, because {reason}"
    return {
        "outcome": recorder.asked() if done < total else "finished",
        "steps": run.task["steps"],
        "value": best if math.isfinite(best) else math.nan,
        "evaluations": evaluations,
        "message": message,
    }


def table(run: Run, landscape: Landscape, columns: Columns, part: Part) -> pd.DataFrame:
    """Rows of the table ``sweep``: each with the last place that was reached, finite or not."""
    names = [*columns, ""][:2]
    ends = part.ends
    count = ends.last.shape[1]
    return pd.DataFrame(
        {
            "parameter": pd.Series(names[0], index=range(count), dtype="str"),
            "setting": columns[names[0]][part.rows],
            "parameter_2": pd.Series(names[1], index=range(count), dtype="str"),
            "setting_2": columns[names[1]][part.rows] if names[1] else np.nan,
            "outcome": pd.array(ends.outcomes.outcome, dtype="str"),
            "steps_to_tolerance": ends.outcomes.to_tolerance,
            "value": ends.last[2],
            "x": ends.last[0],
            "y": ends.last[1],
            "minimum": 0 if varies_surface(columns) else reached(landscape, ends.last, run.task["tolerance"]),
        }
    )
