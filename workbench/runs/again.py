"""From a run folder back to what can be run: its experiment, its run, its job."""

from __future__ import annotations

from dataclasses import replace

from workbench import registry
from workbench.errors import WorkbenchError
from workbench.experiment import Experiment, Run, read, resolve
from workbench.runs import store
from workbench.runs.job import Job, plan


def experiment_of(run_id: str) -> Experiment:
    """The experiment in a run's folder; ``WorkbenchError`` when it is missing or damaged."""
    try:
        return read(store.folder(run_id) / "experiment.toml")
    except WorkbenchError as error:
        raise WorkbenchError(f"run {run_id}: its experiment cannot be read ({error}); delete the run") from None


def run_of(run_id: str) -> Run:
    """The run itself, with the plugins that are loaded now: of the chain that its experiment writes down, the last."""
    return resolve(experiment_of(run_id), registry.current(), f"run {run_id}")[-1]


def job_of(run_id: str) -> Job:
    """The job that goes on where this run was; ``WorkbenchError`` when it would be another run by now."""
    status = store.read_status(run_id)
    if status.state == "absent":
        raise WorkbenchError(f"{run_id}: there is no such run; `workbench runs` lists them")
    for job in plan(experiment_of(run_id), f"run {run_id}"):
        if job.id == run_id:
            return replace(job, run=replace(job.run, variant=status.variant or job.run.variant))
    raise WorkbenchError(
        f"run {run_id} cannot go on: its plugins, the bench or torch have changed since; "
        "open its experiment and run it anew"
    )
