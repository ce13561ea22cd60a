"""The command line: the same experiments, plugins and app, without a page.

Exit codes: 0 when every run finished (diverged counts as finished), 1 when one failed or was stopped,
2 when what was asked for cannot be done as written. Tracebacks go to ``WORKBENCH_HOME/logs``.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from enum import StrEnum
from logging.handlers import RotatingFileHandler
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench import __version__, house
from workbench.errors import WorkbenchError

if TYPE_CHECKING:  # torch, pandas and the workers take seconds: only the commands that need them import them
    import pandas as pd

    from workbench.records import Records
    from workbench.registry import Plugin
    from workbench.runs import Bench, Job, Status

log = logging.getLogger("workbench.cli")
app = typer.Typer(
    name="workbench",
    help="A lab bench for the question why a neural network does not learn, and what helps.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
POLL = 0.2  # seconds between looks at the runs
GRACE = 10.0  # seconds that runs get to stop after Ctrl-C


class Format(StrEnum):
    """How records are written."""

    CSV = "csv"
    PARQUET = "parquet"


def main() -> None:
    """Run the command line; whatever goes wrong is one sentence on stderr, the details are in the log."""
    try:
        app()
    except WorkbenchError as error:
        log.info("refused", exc_info=True)
        fail(str(error), 2)
    except KeyboardInterrupt:
        fail("stopped", 1)
    except Exception as error:
        log.error("workbench failed", exc_info=True)
        fail(f"workbench itself failed: {type(error).__name__}: {error}; details: {log_file()}", 1)


def fail(message: str, code: int) -> None:
    """Say it in one line and leave."""
    typer.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(code)


def log_file() -> Path:
    """Where the details go."""
    return house.home() / "logs" / "workbench.log"


def start_logging(quiet: bool = False) -> None:
    """Everything into the log file; warnings also to stderr, as sentences (``quiet``: only about hanging plugins)."""
    logger = logging.getLogger("workbench")
    logger.setLevel(logging.INFO)
    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)
    console.setFormatter(OneLine("%(levelname)s: %(message)s"))
    console.addFilter(lambda record: not record.exc_info)  # what failed is said once, by whoever catches it
    if quiet:
        console.addFilter(lambda record: "has been loading" in str(record.msg))
    logger.addHandler(console)
    try:
        log_file().parent.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(log_file(), maxBytes=1_000_000, backupCount=3, encoding="utf-8", delay=True)
    except OSError as error:
        raise WorkbenchError(
            f"{log_file().parent}: cannot be written: {error.strerror}; set WORKBENCH_HOME to a folder of yours"
        ) from None
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(file)


class OneLine(logging.Formatter):
    """Sentences for people: never a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The message alone."""
        return f"{record.levelname.capitalize()}: {record.getMessage()}"


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        typer.echo(f"workbench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Compare optimizers, training runs and transfer learning."""


@app.command()
def run(
    spec: Annotated[Path, typer.Argument(help="The experiment, a TOML file.")],
    out: Annotated[Path, typer.Option("--out", help="The folder for the records; it is made if need be.")],
    format: Annotated[Format, typer.Option("--format", help="How the records are written.")] = Format.CSV,
) -> None:
    """Run an experiment and write its records: one table a file, and experiment.toml beside them."""
    start_logging()
    from workbench.experiment import read

    experiment = read(spec)
    from workbench.runs import Bench
    from workbench.runs.bench import plan

    jobs = plan(experiment, str(spec))
    make_folder(out)
    with Bench() as bench:
        try:
            with no_interrupts():
                bench.submit(jobs)
            follow(bench, jobs)
        except KeyboardInterrupt:
            stop(bench, jobs)
        records = bench.records(jobs)
        states = [bench.status(job) for job in jobs]
    records["summary"] = complete(records["summary"], jobs, states)
    write_records(records, out, format)
    from workbench.experiment import dumps

    (out / "experiment.toml").write_text(dumps(experiment), encoding="utf-8")
    print_summary(records["summary"])
    unfinished = sum(not status.ended for status in states)
    typer.echo(f"{len(jobs) - unfinished} of {len(jobs)} runs finished; records are in {out}")
    if unfinished:
        raise typer.Exit(1)


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


def make_folder(folder: Path) -> None:
    """Make a folder to write into before hours of work, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".workbench"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise WorkbenchError(f"--out {folder}: cannot be written: {error.strerror}; name another folder") from None


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


def write_records(records: Records, folder: Path, format: Format) -> None:
    """One file a table; an empty table has none, also not one from an earlier run."""
    for table, rows in records.items():
        path = folder / f"{table}.{format.value}"
        if not len(rows):
            path.unlink(missing_ok=True)
        elif format is Format.CSV:
            rows.to_csv(path, index=False, na_rep="nan")
        else:
            rows.to_parquet(path, index=False)


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


@app.command()
def plugins(as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False) -> None:
    """List the plugins: name, version, place, what they registered, and what is wrong with them."""
    start_logging(quiet=True)
    from workbench import registry

    with redirect_stdout(sys.stderr):  # what a plugin prints is not part of the answer
        found = registry.current().plugins
    if as_json:
        typer.echo(json.dumps([as_plain(plugin) for plugin in found], indent=2))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("plugin", "version", "place", "registers")
    for plugin in found:
        table.add_row(*map(escape, (plugin.name, plugin.version, plugin.place, registered(plugin.components))))
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    for plugin in found:
        for error in plugin.errors:
            console.print(
                f"[bold red]{escape(plugin.name)}[/] ({escape(plugin.path)}): {escape(error)}", soft_wrap=True
            )


def registered(components: Iterable[tuple[str, str]]) -> str:
    """``optimizer sgd, adam; schedule step``."""
    kinds: dict[str, list[str]] = {}
    for kind, name in components:
        kinds.setdefault(kind, []).append(name)
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items())


def as_plain(plugin: Plugin) -> dict[str, Any]:
    """A plugin as JSON says it."""
    return {
        "name": plugin.name,
        "version": plugin.version,
        "place": plugin.place,
        "path": plugin.path,
        "components": [{"kind": kind, "name": name} for kind, name in plugin.components],
        "errors": plugin.errors,
    }


@app.command("app")
def open_app(
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Where to listen (8501).")] = None,
) -> None:
    """Open the bench in the browser: the same app as `streamlit run workbench`."""
    start_logging()
    from workbench import settings

    try:
        settings.place(house.settings_file(), house.PACKAGE / ".streamlit")
    except OSError as error:
        raise WorkbenchError(
            f"{house.PACKAGE / '.streamlit'}: cannot be written: {error.strerror}; install it where you may write"
        ) from None
    command = [sys.executable, "-m", "streamlit", "run", str(house.PACKAGE / "streamlit_app.py")]
    wait(command + (["--server.port", str(port)] if port else []))


def wait(command: list[str], start: Callable[[list[str]], subprocess.Popen[bytes]] = subprocess.Popen) -> None:
    """Run another program to its end; Ctrl-C reaches it, too, and it stops by itself."""
    process = start(command)
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            continue
        raise typer.Exit(max(code, 0))


if __name__ == "__main__":
    main()
