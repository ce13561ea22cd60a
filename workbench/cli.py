"""The command line: the same experiments, plugins and app, without a page.

Exit codes: 0 when every run finished (diverged counts as finished), 1 when one failed or was stopped, or did not
react to `stop`, 2 when what was asked for cannot be done as written. Tracebacks go to ``WORKBENCH_HOME/logs``.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench import __version__, house
from workbench.cli_log import log_file, start_logging
from workbench.cli_runs import resume, runs, stop
from workbench.cli_work import complete, execute, leave, print_effects, print_summary
from workbench.errors import WorkbenchError

if TYPE_CHECKING:  # torch, pandas and the workers take seconds: only the commands that need them import them
    from workbench.records import Records
    from workbench.registry import Plugin, Registry

log = logging.getLogger("workbench.cli")
app = typer.Typer(
    name="workbench",
    help="A lab bench for the question why a neural network does not learn, and what helps.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    again: Annotated[
        bool, typer.Option("--again", help="Start over, also what is finished or was interrupted.")
    ] = False,
) -> None:
    """Run an experiment and write its records: one table a file, and experiment.toml beside them.

    What is finished already is not run again, and what was interrupted goes on where it was.
    """
    start_logging()
    from workbench.experiment import dumps, read

    experiment = read(spec)
    from workbench.runs.job import plan

    jobs = plan(experiment, str(spec))
    make_folder(out)
    work = execute(jobs, again)
    work.records["summary"] = complete(work.records["summary"], jobs, work.states)
    write_records(work.records, out, format)
    (out / "experiment.toml").write_text(dumps(experiment), encoding="utf-8")
    print_summary(work.records["summary"])
    if experiment.kind in ("training", "transfer") and len(experiment.variants) > 1:
        print_effects(experiment, work.records)
    typer.echo(f"{len(jobs) - work.unfinished} of {len(jobs)} runs finished; records are in {out}")
    leave(work, "the same command without --again" if again else "the same command")


app.command()(runs)
app.command()(stop)
app.command()(resume)


def make_folder(folder: Path) -> None:
    """Make a folder to write into before hours of work, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".workbench"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise WorkbenchError(f"--out {folder}: cannot be written: {error.strerror}; name another folder") from None


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


@app.command()
def plugins(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what components ask for, and what is left out and why.")
    ] = False,
) -> None:
    """List the plugins: name, version, place, what they registered, and what is wrong with them."""
    start_logging(quiet=True)
    from workbench import registry

    with redirect_stdout(sys.stderr):  # what a plugin prints is not part of the answer
        known = registry.current()
    found = known.plugins
    if as_json:
        typer.echo(json.dumps([as_plain(known, plugin) for plugin in found], indent=2))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 120)
    table = Table("plugin", "version", "place", "registers")
    for plugin in found:
        holds = "not available" if plugin.unavailable else registered(plugin.components, everything)
        table.add_row(*map(escape, (plugin.name, plugin.version, plugin.place, holds)))
    console.print(table)
    for plugin in found:
        who = f"[bold]{escape(plugin.name)}[/]"
        if plugin.unavailable:
            console.print(f"{who} is not available: {escape(plugin.unavailable)}", soft_wrap=True)
        if everything:
            for line in remarks(known, plugin):
                console.print(f"{who}: {escape(line)}", soft_wrap=True)
        elif plugin.left_out:
            console.print(f"{who} leaves {len(plugin.left_out)} out; --all says why", soft_wrap=True)
        for error in plugin.errors:
            console.print(
                f"[bold red]{escape(plugin.name)}[/] ({escape(plugin.path)}): {escape(error)}", soft_wrap=True
            )


FEW = 40  # components of one kind that are named without --all


def registered(components: Iterable[tuple[str, str]], everything: bool = True) -> str:
    """``optimizer sgd, adam; schedule step``; of many only the first, unless ``everything`` is wanted."""
    kinds: dict[str, list[str]] = {}
    for kind, name in components:
        kinds.setdefault(kind, []).append(name)
    shown = {kind: names if everything else names[:FEW] for kind, names in kinds.items()}
    more = {kind: len(names) - len(shown[kind]) for kind, names in kinds.items()}
    return "; ".join(
        f"{kind} {', '.join(names)}{f' and {more[kind]} more' if more[kind] else ''}" for kind, names in shown.items()
    )


def remarks(known: Registry, plugin: Plugin) -> list[str]:
    """What its components ask for, and what it leaves out and why."""
    from workbench.capabilities import capabilities

    asked = [(kind, name, capabilities(known.get(kind, name))) for kind, name in plugin.components]
    return [f"{kind} {name}: {'; '.join(said)}" for kind, name, said in asked if said] + [
        f"{kind} {name} is left out: {reason}" for (kind, name), reason in plugin.left_out.items()
    ]


def as_plain(known: Registry, plugin: Plugin) -> dict[str, Any]:
    """A plugin as JSON says it."""
    from workbench.capabilities import capabilities

    return {
        "name": plugin.name,
        "version": plugin.version,
        "place": plugin.place,
        "path": plugin.path,
        "components": [
            {"kind": kind, "name": name} | ({"asks": said} if (said := capabilities(known.get(kind, name))) else {})
            for kind, name in plugin.components
        ],
        "left_out": [
            {"kind": kind, "name": name, "reason": reason} for (kind, name), reason in plugin.left_out.items()
        ],
        "unavailable": plugin.unavailable,
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
