"""Run, pause, stop and resume what a page shows, and how far it is."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

import streamlit as st

from workbench.errors import WorkbenchError
from workbench.experiment import Experiment, dump
from workbench.runs import Job, Status
from workbench_ui import variants
from workbench_ui.bench import open_bench


def session() -> str:
    """A name for this browser session: the queue serves sessions in turns."""
    name: str = st.session_state.setdefault("session", uuid.uuid4().hex)
    return name


def buttons(
    page: str, experiment: Experiment, jobs: list[Job], shown: list[Job], statuses: Mapping[str, Status]
) -> None:
    """Pause and Stop while something runs, else Resume, Run or Run again, whichever fits."""
    changed = shown is not jobs
    if any(status.live for status in statuses.values()):
        st.button("Pause", icon=":material/pause:", on_click=end, args=(page, shown, "paused"), key=f"{page}.pause",
                  help="Frees the workers; Resume goes on at the same step.")  # fmt: skip
        st.button("Stop", icon=":material/stop:", on_click=end, args=(page, shown), key=f"{page}.stop", type="primary")
        if not changed:
            return
    own = [open_bench().status(job) for job in jobs] if changed else list(statuses.values())
    done, begun = all(status.ended for status in own), any(status.resumable for status in own)
    label, icon, tip = "Run", ":material/play_arrow:", None
    if done:
        label, tip = "Run again", "These records are kept until the new ones are complete: they should be the same."
    elif begun:
        label, tip = "Resume", "Goes on where it was; the records come out as if it had never been interrupted."
    st.button(
        label, icon=icon, on_click=run, args=(page, experiment, jobs, done), key=f"{page}.go",
        type="secondary" if done else "primary", help=tip,
    )  # fmt: skip
    if begun:
        st.button("Start over", on_click=run, args=(page, experiment, jobs, True), key=f"{page}.over",
                  help="Forgets what was done so far.")  # fmt: skip


def fork_menu(page: str, experiment: Experiment, jobs: list[Job], statuses: Mapping[str, Status]) -> None:
    """Branch off a run at a step: both go on from the same state, and the branch may have another optimizer."""
    reached = {job.run.variant: job for job in jobs if statuses[job.id].done > begin(job)}
    if experiment.kind not in ("training", "transfer") or not reached:
        return
    with st.popover("Fork", icon=":material/fork_right:"):
        st.caption("Go on from a step with another optimizer, rate or remedy. Both branches start from the same state.")
        name = st.selectbox("variant", list(reached), key=f"{page}.fork.variant")
        job, status = reached[name], statuses[reached[name].id]
        first, last = max(1, begin(job)), status.done
        key = f"{page}.fork.step.{name}"
        step = st.slider("at step", first, last, (first + last) // 2, key=key) if last > first else last
        epoch = step * job.run.task["epochs"] / max(status.total, 1)
        st.caption(f"Step {step} of {status.total} is epoch {epoch:.2f}.")
        st.button("Add the branch", on_click=variants.add_fork, args=(page, name, step), key=f"{page}.fork.add",
                  type="primary", help="Then choose at the side what is different, and press Run.")  # fmt: skip


def begin(job: Job) -> int:
    """The step at which a run's own training begins."""
    return job.run.fork.step if job.run.fork else 0


def run(page: str, experiment: Experiment, jobs: Sequence[Job], again: bool = False) -> None:
    """Queue what is on the page, unless it is known that a run cannot be: then nothing starts."""
    try:
        bench = open_bench()
        bench.check(job for job in jobs if again or not bench.status(job).ended)
        bench.submit(jobs, session(), again=again)
    except WorkbenchError as error:
        st.session_state[f"{page}.notice"] = str(error)
        st.session_state.setdefault(f"{page}.shown", dump(experiment))
        return
    st.session_state[f"{page}.shown"] = dump(experiment)


def end(page: str, jobs: list[Job], outcome: str = "stopped") -> None:
    """Stop or pause what is shown."""
    try:
        open_bench().stop(jobs, outcome)
    except WorkbenchError as error:
        st.session_state[f"{page}.notice"] = str(error)


def progress(jobs: list[Job], statuses: Mapping[str, Status]) -> None:
    """How far the whole experiment is, and about how long it still takes; nothing once it is all done."""
    found = list(statuses.values())
    live = [status for status in found if status.live]
    waiting = [status for status in found if status.resumable and status.state != "failed"]
    if not live and not waiting:
        return
    usual = max((status.total for status in found), default=0)
    totals = {run_id: status.total or usual for run_id, status in statuses.items()}
    left = sum(max(totals[run_id] - status.done, 0) for run_id, status in statuses.items() if status in live)
    unended = sum(max(totals[run_id] - s.done, 0) for run_id, s in statuses.items() if s in live or s in waiting)
    done, spent = sum(status.done for status in found), sum(status.seconds for status in found)
    running = sum(status.state == "running" for status in found)
    parts = [f"{sum(not status.live and status not in waiting for status in found)} of {len(jobs)} runs done"]
    for state in dict.fromkeys(status.state for status in waiting):
        parts.append(f"{sum(status.state == state for status in waiting)} {state}")
    if live and done and spent:
        parts.append(f"about {duration(spent / done * left / max(running, 1))} left")
    elif live and not running:
        parts.append("waiting for a free worker")
    total = sum(totals.values())
    st.progress(min(1 - unended / total, 1.0) if total else 0.0, ", ".join(parts))


def duration(seconds: float) -> str:
    """A span of time as a person says it."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
