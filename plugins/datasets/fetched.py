"""Data sets that torchvision fetches: downloaded once, checked, and one sentence when that cannot be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from workbench import Refused

Made = TypeVar("Made")


def fetched(title: str, folder: Path, place: str, files: Sequence[str], make: Callable[[], Made]) -> Made:
    """``make()``, which reads ``folder``/``place`` or downloads what is missing there.

    Raises ``ConnectionError`` when the data are neither there nor to be had, ``Refused`` when all ``files`` are
    there and yet cannot be read.
    """
    raw = Path(folder) / place
    try:
        return make()
    except Exception as error:  # torchvision and what it reads with raise a dozen kinds
        if all((raw / name).is_file() for name in files):
            raise Refused(f"a file in {raw} is damaged: delete that folder") from error
        raise ConnectionError(
            f"{title} is not in {folder} and could not be downloaded ({type(error).__name__}): connect to the "
            f"internet, or set WORKBENCH_DATA to a folder that holds {place}"
        ) from error
