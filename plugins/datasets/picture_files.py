"""Which files of a picture folder are used, and as which class: the one list for reading and for the fingerprint."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from workbench import Refused

from .labels import MOST_CLASSES, check_readable
from .picture import SUFFIXES

TESTED = ("val", "test")  # names of a test split's folder; the first that is there
SPELT = (*TESTED, "valid", "validation", "testing")  # what people call it besides
MOST_BYTES = 200 * 2**20  # of one file; 40 million pixels are 160 MB when nothing is packed
SHOWN = 3  # names in a message
Samples = list[tuple[Path, int]]


def find_splits(home: Path, root: Path) -> tuple[tuple[str, ...], Samples, Samples | None]:
    """The classes, and the files with their class numbers to train and to test on; None: the folder does not say.

    ``home``/train/<class>/* with val (or else test) beside train; or <class>/*. Nothing is opened. A picture, or a
    class's folder, may be a link to another place inside ``root``. Raises ``Refused`` for another layout, and
    for a link that leads out.
    """
    names = {path.name for path in folders_in(home)}
    check_spelling(home, names)
    tested = next((home / name for name in TESTED if name in names), None)
    if "train" not in names:
        return *find_classes(home, root), None
    if tested is None:
        raise Refused(f"{home.name} holds train, and neither val nor test beside it: add one, or move the classes up")
    classes, train = find_classes(home / "train", root)
    other, test = find_classes(tested, root)
    if odd := sorted(set(classes) ^ set(other)):
        raise Refused(f"the class {odd[0]!r:.40} is not both in train and in {tested.name}; name both sides alike")
    return classes, train, test


def check_spelling(home: Path, names: set[str]) -> None:
    """Raise ``Refused`` for Train and Test, which would pass for two classes."""
    train = sorted(name for name in names if name.lower() == "train")
    test = sorted(name for name in names if name.lower() in SPELT)
    if train and test and ("train" not in train or not set(test) & set(TESTED)):
        raise Refused(
            f"{home.name} holds {train[0]} and {test[0]:.40}; the names that are understood are train, with val or "
            "test beside it, in small letters: rename them"
        )


def find_classes(home: Path, root: Path) -> tuple[tuple[str, ...], Samples]:
    """The folders in ``home``, sorted by name, and the pictures in them, at any depth."""
    check_inside(home, root)
    folders = folders_in(home)
    if not 2 <= len(folders) <= MOST_CLASSES:
        names = ", ".join(path.name for path in folders[:SHOWN]) or "none"
        raise Refused(
            f"{home.name} holds {len(folders)} folders ({names:.80}) and needs 2 to {MOST_CLASSES}: one for each class"
        )
    samples: Samples = []
    for number, folder in enumerate(folders):
        check_readable(folder.name, f"{home.name:.60}")
        found = pictures_in(folder, root)
        if not found:
            raise Refused(f"the class {folder.name!r:.40} in {home.name} has no picture ({' '.join(sorted(SUFFIXES))})")
        samples += [(path, number) for path in found]
    return tuple(path.name for path in folders), samples


def folders_in(home: Path) -> list[Path]:
    """The folders that somebody put into ``home``, sorted by name."""
    return sorted((path for path in home.iterdir() if path.is_dir() and visible(path)), key=lambda path: path.name)


def pictures_in(folder: Path, root: Path) -> list[Path]:
    """What is called like a picture, at any depth, sorted; hidden files and folders are passed over.

    Raises ``Refused`` for a link that leads out of ``root``, before anything behind it is looked at, and for a
    link to a folder below ``folder``, which would be passed over in silence.
    """
    check_inside(folder, root)
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if visible(Path(name))]
        for path in (Path(place, name) for name in (*folders, *names)):
            wanted = visible(path) and path.suffix.lower() in SUFFIXES
            if path.is_symlink() and (wanted or path.name in folders):
                check_inside(path, root)
                if path.name in folders:
                    raise Refused(
                        f"{folder.name}/{path.name:.40} is a link to a folder; only the folder of a class may be one"
                    )
            if wanted and path.name not in folders:
                found.append(path)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def check_inside(path: Path, root: Path) -> None:
    """Raise ``Refused`` when ``path`` is a link that leads out of ``root``, whether or not something is there."""
    if not Path(os.path.realpath(path)).is_relative_to(root):
        raise Refused(f"{path.parent.name}/{path.name:.40} is a link that leads out of the data folder")


def visible(path: Path) -> bool:
    """Whether it was put there on purpose: systems add .DS_Store and archives __MACOSX."""
    return not path.name.startswith((".", "__"))


def obstacle(path: Path) -> str:
    """Why a file must not be opened, in a few words; empty when it may be. A pipe or a device has no end."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:  # links in a circle
        return error.strerror or type(error).__name__
    if not stat.S_ISREG(status.st_mode):
        return "a pipe or a device"
    if status.st_size > MOST_BYTES:
        return f"{status.st_size / 2**20:.0f} MB, and {MOST_BYTES // 2**20} are allowed"
    return ""
