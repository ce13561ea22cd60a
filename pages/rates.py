"""Learning rates: how much of one setting each optimizer tolerates."""

from workbench import registry
from workbench.charts import sweep as charts
from workbench.descent.finding import sweep_finding
from workbench.descent.limits import limit
from workbench_ui.body import Picture, Result, experiment_page
from workbench_ui.tables import sweep_table


def limits(result: Result) -> dict[str, float | None]:
    """The critical rates that theory knows."""
    known = registry.current()
    return {job.run.variant: limit(job.run, known) for job in result.jobs}


def say(result: Result) -> str:
    """The finding, from the records."""
    return sweep_finding(result.records["sweep"], limits(result))


def strips(result: Result) -> list[Picture]:
    """One strip per variant."""
    sweep, summary = result.records["sweep"], result.records["summary"]
    if not len(sweep):
        return []
    settings = result.experiment.sweep
    chart = charts.strips(sweep, summary, limits(result), log=settings is not None and settings.scale == "log")
    note = "Green: converged, the darker the sooner. Other colours carry their outcome as a word."
    return [Picture("tolerance", [chart], note)]


experiment_page(
    "rates",
    default="tolerance",
    sentence="One setting tried over a range, for every optimizer: where it converges, how soon, and where not.",
    finding=say,
    views={"Tolerance": strips},
    table=sweep_table,
)
