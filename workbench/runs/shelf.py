"""All runs at a glance, and what is done with whole folders: delete and undo, set aside and bring back."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from workbench.errors import WorkbenchError
from workbench.runs import owners, store
from workbench.runs.store import HOST, Status

KEEP_DELETED = 7 * 24 * 3600.0  # seconds after which a deleted run is gone for good
PATIENCE = 20.0  # seconds to wait for another process that moves folders: it takes milliseconds


@dataclass(frozen=True)
class Entry:
    """One run in the list."""

    id: str
    status: Status


_read: dict[str, tuple[tuple[int, int], Status]] = {}  # path -> what its file looked like, and what it said


def entries() -> list[Entry]:
    """Every run of this home, the newest first. Only files that changed since the last look are read."""
    living: dict[str, bool] = {}
    found = []
    for run_id, path in folders(store.runs()):
        status = glance(path)
        if status is None:
            status = store.read_status(run_id)  # damaged: look closer
        elif status.live and status.host == HOST:
            if status.owner not in living:
                living[status.owner] = owners.alive(status.owner)
            if not living[status.owner]:
                status = store.read_status(run_id)
        elif status.live:
            status = store.read_status(run_id)
        if status.state != "absent":
            found.append(Entry(run_id, status))
    return sorted(found, key=lambda entry: (-entry.status.started, entry.id))


def folders(place: Path) -> list[tuple[str, str]]:
    """Name and path of every run folder."""
    try:
        with os.scandir(place) as inside:
            return [(entry.name, entry.path) for entry in inside if not entry.name.startswith(".")]
    except OSError:
        return []


def glance(path: str) -> Status | None:
    """What the status file of a folder says, without a check of its other files; None when it is damaged."""
    try:
        file = f"{path}/status.json"
        stat = os.stat(file)  # noqa: PTH116  (ten thousand times a second look: a Path costs more than the call)
        key = (stat.st_mtime_ns, stat.st_size)
        if path in _read and _read[path][0] == key:
            return _read[path][1]
        status = store.parse_status(store.small(Path(file)))
    except OSError:
        return Status()
    if status is not None:
        _read[path] = (key, status)
    return status


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time decides whose a run is and moves folders; a thread that does may do so within itself."""
    with store.explained(store.runs()):
        store.runs().mkdir(parents=True, exist_ok=True)
        lock = FileLock(store.runs() / ".lock", is_singleton=True)
        lock.acquire(timeout=PATIENCE, poll_interval=0.01)
    try:
        yield
    finally:
        lock.release()


# -- delete and undo -----------------------------------------------------------------------------------------


def bin_folder() -> Path:
    """Where deleted runs wait."""
    return store.runs() / ".deleted"


def delete(run_id: str) -> None:
    """Put a run into the bin; ``WorkbenchError`` while it waits or works."""
    with alone():
        if store.read_status(run_id).live:
            raise WorkbenchError(f"the run {run_id} is not over: stop it before you delete it")
        move(store.folder(run_id), bin_folder() / run_id)
        shutil.rmtree(aside_folder() / run_id, ignore_errors=True)  # of a repetition that was paused
        with suppress(OSError):  # somebody emptied the bin
            os.utime(bin_folder() / run_id)  # from now on


def restore(run_id: str) -> bool:
    """Take a run out of the bin, unless there is one of its name again; says whether it was done."""
    with alone():
        if store.folder(run_id).exists() or not (bin_folder() / run_id).exists():
            return False
        move(bin_folder() / run_id, store.folder(run_id))
        return True


def deleted() -> list[str]:
    """The runs in the bin."""
    return [name for name, _ in folders(bin_folder())]


def forget(run_id: str) -> None:
    """Remove a deleted run for good."""
    shutil.rmtree(bin_folder() / run_id, ignore_errors=True)


def empty_bin() -> None:
    """Remove deleted runs for good."""
    shutil.rmtree(bin_folder(), ignore_errors=True)


# -- set aside while it is run again -------------------------------------------------------------------------


def aside_folder() -> Path:
    """Where finished records wait while the same run is done again."""
    return store.runs() / ".aside"


def set_aside(run_id: str) -> None:
    """Keep a finished run until its repetition has finished, too."""
    move(store.folder(run_id), aside_folder() / run_id)


def settle(run_id: str) -> None:
    """After a repetition: forget what was set aside when it has ended, bring it back when it has not.

    One that is paused goes on: until then both are kept.
    """
    kept = aside_folder() / run_id
    if not kept.exists():
        return
    with alone():
        status = store.read_status(run_id)
        if status.live or status.state == "paused" or not kept.exists():
            return
        if status.ended:
            shutil.rmtree(kept, ignore_errors=True)
        else:
            move(kept, store.folder(run_id))


def tidy() -> None:
    """Bring back what a process that died had set aside, and empty the bin of what has been there for long."""
    for name, _ in folders(aside_folder()):
        settle(name)
    for _, path in folders(bin_folder()):
        try:
            old = abs(time.time() - Path(path).stat().st_mtime) > KEEP_DELETED
        except OSError:
            continue
        if old:
            shutil.rmtree(path, ignore_errors=True)


def move(source: Path, target: Path) -> None:
    """Rename a folder in place of another."""
    with store.explained(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        source.rename(target)


# -- from outside ----------------------------------------------------------------------------------------------


def ask(run_id: str, outcome: str) -> None:
    """Ask a run of any process to end as "stopped" or "paused"; ``WorkbenchError`` when it is not live."""
    status = store.read_status(run_id)
    if not status.live:
        what = "there is no such run" if status.state == "absent" else f"it is {status.state}, nothing works on it"
        raise WorkbenchError(f"{run_id}: {what}; `workbench runs` lists them")
    store.request(run_id, status.attempt, outcome)
    if status.state == "queued":
        store.write_status(run_id, replace(status, state=outcome, message=f"{outcome} before it began"))
