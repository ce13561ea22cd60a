"""What files hold, as a short text: another text when one is changed, renamed, added or taken away."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from .picture_files import obstacle


def fingerprint(home: Path, files: Iterable[Path]) -> str:
    """A hash of the names below ``home`` and of the contents of ``files``; the same on every machine that has them.

    What must not be opened, or cannot be, counts by its name alone: whoever reads it refuses it.
    """
    whole = hashlib.sha256()
    for file in files:
        whole.update(file.relative_to(home).as_posix().encode("utf-8", "surrogateescape") + b"\0")
        whole.update(b"" if obstacle(file) else held(file))
    return whole.hexdigest()[:16]


def held(file: Path) -> bytes:
    """A hash of one file; empty when it cannot be read."""
    try:
        status = file.stat()
        return content(file, status.st_size, status.st_mtime_ns)
    except OSError:
        return b""


@lru_cache(maxsize=100_000)
def content(file: Path, size: int, changed: int) -> bytes:
    """A hash of one file; read again only when its size or its time of change is another."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
