"""What files hold, as a short text: another text when one is changed, renamed, added or taken away."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path


def fingerprint(home: Path, files: Iterable[Path]) -> str:
    """A hash of the names below ``home`` and of the contents of ``files``; the same on every machine that has them."""
    whole = hashlib.sha256()
    for file in files:
        status = file.stat()
        whole.update(file.relative_to(home).as_posix().encode("utf-8", "surrogateescape") + b"\0")
        whole.update(content(file, status.st_size, status.st_mtime_ns))
    return whole.hexdigest()[:16]


@lru_cache(maxsize=100_000)
def content(file: Path, size: int, changed: int) -> bytes:
    """A hash of one file; read again only when its size or its time of change is another."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
