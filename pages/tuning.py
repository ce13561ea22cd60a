"""Tuning: the same number of trials for every optimizer, and what they buy."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from workbench import registry
from workbench.charts import tuning as charts
from workbench.descent.best_of import curves, gaps
from workbench.descent.surface import Landscape
from workbench.descent.tuned import best_of_each, settings_of
from workbench.descent.tuning_finding import tuning_finding
from workbench.errors import WorkbenchError
from workbench.runs import Job, Lane
from workbench.runs.job import LIGHT_STEPS, plan
from workbench_ui import viewport
from workbench_ui.actions import COMPARE_AT_BEST, each_at_best
from workbench_ui.bench import open_bench
from workbench_ui.body import Picture, Result, experiment_page
from workbench_ui.tables import costs, tuning_table

WHAT = {"steps": "steps to tolerance", "gap": "value reached"}
BY = {"k": "trials", "evaluations": "gradient evaluations"}
REPEATS, OFTEN = 5, 1_000  # descents whose time is measured, and the steps up to which they are repeated
COSTS = {"evaluations": "gradient evaluations", "microseconds": "time", "state_bytes": "state"}


@st.cache_data(max_entries=100, show_spinner=False)
def lowest_of(surface: str, plugin: str) -> float:
    """The lowest value of a surface, given as JSON; ``plugin`` only tells one version of its plugin from another."""
    return Landscape(json.loads(surface), registry.current()).lowest


def lowest(result: Result) -> dict[str, float]:
    """The lowest value of each variant's surface."""
    known = registry.current()
    surfaces = {job.run.variant: job.run.task["surface"] for job in result.jobs}
    return {
        name: lowest_of(json.dumps(surface, sort_keys=True), known.owner("surface", surface["use"]).identity)
        for name, surface in surfaces.items()
    }


def choice(label: str, options: Mapping[str, str], key: str) -> Any:
    """One of a few ways to look at it."""
    return st.segmented_control(
        label, list(options), default=next(iter(options)), format_func=options.__getitem__, key=f"tuning.{key}",
        required=True,
    )  # fmt: skip


def say(result: Result) -> str:
    """The finding, from the records."""
    records, tolerance = result.records, result.jobs[0].run.task["tolerance"]
    return tuning_finding(records["trials"], records["summary"], tolerance, lowest(result))


def best_of_k(result: Result) -> list[Picture]:
    """What k trials buy."""
    trials = result.records["trials"]
    if not len(trials):
        return []
    with st.container(horizontal=True):
        measure, by = choice("what is found", WHAT, "measure"), choice("after how many", BY, "by")
    found = curves(trials, lowest(result))
    tolerance = result.jobs[0].run.task["tolerance"]
    chart = charts.best_of_k(found, result.order, measure, by, tolerance, narrow=viewport.narrow())
    note = (
        "Read it so: after k trials, half of all searches have found this or better. A line begins where "
        + (
            "half of them get there at all. "
            if measure == "steps"
            else "half of them have a trial that does not diverge. "
        )
        + "It is computed from every way to draw k of the trials; from half of them on, that is the best of all. "
    )
    if trials["seed"].nunique() > 1:
        note += "The band reaches from the best to the worst of the searches, one for each seed."
    return [Picture("best of k trials", [chart], note)]


@st.cache_data(max_entries=50, show_spinner="Measuring what a step costs ...")
def costs_of(ids: tuple[str, ...], _jobs: list[Job]) -> pd.DataFrame:
    """The cost of each variant's steps; ``ids`` are those of the jobs."""
    records = open_bench().measure(_jobs)
    summary, path = records["summary"], records["path"]
    failed = summary[summary["outcome"] == "failed"]
    if len(failed):
        raise WorkbenchError(f"{failed['variant'].iloc[0]} at its best: {failed['message'].iloc[0]}")
    found = costs(summary, path)
    return pd.DataFrame([found[str(name)] | {"variant": name} for name in summary["variant"].drop_duplicates()])


def cost(result: Result) -> list[Picture]:
    """What a step costs, and how many it takes."""
    trials = result.records["trials"]
    if not len(trials):
        return []
    by = choice("cost of a step", COSTS, "cost")
    experiment = each_at_best(result)
    jobs = plan(experiment)
    if any(job.lane is not Lane.LIGHT for job in jobs):
        raise WorkbenchError(f"the cost is measured with descents of at most {LIGHT_STEPS:,} steps; take fewer")
    most = max(job.run.task["steps"] for job in jobs)
    count = REPEATS if most <= OFTEN else 1
    if count > 1:  # the same descent several times, for the sake of the time
        jobs = plan(experiment.model_copy(update={"seeds": list(range(count))}))
    best = best_of_each(trials, ["variant"])
    rows = costs_of(tuple(job.id for job in jobs), jobs).merge(best[["variant", "steps_to_tolerance"]], on="variant")
    rows = rows.rename(columns={"steps_to_tolerance": "steps"})
    chart = charts.cost(rows, result.order, by, most, narrow=viewport.narrow())
    note = "Every variant with the settings of its best trial. The nearer to the lower left, the cheaper. "
    if by == "microseconds":
        note += (
            f"The time is a measurement on this machine, the median of n = {count} descents. It holds the surface's "
            "gradient and the bench's own bookkeeping, too, and for two coordinates it says little about a network."
        )
    elif by == "state_bytes":
        note += "The two coordinates themselves are 16 bytes; counters are included."
    else:
        note += "Where the gradient is evaluated several times in one step, each one counts."
    return [Picture("cost", [chart], note)]


def trials(result: Result) -> list[Picture]:
    """Where the trials were, and how each one ended."""
    records = result.records["trials"]
    if not len(records):
        return []
    settings = charts.settings_table([settings_of(text) for text in records["settings"]])
    names = list(settings.columns)
    with st.container(horizontal=True):
        parameter = st.selectbox("setting", names, key="tuning.setting", width=220)
        measure = choice("how it ended", WHAT, "trial")
    if measure == "steps":
        heights = records["steps_to_tolerance"].fillna(float("inf")).tolist()
    else:
        heights = gaps(records, lowest(result)).tolist()
    known = registry.current()
    scales = {
        param.scale
        for job in result.jobs
        for param in known.get("optimizer", job.run.base["optimizer"]["use"]).params
        if param.name == parameter
    }
    log = scales == {"log"} and bool((settings[parameter].dropna() > 0).all())
    chart = charts.scatter(
        records, settings, result.order, parameter, heights, measure, log=log, narrow=viewport.narrow()
    )
    note = "One point a trial, of all searches. The other settings of a trial vary, too."
    return [Picture("trials", [chart], note)]


experiment_page(
    "tuning",
    default="tuned-equally",
    sentence="The same number of random trials for every optimizer: what each can do, and how hard it is to find.",
    finding=say,
    views={"Best of k": best_of_k, "Cost": cost, "Trials": trials},
    table=tuning_table,
    actions=[COMPARE_AT_BEST],
)
