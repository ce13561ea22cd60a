"""Run folders: the truth about every run, readable while it is written and after any kill.

``WORKBENCH_HOME/runs/<id>/`` holds ``experiment.toml``, ``status.json``, record parts (``curve-000001.parquet``,
merged to ``curve.parquet`` at the end), ``checkpoint-<step>.safetensors``, ``weights.safetensors``, and
``request.json``, by which the owner tells the worker what is asked of the run. Every file is written beside
its place and renamed into it; records, weights, checkpoints and the status are sealed, so that a flipped bit is found.
All else is a cache: it may be deleted and costs only time.
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from workbench import house
from workbench.errors import WorkbenchError
from workbench.experiment import Run, as_experiment
from workbench.experiment import dumps as experiment_toml
from workbench.records import TABLES, Records, frame, label_all
from workbench.runs import owners, seal

LIVE = ("queued", "running")
ENDED = ("finished", "diverged")
STATES = ("absent", *LIVE, "paused", "stopped", "interrupted", *ENDED, "failed")
ASKS = ("", "stopped", "paused")
LARGEST = 1_000_000  # bytes of a status or a request: more is damage, and is not read
ROOM = 200_000_000  # bytes that must be free before a run is queued
HOST = socket.gethostname()
SILENCE = 600.0  # seconds without a word after which a run of another machine counts as interrupted


class StoreError(WorkbenchError):
    """A run folder cannot be written."""


@dataclass(frozen=True)
class Status:
    """What is known about a run: its state, how far it is, and how it ended."""

    state: str = "absent"  # one of STATES
    outcome: str = ""
    done: int = 0
    total: int = 0
    started: float = 0.0  # seconds since 1970, for people to read
    seconds: float = 0.0  # of work so far
    message: str = ""
    kind: str = ""
    title: str = ""  # of the experiment that first asked for it
    variant: str = ""
    seed: int = 0
    task: str = ""  # what it was about, in a few words
    owner: str = ""  # who queued it
    host: str = ""
    attempt: str = ""  # which try this is: a worker that was given up may still write, but not here
    size: int = 0  # bytes of the folder, when it ended
    files: dict[str, int] = field(default_factory=dict)  # name -> bytes of the record files, when it ended
    summary: dict[str, Any] = field(default_factory=dict)  # the row of the table summary

    @property
    def live(self) -> bool:
        """Whether it waits or works."""
        return self.state in LIVE

    @property
    def ended(self) -> bool:
        """Whether its records are complete: nothing is left to do."""
        return self.state in ENDED

    @property
    def resumable(self) -> bool:
        """Whether it was begun and there is something left to do."""
        return not self.live and not self.ended and self.state != "absent"


RECORDS = ["*.parquet", "*.safetensors"]
LOOKS = 3  # at a folder that changes while it is read
KEYS = {field.name for field in fields(Status)}
USUAL = asdict(Status())


def runs() -> Path:
    """Where all run folders are."""
    return house.home() / "runs"


def folder(run_id: str) -> Path:
    """The folder of a run."""
    return runs() / run_id


def write(path: Path, content: bytes, make: bool = True) -> None:
    """Write a file so that a reader, or a kill, never meets half of it; ``StoreError`` where it cannot be.

    ``make`` its folder where there is none: not in the middle of a run, whose folder somebody may have removed.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    with explained(path.parent):
        if make:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(content)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Turn what the system says of a folder into ``StoreError``."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{place}: cannot be written: {error.strerror or error}; free some space or set WORKBENCH_HOME to another "
            "folder, then run it again: it goes on where it was"
        ) from None


def check_room() -> None:
    """``StoreError`` when the disk is almost full: before a run, not in its middle."""
    place = runs()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < ROOM:
        raise StoreError(
            f"{house.home()}: only {free / 1e6:.0f} MB are free, {ROOM / 1e6:.0f} MB are needed; delete runs that "
            "are no longer needed (page Runs), or set WORKBENCH_HOME to a folder on another disk"
        )


# -- status ------------------------------------------------------------------------------------------------


def write_status(run_id: str, status: Status) -> None:
    """Replace the status of a run."""
    write(folder(run_id) / "status.json", status_file(status))


def status_file(status: Status) -> bytes:
    """The content of a status file."""
    return seal.seal(json.dumps({"seal": seal.OPEN} | asdict(status)).encode())


def read_status(run_id: str) -> Status:
    """The state of a run, truthful also after its owner died or a file was damaged."""
    place = folder(run_id)
    try:
        content = small(place / "status.json")
    except OSError:  # not there, or not to be read: writing it anew will say why
        return Status()
    status = parse_status(content) or rebuilt(run_id)
    if status.live and not owned(status, place):
        return replace(status, state="interrupted", message="the process that ran it is gone; run it again to go on")
    if status.ended and (name := damaged(place, status)):
        return replace(status, state="interrupted", message=f"its file {name} is damaged; run it again")
    return status


def small(path: Path) -> bytes:
    """The content of a small file, or too much of a large one to be sound."""
    with path.open("rb") as file:
        return file.read(LARGEST)


def parse_status(content: bytes) -> Status | None:
    """A status from its file; None when that is damaged. Keys of later versions are passed over."""
    if not seal.sound(content):
        return None
    try:
        plain = {key: value for key, value in json.loads(content).items() if key in KEYS}
        status = Status(**plain)
        for key, usual in USUAL.items():
            if not isinstance(getattr(status, key), (int, float) if isinstance(usual, float) else type(usual)):
                return None
        if status.state not in STATES:
            return None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return status


def rebuilt(run_id: str) -> Status:
    """The status of a run whose file is damaged: its summary says how it ended, if the other records are sound."""
    row = read_table(run_id, "summary")
    outcome = str(row["outcome"].iloc[-1]) if len(row) else ""
    place = folder(run_id)
    try:
        files = {path.name: path.stat().st_size for pattern in RECORDS for path in place.glob(pattern)}
    except OSError:
        files = {}
    complete = "summary.parquet" in files and not any(place.glob("*-*.parquet"))
    if not outcome or (state_of(outcome) in ENDED and not (complete and readable(place, files))):
        return Status("interrupted", message="its status file is damaged; run it again to go on")
    last = row.iloc[-1]
    return Status(
        state_of(outcome), outcome, int(last["steps"]), int(last["steps"]), seconds=float(last["seconds"]),
        message=str(last["message"]), files=files, summary=plain_summary(last.to_dict()),
    )  # fmt: skip


def state_of(outcome: str) -> str:
    """The state of a run that ended so; what only descents tell apart is all finished."""
    return outcome if outcome in ("paused", "stopped", "failed", "diverged") else "finished"


def plain_summary(summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary row as JSON can say it: numbers that are not finite are left out."""
    return {
        key: value for key, value in summary.items()
        if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    }  # fmt: skip


def owned(status: Status, place: Path) -> bool:
    """Whether somebody still looks after a live run."""
    if status.host == HOST:
        return owners.alive(status.owner)
    try:  # the locks of another machine may not reach here: it is believed while it writes
        return status.state == "queued" or abs(time.time() - (place / "status.json").stat().st_mtime) < SILENCE
    except OSError:
        return False


def damaged(place: Path, status: Status) -> str:
    """The first record file that is not as long as it was, or an empty text."""
    for name, size in status.files.items():
        try:
            if (place / name).stat().st_size != size:
                return name
        except (OSError, ValueError):
            return name
    return ""


def intact(run_id: str, status: Status) -> bool:
    """Whether all records of a run that ended can be read."""
    return readable(folder(run_id), status.files)


def readable(place: Path, names: Iterable[str]) -> bool:
    """Whether record files and weights are as they were written."""
    for path in map(place.joinpath, names):
        try:
            if path.suffix == ".parquet":
                read_part(path, path.stat().st_mtime_ns)
            elif not seal.sound(path.read_bytes()):
                return False
        except (OSError, ValueError):
            return False
    return True


# -- what is asked of a run --------------------------------------------------------------------------------


def request(run_id: str, attempt: str, ask: str = "") -> None:
    """Ask a run to end as "stopped" or "paused"; its worker looks several times a second."""
    write(folder(run_id) / "request.json", json.dumps({"attempt": attempt, "ask": ask}).encode())


def read_request(run_id: str) -> tuple[str, str]:
    """Which attempt is the valid one, and what is asked of it; two empty texts when the run was deleted."""
    try:
        plain = json.loads(small(folder(run_id) / "request.json"))
        attempt, ask = plain["attempt"], plain["ask"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return "", ""
    return (attempt, ask) if isinstance(attempt, str) and ask in ASKS else ("", "")


# -- the life of a folder ----------------------------------------------------------------------------------


def create(run_id: str, run: Run, status: Status, keep: bool) -> None:
    """Make the folder of a run that is about to be queued; ``keep`` what an earlier attempt left there."""
    place = folder(run_id)
    stale = ["error.txt", ".*"] + ([] if keep else RECORDS)  # hidden: what a kill left half written
    with explained(place):
        place.mkdir(parents=True, exist_ok=True)
        for path in [path for pattern in stale for path in place.glob(pattern)]:
            path.unlink(missing_ok=True)
    write(place / "experiment.toml", experiment_toml(as_experiment(run, status.title)).encode())
    request(run_id, status.attempt)
    write_status(run_id, status)


def size(place: Path) -> int:
    """The bytes in a folder."""
    total = 0
    with os.scandir(place) as entries:
        for entry in entries:
            with suppress(OSError):  # renamed meanwhile
                total += entry.stat().st_size if entry.is_file() else 0
    return total


# -- records -----------------------------------------------------------------------------------------------


def parts(run_id: str, table: str) -> list[Path]:
    """The files of one table: the merged one when it exists, else the parts in order."""
    place = folder(run_id)
    merged = place / f"{table}.parquet"
    return [merged] if merged.exists() else matching(place, f"{table}-*.parquet")


def matching(place: Path, pattern: str) -> list[Path]:
    """The files of a folder in order; none when it goes while they are looked for."""
    try:
        return sorted(place.glob(pattern))
    except FileNotFoundError:
        return []


def number_of(part: Path) -> int:
    """The number in the name of a record part; 0 for a merged table."""
    digits = part.stem.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


@lru_cache(maxsize=4096)
def read_part(path: Path, modified: int) -> pd.DataFrame:
    """One record file, ``ValueError`` when it is damaged; parts never change, so each is read once."""
    content = path.read_bytes()
    if not seal.sound(content, last=True):
        raise ValueError(f"{path} is damaged")
    return pd.read_parquet(io.BytesIO(content))


def parquet(rows: pd.DataFrame) -> bytes:
    """A table as a sealed Parquet file."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pandas(rows, preserve_index=False)
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table.replace_schema_metadata(table.schema.metadata | {"seal": seal.OPEN}), buffer)
    return seal.seal(buffer.getvalue(), last=True)


@lru_cache
def empty(table: str, who: bool = False) -> pd.DataFrame:
    """A table without rows."""
    return frame(table, [], who)


def read_table(run_id: str, table: str) -> pd.DataFrame:
    """One table of a run as far as it was written; a damaged part costs only its rows."""
    for _ in range(LOOKS):
        paths, found = parts(run_id, table), []
        for path in paths:
            with suppress(OSError, ValueError):
                found.append(read_part(path, path.stat().st_mtime_ns))
        if len(found) == len(paths) or all(path.exists() for path in paths):
            break  # else: merged meanwhile
    return pd.concat(found, ignore_index=True) if found else empty(table)


def records(named: Iterable[tuple[Run, str]], tables: Iterable[str] = TABLES) -> Records:
    """The tables of several runs, labelled with variant and seed."""
    named = list(named)
    return {
        table: joined(table, ((run.variant, run.seed, read_table(run_id, table)) for run, run_id in named))
        for table in tables
    }


def joined(table: str, found: Iterable[tuple[str, int, pd.DataFrame]]) -> pd.DataFrame:
    """One table of several runs, given as variant, seed and rows, with these two in front; typed also when empty."""
    filled = [(variant, seed, rows) for variant, seed, rows in found if len(rows)]
    if not filled:
        return empty(table, who=True)
    return label_all(table, *zip(*filled, strict=True))
