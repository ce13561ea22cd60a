"""A folder of one's own pictures: a folder for each class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from workbench import Data

from .fingerprint import fingerprint
from .inside import inside
from .picture import SUFFIXES, read_picture
from .split import stratified

TESTED = ("val", "test")  # names of a test split's folder; the first that is there
MOST_BYTES = 2 * 2**30  # of all pictures, as floats
MOST_CLASSES = 1000
SHOWN = 3  # broken pictures that are named
Samples = list[tuple[Path, int]]


def image_folder(root: Path, /, folder: str, size: int, grayscale: bool, test_share: float) -> Data:
    """Pictures (channels, size, size) as floats in [0, 1]; layouts as in ``find_splits``.

    Raises ``ValueError`` that says what to do when a folder holds anything else than two or more classes of
    pictures, when one cannot be read, or when all together would take more than 2 GB.
    """
    home = inside(root, folder)
    if not home.is_dir():
        raise ValueError(f"{folder!r:.60} is a file; name a folder that holds a folder of pictures for each class")
    classes, train, test = find_splits(home, Path(root).resolve(), test_share)
    check_memory(len(train) + len(test), size, 1 if grayscale else 3)
    pictures = read_all(home, [path for path, _ in train + test], size, grayscale)
    targets = torch.tensor([number for _, number in train + test])
    cut = len(train)
    return Data(pictures[:cut], targets[:cut], pictures[cut:], targets[cut:], classes)


def pictures_fingerprint(root: Path, /, folder: str, **settings: object) -> str:
    """Another text when a picture is added, changed, moved or taken away; errors as in ``inside``."""
    home = inside(root, folder)
    return fingerprint(home, pictures_in(home))


def find_splits(home: Path, root: Path, test_share: float) -> tuple[tuple[str, ...], Samples, Samples]:
    """The classes, and the files with their class numbers of both splits.

    ``home``/train/<class>/* with val (or else test) beside train; or <class>/*, of which a fixed share of each
    class becomes the test split.
    """
    tested = next((home / name for name in TESTED if (home / name).is_dir()), None)
    if not (home / "train").is_dir():
        classes, every = find_classes(home, root)
        split = stratified([number for _, number in every], classes, test_share)
        return classes, *([every[n] for n in part] for part in split)
    if tested is None:
        raise ValueError(
            f"{home.name} holds train, and neither val nor test beside it: add one, or move the classes up"
        )
    classes, train = find_classes(home / "train", root)
    other, test = find_classes(tested, root)
    if odd := sorted(set(classes) ^ set(other)):
        raise ValueError(f"the class {odd[0]!r:.40} is not both in train and in {tested.name}; name both sides alike")
    return classes, train, test


def find_classes(home: Path, root: Path) -> tuple[tuple[str, ...], Samples]:
    """The folders in ``home``, sorted by name, and the pictures in them, at any depth."""
    folders = sorted((path for path in home.iterdir() if path.is_dir() and visible(path)), key=lambda path: path.name)
    if not 2 <= len(folders) <= MOST_CLASSES:
        names = ", ".join(path.name for path in folders[:SHOWN]) or "none"
        raise ValueError(
            f"{home.name} holds {len(folders)} folders ({names:.80}) and needs 2 to {MOST_CLASSES}: one for each class"
        )
    samples: Samples = []
    for number, folder in enumerate(folders):
        found = pictures_in(folder)
        if not found:
            raise ValueError(
                f"the class {folder.name!r:.40} in {home.name} has no picture ({' '.join(sorted(SUFFIXES))})"
            )
        outside = [path for path in found if not path.resolve().is_relative_to(root)]
        if outside:
            raise ValueError(f"{folder.name}/{outside[0].name:.40} is a link that leads out of the data folder")
        samples += [(path, number) for path in found]
    return tuple(path.name for path in folders), samples


def pictures_in(folder: Path) -> list[Path]:
    """Picture files at any depth, sorted; hidden ones, and folders that are links, are passed over."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if visible(Path(name))]
        found += [Path(place, name) for name in names if visible(Path(name)) and Path(name).suffix.lower() in SUFFIXES]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def visible(path: Path) -> bool:
    """Whether it was put there on purpose: systems add .DS_Store and archives __MACOSX."""
    return not path.name.startswith((".", "__"))


def check_memory(count: int, size: int, channels: int) -> None:
    """Raise ``ValueError`` with the figures when so many pictures of this size are too much for memory."""
    needed = 4 * count * channels * size**2
    if needed > MOST_BYTES:
        fits = int((MOST_BYTES / (4 * count * channels)) ** 0.5)
        advice = f"choose size = {fits} or less" if fits >= 8 else "take fewer pictures"
        raise ValueError(
            f"{count} pictures of {channels} x {size} x {size} would take {needed / 2**30:.1f} GB of memory, "
            f"and {MOST_BYTES / 2**30:.0f} GB are allowed: {advice}"
        )


def read_all(home: Path, paths: Sequence[Path], size: int, grayscale: bool) -> torch.Tensor:
    """All pictures as floats in [0, 1]; or one error that counts the broken ones and names the first."""

    def read(path: Path) -> np.ndarray | str:
        try:
            return read_picture(path, size, grayscale)
        except ValueError as error:
            return f"{path.relative_to(home).as_posix():.40} ({error})"

    pictures = torch.empty(len(paths), 1 if grayscale else 3, size, size)
    broken: list[str] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # Pillow unpacks without holding the interpreter
        for number, made in enumerate(pool.map(read, paths)):
            if isinstance(made, str):
                broken.append(made)
            else:
                pictures[number] = torch.from_numpy(made.copy())
    if broken:
        named = ", ".join(broken[:SHOWN]) + (", ..." if len(broken) > SHOWN else "")
        raise ValueError(f"{len(broken)} of {len(paths)} pictures cannot be read; remove or mend them: {named}")
    return pictures.div_(255)
