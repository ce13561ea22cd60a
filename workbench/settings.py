"""Streamlit's settings: one file at the top level, in force whatever the current directory.

Streamlit reads ``.streamlit/config.toml`` beside the entry script, so that place gets a link to the
top-level file, or a copy on systems and checkouts that have no links (Windows).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def place(source: Path, folder: Path) -> bool:
    """Make ``folder/config.toml`` say what ``source`` says; returns whether it had to be changed."""
    target = folder / "config.toml"
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return False
    folder.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        target.symlink_to(os.path.relpath(source, folder))
    except OSError:
        shutil.copyfile(source, target)
    return True
