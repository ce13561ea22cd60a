"""What a list of runs says: counts in a sentence, the entries that match, the one that is meant by a few letters."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.runs import store
from workbench.runs.shelf import Entry
from workbench.runs.store import Status
from workbench.words import amount, listed
from workbench.words import runs as counted

STATES = ("running", "queued", "paused", "stopped", "interrupted", "failed", "diverged", "finished")
SPOKEN = {"queued": "waiting"}
SHORT = 8  # letters of an id that nearly always tell it from the others


def sentence(entries: Iterable[Entry]) -> str:
    """How many runs are in which state, and the room they take: ``2 running, 41 finished; 38 MB used, ...``."""
    entries = list(entries)
    counts = Counter(entry.status.state for entry in entries)
    parts = [f"{counts[state]:,} {SPOKEN.get(state, state)}" for state in STATES if counts[state]]
    used, free = sum(map(room, entries)), shutil.disk_usage(existing(store.runs())).free
    return f"{', '.join(parts) or 'No runs'}; {amount(used)} used, {amount(free)} free."


def room(entry: Entry) -> int:
    """The bytes of a run; one that has not ended does not know them, so its folder is looked at."""
    if entry.status.size or entry.status.state not in ("running", "interrupted"):
        return entry.status.size
    try:
        return store.size(store.folder(entry.id))
    except OSError:
        return 0


def existing(place: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    while not place.exists():
        place = place.parent
    return place


def told(status: Status) -> str:
    """The state in a word, with the outcome where that says more: ``finished: converged``."""
    state = SPOKEN.get(status.state, status.state)
    return state if status.outcome in ("", status.state) else f"{state}: {status.outcome}"


def matching(
    entries: Iterable[Entry], text: str = "", states: Sequence[str] = (), kinds: Sequence[str] = ()
) -> list[Entry]:
    """The entries of these states and kinds with every word of ``text`` in title, variant or task, or before an id."""
    words = text.casefold().split()
    return [
        entry
        for entry in entries
        if (not states or entry.status.state in states)
        and (not kinds or entry.status.kind in kinds)
        and (not words or says(entry, words))
    ]


def says(entry: Entry, words: Iterable[str]) -> bool:
    """Whether every word stands in what names a run, or begins its id."""
    status = entry.status
    whole = f"{status.title}\n{status.variant}\n{status.task}".casefold()
    return all(word in whole or entry.id.startswith(word) for word in words)


def find(entries: Iterable[Entry], start: str) -> Entry:
    """The run whose id begins so; ``WorkbenchError`` when there is none, or more than one."""
    found = [entry for entry in entries if entry.id.startswith(start)] if start else []
    if exact := [entry for entry in found if entry.id == start]:
        return exact[0]
    if not found:
        raise WorkbenchError(f"no run has an id that begins with {start!r}; `workbench runs` lists them")
    if len(found) > 1:
        ids = listed([entry.id for entry in found[:3]] + (["more"] if len(found) > 3 else []))
        raise WorkbenchError(f"{start!r} is the beginning of {counted(len(found))}: {ids}; write more letters")
    return found[0]


def letters(ids: Iterable[str]) -> int:
    """How many letters of these ids tell all of them apart; eight at least."""
    ids = set(ids)
    count = SHORT
    while len({run_id[:count] for run_id in ids}) < len(ids):
        count += 1
    return count
