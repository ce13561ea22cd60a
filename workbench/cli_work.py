"""Runs executed by the command line: a bench of its own, a progress bar, Ctrl-C, and a table at the end."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

import typer

from workbench.words import runs as counted

if TYPE_CHECKING:  # torch, pandas and the workers take seconds: only the commands that need them import them
    import pandas as pd

    from workbench.experiment import Experiment
    from workbench.records import Records
    from workbench.runs import Bench, Job, Status

POLL = 0.2  # seconds between looks at the runs
GRACE = 10.0  # seconds that runs get to stop after Ctrl-C


@dataclass
class Work:
    """What came of jobs: how each stands, and whether Ctrl-C cut the work short."""

    jobs: Sequence[Job]
    records: Records
    states: list[Status]
    cut: bool

    @property
    def unfinished(self) -> int:
        """How many have something left to do."""
        return sum(not status.ended for status in self.states)


def execute(jobs: Sequence[Job], again: bool = False) -> Work:
    """Run jobs to their end, or until Ctrl-C; ``again`` from the beginning, whatever there is of them.

    Raises ``WorkbenchError`` before anything is run when it is known that a run cannot be.
    """
    from workbench.runs import Bench, shelf

    cut = False
    with Bench() as bench:
        try:
            bench.check([job for job in jobs if again or not bench.status(job).ended], here=True)
            if not again:
                announce(bench, jobs)
            with no_interrupts():
                bench.submit(jobs, again=again)
            follow(bench, jobs)
        except KeyboardInterrupt:
            cut = True
            stop(bench, jobs)
    for job in jobs:
        shelf.settle(job.id)
    return Work(jobs, bench.records(jobs), [bench.status(job) for job in jobs], cut)


def announce(bench: Bench, jobs: Sequence[Job]) -> None:
    """Say what need not be done anew."""
    from workbench.runs import store
    from workbench.runs.recorder import checkpoints

    found = {job.id: bench.status(job) for job in jobs}
    begun = sum(status.resumable and bool(checkpoints(store.folder(run_id))) for run_id, status in found.items())
    if ended := sum(status.ended for status in found.values()):
        typer.echo(f"{counted(ended)} finished already", err=True)
    if begun:
        typer.echo(f"going on with {counted(begun, 'interrupted')}", err=True)


@contextmanager
def no_interrupts() -> Iterator[None]:
    """Keep Ctrl-C, which a terminal sends to every process, from the workers that start in here.

    They inherit the mask and so live on to stop their runs when this process asks them to. A Ctrl-C
    meanwhile counts afterwards. Windows has no such masks: there a worker may die, and its run reads
    as failed.
    """
    masks = hasattr(signal, "pthread_sigmask")
    pressed: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))  # threads may still get it
    if masks:
        resource_tracker.ensure_running()  # its start would lift the mask
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
    if pressed:
        raise KeyboardInterrupt


def follow(bench: Bench, jobs: Sequence[Job]) -> None:
    """Show how far the runs are until none waits or works any more."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        MofNCompleteColumn(),
        TextColumn("steps, elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("runs", total=None)
        while True:
            found = [bench.status(job) for job in jobs]
            ended = sum(not status.live for status in found)
            started = [status for status in found if status.total]
            mean = sum(status.total for status in started) / len(started) if started else 0.0
            total = sum(status.total or mean for status in found)
            done = sum(status.done if status.live else (status.total or mean) for status in found)
            description = f"{ended} of {len(jobs)} runs"
            progress.update(bar, completed=round(done), total=round(total) or None, description=description)
            if ended == len(jobs):
                return
            time.sleep(POLL)


def stop(bench: Bench, jobs: Sequence[Job]) -> None:
    """Ask the runs to stop and give them a moment to write what they have."""
    typer.echo("stopping; what was recorded so far is kept", err=True)
    bench.stop(jobs)
    deadline = time.monotonic() + GRACE
    while any(bench.status(job).live for job in jobs) and time.monotonic() < deadline:
        time.sleep(POLL)


def leave(work: Work, command: str = "the same command") -> None:
    """Say how work that was cut short goes on; exit code 1 while a run has something left to do."""
    if not work.unfinished:
        return
    if work.cut:
        typer.echo(f"stopped; {command} goes on")
    raise typer.Exit(1)


def complete(summary: pd.DataFrame, jobs: Sequence[Job], states: Sequence[Status]) -> pd.DataFrame:
    """A row for every run, also for one that was stopped before it began or whose worker died."""
    import pandas as pd

    from workbench.records import frame, label

    rows = []
    for job, status in zip(jobs, states, strict=True):
        own = summary[(summary["variant"] == job.run.variant) & (summary["seed"] == job.run.seed)]
        if not len(own):
            row = {"outcome": status.outcome or status.state, "steps": status.done, "seconds": status.seconds}
            own = label("summary", frame("summary", [row | {"message": status.message}]), job.run.variant, job.run.seed)
        rows.append(own)
    return pd.concat(rows, ignore_index=True)


def print_effects(experiment: Experiment, records: Records) -> None:
    """What differs between the variants, and what that changes."""
    from workbench import registry
    from workbench.training.findings.effects_finding import effects_lines
    from workbench.training.findings.matrix import matrix

    for line in effects_lines(matrix(experiment, registry.current(), records["summary"], records["curve"])):
        typer.echo(line)


def print_summary(summary: pd.DataFrame) -> None:
    """The summary as a table, without the columns that say nothing here."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    columns = [name for name in summary.columns if summary[name].notna().any() and (summary[name] != "").any()]
    table = Table(*[name.replace("_", " ") for name in columns])
    for row in summary[columns].itertuples(index=False):
        table.add_row(*[escape(f"{value:.6g}" if isinstance(value, float) else str(value)) for value in row])
    Console(width=None if sys.stdout.isatty() else 160).print(table)
