"""Streamlit's settings: one file at the top level, in force whatever the current directory.

Streamlit reads ``.streamlit/config.toml`` beside the entry script, so that place gets a link to the
top-level file, or a copy on systems and checkouts that have no links (Windows). A copy that is out of
date is replaced. This file is also run by the build hook, so it imports nothing of the bench.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def place(source: Path, folder: Path) -> bool:
    """Make ``folder/config.toml`` say what ``source`` says; returns whether it had to be changed.

    Raises ``OSError`` when the folder cannot be written.
    """
    target = folder / "config.toml"
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".config.toml.{os.getpid()}"  # renamed into place: two that start at once do not meet
    beside.unlink(missing_ok=True)
    try:
        beside.symlink_to(os.path.relpath(source, folder))
    except (OSError, ValueError):  # no right to make links, or (ValueError) two drives on Windows
        shutil.copyfile(source, beside)
    beside.replace(target)
    return True
