"""Who a queued or running run belongs to: a process that holds a lock for as long as it lives.

The system lets go of a lock when its process ends, however it ends. Unlike a process number and the time
at which it started, it is neither given to another nor changed when the clock is set.
"""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

from filelock import FileLock, Timeout

from workbench import house

_held: dict[Path, tuple[str, FileLock]] = {}
_dead: set[str] = set()  # whoever is dead stays so
_guard = threading.Lock()


def folder() -> Path:
    """Where the locks are."""
    return house.home() / "owners"


def claim() -> str:
    """This process's name as an owner in this home; its lock is taken at the first call."""
    with _guard:
        if folder() not in _held:
            name = uuid.uuid4().hex
            folder().mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder() / f"{name}.lock", thread_local=False)
            lock.acquire(timeout=5)
            _held[folder()] = (name, lock)
        return _held[folder()][0]


def alive(name: str) -> bool:
    """Whether the owner still lives. A file that cannot be looked at counts as alive: nothing is taken from it."""
    with _guard:  # two threads that try a dead owner's lock would take each other for the owner
        if folder() in _held and _held[folder()][0] == name:
            return True
        path = folder() / f"{name}.lock"
        try:
            if not name or name in _dead or not path.exists():
                return False
            lock = FileLock(path, thread_local=False)
            lock.acquire(timeout=0)
            lock.release()
            path.unlink(missing_ok=True)
        except (OSError, Timeout):
            return True
        _dead.add(name)
        return False
