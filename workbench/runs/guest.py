"""What a run needs on a cluster: its worker is a guest of whoever sent it, and may not see their home.

A worker that sees the sender's home writes straight into it. Any other works in a folder of its own, to which the order
brings what the run builds on, and from which the sender takes what is new.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.runs import store
from workbench.runs.recorder import FolderRecorder, SupersededError

if TYPE_CHECKING:
    from distributed import Worker

    from workbench.runs.worker import Order

LOAD = 64_000_000  # bytes of files in one answer: they pass through the scheduler's memory
SHOWS = 5.0  # seconds that a shared folder may take to show what another machine wrote
SHIPPED = 0  # the time that files carry which came with the order
Stamp = tuple[int, int]  # bytes of a file, and when it was written


@dataclass(frozen=True)
class Look:
    """What the sender asks of one run: its request as it is now, and the files that are already there."""

    id: str
    attempt: str
    request: bytes
    known: dict[str, Stamp]


@dataclass(frozen=True)
class Found:
    """The files of a run, and the content of those that the sender does not have; ``more`` when there are others."""

    stamps: dict[str, Stamp]
    files: dict[str, bytes] = field(default_factory=dict)
    more: bool = False


@cache
def own() -> dict[str, str]:
    """This process's settings before any order."""
    return {key: value for key, value in os.environ.items() if key.startswith("WORKBENCH_")}


def address() -> str:
    """This worker's address, or where it is when it has none."""
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:
        return store.HOST


# -- in the task's thread ------------------------------------------------------------------------------------


class GuestRecorder(FolderRecorder):
    """On a cluster a run also ends when nobody waits for it any more: its sender is gone, or sent it anew."""

    def __init__(self, run_id: str, status: store.Status) -> None:
        from distributed import get_worker

        super().__init__(run_id, status)
        self._worker = get_worker()
        self._key = self._worker.get_current_task()

    def _look(self) -> None:
        task = self._worker.state.tasks.get(self._key)
        if task is None or task.state not in ("executing", "long-running"):
            raise SupersededError
        if self._worker.status.name in ("closing", "closed", "failed"):
            raise SupersededError
        super()._look()


def move_in(order: Order) -> str:
    """Use the sender's home when this machine sees it, else a folder of the worker's own; says why neither goes."""
    from distributed import get_worker

    if (store.runs() / order.token).exists():
        return ""
    if order.files is None:
        return "unseen"
    place = scratch(get_worker(), order.attempt)
    os.environ["WORKBENCH_HOME"] = str(place)
    shutil.rmtree(place, ignore_errors=True)
    for run_id, files in order.files.items():
        for name, content in files.items():
            path = store.folder(run_id) / Path(name).name
            store.write(path, content)
            os.utime(path, ns=(SHIPPED, SHIPPED))
    return ""


def fresh(order: Order) -> store.Status | None:
    """The status of a run that waits for this very order; None when another worker has begun it, or it is not wanted.

    A cluster gives a task to another worker by itself when one dies. That worker must not go on in the same
    name: the first may still live, and write.
    """
    deadline = time.monotonic() + SHOWS
    while True:
        try:
            status = store.parse_status((store.folder(order.id) / "status.json").read_bytes())
        except OSError:
            status = None
        if status is not None and status.attempt == order.attempt == store.read_request(order.id)[0]:
            return status if status.state == "queued" else None
        if time.monotonic() > deadline:
            return None
        time.sleep(0.2)


# -- asked by the sender, in the worker's other thread: nothing here depends on the settings of the run at work --


def sees(home: str, token: str) -> bool:
    """Whether this worker's home is the sender's."""
    return (Path(own().get("WORKBENCH_HOME", home)) / "runs" / token).exists()


def scratch(worker: Worker, attempt: str) -> Path:
    """The home of one attempt at a run, where the sender's is not to be seen; it goes with the worker."""
    return Path(worker.local_directory) / "workbench" / attempt


def changes(looks: Sequence[Look], dask_worker: Worker) -> dict[str, Found]:
    """Answer each look (by attempt) at a run that works here, and pass on to it what is asked."""
    found = {}
    for look in looks:
        place = scratch(dask_worker, look.attempt) / "runs" / look.id
        if place.is_dir():
            if content(place / "request.json") != look.request:
                store.write(place / "request.json", look.request, make=False)
            found[look.attempt] = news(place, look.known)
    return found


def news(place: Path, known: Mapping[str, Stamp]) -> Found:
    """What a folder holds that is not known; its status only with everything that it speaks of."""
    status = content(place / "status.json")  # first: it is never ahead of the files then
    stamps = listing(place)
    files: dict[str, bytes] = {}
    room = LOAD
    for name, stamp in sorted(stamps.items(), key=lambda item: (item[0].endswith(".safetensors"), item[0])):
        if known.get(name) != stamp and name not in ("status.json", "request.json"):
            if files and stamp[0] > room:
                return Found(stamps, files, more=True)
            if (read := content(place / name)) is not None:  # else merged or pruned meanwhile
                files[name] = read
                room -= len(read)
    if status is not None:
        files["status.json"] = status
    return Found(stamps, files)


def listing(place: Path) -> dict[str, Stamp]:
    """The files of a run folder."""
    stamps = {}
    with os.scandir(place) as entries:
        for entry in entries:
            try:
                stat = entry.stat()
            except OSError:  # pruned meanwhile
                continue
            if not entry.name.startswith("."):
                stamps[entry.name] = (stat.st_size, stat.st_mtime_ns)
    return stamps


def content(path: Path) -> bytes | None:
    """A file's content; None when it is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def leave(attempt: str, dask_worker: Worker) -> None:
    """Remove what an attempt has left here."""
    shutil.rmtree(scratch(dask_worker, attempt), ignore_errors=True)
