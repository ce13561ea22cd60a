"""Files and folders that people put into the data folder, and nothing beyond it.

An experiment may come from a stranger. What it names must not lead anywhere else on this machine.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from workbench import Refused

LONGEST = 200  # characters of a path; more is no name that anybody gives
LISTED = 8  # names in a message


def check_path(text: str) -> None:
    """Raise ``Refused`` unless ``text`` is a plain path such as ``insects`` or ``mine/table.csv``.

    Both kinds of separators count on every system, so that an experiment means the same everywhere.
    """
    windows = PureWindowsPath(text)
    absolute = windows.drive or windows.root or PurePosixPath(text).is_absolute()
    if absolute or ".." in windows.parts or text.startswith("~"):
        raise Refused(f"{text!r:.80} leads out of the data folder; allowed: a path inside it, like pets/cats")
    if "\\" in text or re.search(r"[\x00-\x1f\x7f]", text) or len(text) > LONGEST or not text.isprintable():
        raise Refused(f"{text!r:.80} is no name; allowed: up to {LONGEST} letters, digits, / and the like")


def inside(folder: Path, text: str) -> Path:
    """The file or folder ``text`` of the data folder, real and with links followed.

    Raises ``Refused`` when it leads elsewhere, or is not there: then the message says what is.
    """
    check_path(text)
    root = Path(folder).resolve()
    try:
        found = (root / text).resolve(strict=True) if text.strip("./") else None
    except (OSError, RuntimeError):  # missing, a name too long for the disk, links in a circle
        found = None
    if found is None:
        raise Refused(f"{text!r:.60} is not in the data folder {root}; {what_is_there(root)}")
    if not found.is_relative_to(root):
        raise Refused(f"{text!r:.60} is a link that leads out of the data folder {root}; put the data itself there")
    return found


def what_is_there(root: Path) -> str:
    """The names in the data folder, for a message."""
    names = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
    names = [name for name in names if not name.startswith(".")]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"there: {', '.join(names[:LISTED])}{more}" if names else "nothing is there"
