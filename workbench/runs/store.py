"""Run folders: the truth about every run, readable while it is written and after any kill.

``WORKBENCH_HOME/runs/<id>/`` holds ``experiment.toml``, ``status.json``, record parts
(``curve-000001.parquet``, merged to ``curve.parquet`` at the end) and ``weights.safetensors``. Every
file is written beside its place and renamed into it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from workbench import house
from workbench.experiment import Run, parse
from workbench.experiment import dumps as experiment_toml
from workbench.records import TABLES, Records, frame, label

LIVE = ("queued", "running")


@dataclass(frozen=True)
class Status:
    """What is known about a run: its state, how far it is, and how it ended."""

    state: str = "absent"  # absent, queued, running, finished, stopped, failed, interrupted
    outcome: str = ""
    done: int = 0
    total: int = 0
    started: float = 0.0  # seconds since 1970
    seconds: float = 0.0  # of work so far
    message: str = ""
    owner: int = 0  # process that queued it
    owner_started: float = 0.0

    @property
    def live(self) -> bool:
        """Whether it waits or works."""
        return self.state in LIVE


def folder(run_id: str) -> Path:
    """The folder of a run."""
    return house.home() / "runs" / run_id


def write(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a kill, never meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_status(run_id: str, status: Status) -> None:
    """Replace the status of a run."""
    write(folder(run_id) / "status.json", json.dumps(asdict(status)).encode())


def read_status(run_id: str) -> Status:
    """The state of a run, truthful also after its owner died; a damaged file reads as interrupted."""
    try:
        status = Status(**json.loads((folder(run_id) / "status.json").read_bytes()))
    except OSError:  # not there, or not to be read: writing it anew will say why
        return Status()
    except (ValueError, TypeError):
        return Status("interrupted", message="its status file is damaged; run it again")
    if status.live and not alive(status.owner, status.owner_started):
        return replace(status, state="interrupted", message="the process that ran it is gone; run it again")
    return status


def alive(pid: int, started: float) -> bool:
    """Whether that very process still lives (a number alone may have been given to another)."""
    try:
        return bool(abs(psutil.Process(pid).create_time() - started) < 2.0)
    except (psutil.Error, ValueError):
        return False


def request_stop(run_id: str) -> None:
    """Ask a run to stop; it looks several times a second."""
    write(folder(run_id) / "stop", b"")


def create(run_id: str, run: Run, status: Status) -> None:
    """Make or clear the folder of a run that is about to be queued."""
    place = folder(run_id)
    for stale in [*place.glob("*.parquet"), place / "stop", place / "error.txt"]:
        stale.unlink(missing_ok=True)
    write(place / "experiment.toml", experiment_toml(as_experiment(run)).encode())
    write_status(run_id, status)


def as_experiment(run: Run) -> Any:
    """The experiment that consists of this one run."""
    plain: dict[str, Any] = {
        "kind": run.kind,
        "title": run.variant,
        "seeds": [run.seed],
        "task": {key: value for key, value in run.task.items() if value is not None},
        "base": run.base,
    }
    if run.sweep:
        plain["sweep"] = run.sweep
    return parse(plain, "run")


def parts(run_id: str, table: str) -> list[Path]:
    """The files of one table: the merged one when it exists, else the parts in order."""
    place = folder(run_id)
    merged = place / f"{table}.parquet"
    return [merged] if merged.exists() else sorted(place.glob(f"{table}-*.parquet"))


@lru_cache(maxsize=4096)
def read_part(path: Path, modified: int) -> pd.DataFrame:
    """One record file; parts never change, so each is read once."""
    return pd.read_parquet(path)


@lru_cache
def empty(table: str, who: bool = False) -> pd.DataFrame:
    """A table without rows."""
    return frame(table, [], who)


def read_table(run_id: str, table: str) -> pd.DataFrame:
    """One table of a run as far as it was written."""
    found = []
    for path in parts(run_id, table):
        try:
            found.append(read_part(path, path.stat().st_mtime_ns))
        except (OSError, ValueError):  # merged meanwhile, or damaged: what else there is still counts
            continue
    return pd.concat(found, ignore_index=True) if found else empty(table)


def records(named: Iterable[tuple[Run, str]], tables: Iterable[str] = TABLES) -> Records:
    """The tables of several runs, labelled with variant and seed."""
    named = list(named)
    gathered: Records = {}
    for table in tables:
        found = [(run, read_table(run_id, table)) for run, run_id in named]
        filled = [label(table, rows, run.variant, run.seed) for run, rows in found if len(rows)]
        gathered[table] = pd.concat(filled, ignore_index=True) if filled else empty(table, who=True)
    return gathered
