"""The same number of trials for every optimizer: random settings of its own, and how well each one ended.

Random search over the range that each setting says is worth trying (Bergstra and Bengio 2012, JMLR 13).
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pandas as pd
import torch

from workbench.descent.outcomes import Floats
from workbench.descent.rows import Part, run_rows
from workbench.descent.surface import Landscape
from workbench.descent.tuned import ranked
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.experiment.axes import obeys, tuned
from workbench.param import Param
from workbench.records import Recorder
from workbench.registry import Registry

PATIENCE = 100  # draws for each setting that is wanted
DIGITS = 3  # significant ones of a drawn setting: what is copied is what was run


def draw(param: Param, trials: int, generator: np.random.Generator) -> Floats:
    """Settings drawn evenly from the range worth trying, on a log scale where the Param says so."""
    assert param.search is not None
    low, high = param.search
    made: list[float] = []
    for _ in range(trials * PATIENCE):  # more often only where the Param's own rule refuses some
        share = generator.random()
        drawn = low * (high / low) ** share if param.scale == "log" else low + (high - low) * share
        rounded = min(max(float(f"{drawn:.{DIGITS}g}"), low), high)
        if param.rule is None or obeys(param, rounded):
            made.append(rounded)
        if len(made) == trials:
            return np.array(made)
    raise WorkbenchError(f"{param.name}: its own rule refuses nearly all from {low:g} to {high:g}; nothing is tuned")


def execute(run: Run, registry: Registry, recorder: Recorder) -> dict[str, Any]:
    """Execute a run of kind ``tune``: records ``trials`` and returns the summary row of the best.

    Best is the trial that needs the fewest steps to tolerance; where none converges, the one that ends lowest.
    """
    began = time.perf_counter()
    assert run.tune is not None
    landscape = Landscape(run.task["surface"], registry)
    params, trials = tuned(registry, run.base["optimizer"]["use"]), run.tune["trials"]
    generator = np.random.default_rng(run.seed)
    columns = {param.name: draw(param, trials, generator) for param in params}
    reason, tables = "", []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        for part in run_rows(run, landscape, columns, recorder):
            tables.append(table(columns, part))
            recorder.add("trials", tables[-1])
            reason = reason or part.reason
    found = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    message = f"{trials} trials of {', '.join(columns)}"
    message += f"; computed one by one, because {reason}" if reason else ""
    seconds = {"seconds": time.perf_counter() - began}
    if len(found) < trials:
        return {"outcome": recorder.asked(), "steps": len(found), "message": message} | seconds
    first = best(found)
    return {
        "outcome": first["outcome"],
        "steps": run.task["steps"] if math.isnan(first["steps_to_tolerance"]) else int(first["steps_to_tolerance"]),
        "value": first["value"],
        "evaluations": float(found["evaluations"].sum()),
        "message": f"best of {message}: {first['settings']}",
    } | seconds


def best(trials: pd.DataFrame) -> pd.Series:
    """The best row of the table ``trials``."""
    return ranked(trials).iloc[0]


def table(columns: dict[str, Floats], part: Part) -> pd.DataFrame:
    """Rows of the table ``trials``."""
    rows = range(part.rows.start, part.rows.stop)
    settings = [", ".join(f"{name} = {column[row]:.12g}" for name, column in columns.items()) for row in rows]
    outcomes = part.ends.outcomes
    return pd.DataFrame(
        {
            "trial": [row + 1 for row in rows],
            "settings": pd.array(settings, dtype="str"),
            "outcome": pd.array(outcomes.outcome, dtype="str"),
            "steps_to_tolerance": outcomes.to_tolerance,
            "value": part.ends.last[2],
            "evaluations": part.ends.evaluations,
        }
    )
