"""Runs from the command line, whoever started them: list them, stop them, let them go on."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli_log import start_logging
from workbench.cli_work import POLL, complete, execute, leave, print_summary
from workbench.errors import WorkbenchError, allowed_names
from workbench.words import ago
from workbench.words import runs as counted

if TYPE_CHECKING:  # what takes long to import is imported by the commands that need it
    from workbench.runs.shelf import Entry
    from workbench.runs.store import Status

ROWS = 50  # of the table, unless told
REACT = 30.0  # seconds in which a run has stopped, or its worker has been ended
Ids = Annotated[list[str], typer.Argument(help="Ids as `workbench runs` shows them, or their first letters.")]


def runs(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with all that is known, for programs.")] = False,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only runs in this state; may be repeated.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help=f"At most so many, the newest ({ROWS}; all as JSON).")
    ] = None,
) -> None:
    """List the runs: id, state, progress, experiment, variant, seed and when they were started."""
    start_logging()
    from workbench.runs import overview, shelf

    for name in state or []:
        if name not in overview.STATES:
            raise WorkbenchError(f"--state {name}: {allowed_names(name, overview.STATES)}")
    everything = shelf.entries()
    found = overview.matching(everything, states=state or ())
    if as_json:
        typer.echo(json.dumps([{"id": entry.id} | asdict(entry.status) for entry in found[:limit]], indent=2))
        return
    shown = found[: limit or ROWS]
    if shown:
        print_runs(shown, overview.letters(entry.id for entry in everything))
    if len(found) > len(shown):
        typer.echo(f"{counted(len(found) - len(shown), 'more')}: --limit {len(found)} shows all")
    typer.echo(overview.sentence(found))


def print_runs(entries: Sequence[Entry], letters: int) -> None:
    """One line a run; what is long is cut, all of it is in the JSON."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from workbench.runs import overview

    table = Table()
    for head in ("id", "state", "progress", "experiment", "variant", "seed", "started", "message"):
        table.add_column(head, no_wrap=True, overflow="ellipsis", max_width=60 if head == "message" else 32)
    now = time.time()
    for entry in entries:
        status = entry.status
        progress = f"{status.done}/{status.total}" if status.total else ""
        started = ago(now - status.started) if status.started else ""
        told = overview.told(status)
        cells = (entry.id[:letters], told, progress, status.title, status.variant, status.seed, started, status.message)
        table.add_row(*(Text(str(cell)) for cell in cells))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def stop(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids as `workbench runs` shows them, or their first letters.")
    ] = None,
    pause: Annotated[bool, typer.Option("--pause", help="Meant to go on: no summary is written yet.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All that wait or work.")] = False,
) -> None:
    """Stop runs of any process, the app's too; what was recorded is kept, and `workbench resume` goes on."""
    start_logging()
    from workbench.runs import overview, shelf, store

    if bool(ids) == everything:
        raise WorkbenchError("stop: name the runs (`workbench runs` lists them), or say --all")
    entries = shelf.entries()
    chosen = {entry.id: entry for entry in (overview.find(entries, text) for text in ids or [])}
    if everything:
        chosen = {entry.id: entry for entry in entries if entry.status.live}
        if not chosen:
            typer.echo("nothing waits or works")
    asked, refused = [], []
    for run_id in chosen:
        try:
            shelf.ask(run_id, "paused" if pause else "stopped")
            asked.append(run_id)
        except WorkbenchError as error:
            refused.append(str(error))
    deadline = time.monotonic() + REACT
    while any(store.read_status(run_id).live for run_id in asked) and time.monotonic() < deadline:
        time.sleep(POLL)
    ends = {run_id: store.read_status(run_id) for run_id in asked}
    for run_id, status in ends.items():
        typer.echo(f"{run_id} {status.variant}, seed {status.seed}: {how(status)}")
    for sentence in refused:
        typer.echo(f"Error: {sentence}", err=True)
    if refused:
        raise typer.Exit(2)
    if any(status.live for status in ends.values()):
        raise typer.Exit(1)


def how(status: Status) -> str:
    """What became of a run that was asked to end."""
    if status.live:
        return f"was asked, but has not reacted within {REACT:.0f} s"
    return f"{status.state} at step {status.done} of {status.total}" if status.total else status.message or status.state


def resume(ids: Ids) -> None:
    """Let runs go on where they were, to their end; the records come out as if they had never been interrupted."""
    start_logging()
    from workbench.runs import overview, shelf, store

    entries = shelf.entries()
    chosen = {entry.id: entry.status for entry in (overview.find(entries, text) for text in ids)}
    for run_id, status in chosen.items():
        if status.live:
            raise WorkbenchError(f"{run_id} is {status.state} already; `workbench stop {run_id}` stops it")
    import pandas as pd

    from workbench.runs.again import job_of

    work = execute([job_of(run_id) for run_id in chosen])
    parts = []
    for job, status in zip(work.jobs, work.states, strict=True):
        own = complete(store.records([(job.run, job.id)], ["summary"])["summary"], [job], [status])
        own.insert(0, "run", job.id[: overview.SHORT])
        parts.append(own)
    print_summary(pd.concat(parts, ignore_index=True))
    typer.echo(f"{len(work.jobs) - work.unfinished} of {counted(len(work.jobs))} finished")
    leave(work)
