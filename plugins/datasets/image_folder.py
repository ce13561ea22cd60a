"""A folder of one's own pictures: a folder for each class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from workbench import Data, Refused

from .fingerprint import fingerprint
from .inside import inside
from .picture import read_picture
from .picture_files import find_splits, obstacle
from .split import stratified

MOST_BYTES = 2 * 2**30  # of all pictures, as floats
MOST_THREADS = 4  # each holds a picture unpacked
SHOWN = 3  # broken pictures that are named


def image_folder(root: Path, /, folder: str, size: int, grayscale: bool, test_share: float) -> Data:
    """Pictures (channels, size, size) as floats in [0, 1]; layouts as in ``find_splits``.

    Raises ``Refused`` that says what to do when a folder holds anything else than two or more classes of
    pictures, when one cannot be read, or when all together would take more than 2 GB.
    """
    home = home_of(root, folder)
    classes, train, test = find_splits(home, Path(root).resolve())
    if test is None:
        parts = stratified([number for _, number in train], classes, test_share)
        train, test = ([train[n] for n in part] for part in parts)
    check_memory(len(train) + len(test), size, 1 if grayscale else 3)
    pictures = read_all(home, [path for path, _ in train + test], size, grayscale)
    targets = torch.tensor([number for _, number in train + test])
    cut = len(train)
    return Data(pictures[:cut], targets[:cut], pictures[cut:], targets[cut:], classes)


def pictures_fingerprint(root: Path, /, folder: str, **settings: object) -> str:
    """Another text when a picture that is used is added, changed, moved or taken away; errors as in ``find_splits``."""
    home = home_of(root, folder)
    _, train, test = find_splits(home, Path(root).resolve())
    return fingerprint(home, [path for path, _ in (*train, *(test or ()))])


def home_of(root: Path, folder: str) -> Path:
    """The folder ``folder`` of the data folder; errors as in ``inside``."""
    home = inside(root, folder)
    if not home.is_dir():
        raise Refused(f"{folder!r:.60} is a file; name a folder that holds a folder of pictures for each class")
    return home


def check_memory(count: int, size: int, channels: int) -> None:
    """Raise ``Refused`` with the figures when so many pictures of this size are too much for memory."""
    needed = 4 * count * channels * size**2
    if needed > MOST_BYTES:
        fits = int((MOST_BYTES / (4 * count * channels)) ** 0.5)
        advice = f"choose size = {fits} or less" if fits >= 8 else "take fewer pictures"
        raise Refused(
            f"{count} pictures of {channels} x {size} x {size} would take {needed / 2**30:.1f} GB of memory, "
            f"and {MOST_BYTES / 2**30:.0f} GB are allowed: {advice}"
        )


def read_all(home: Path, paths: Sequence[Path], size: int, grayscale: bool) -> torch.Tensor:
    """All pictures as floats in [0, 1]; or one error that counts the broken ones and names the first."""

    def read(path: Path) -> np.ndarray | str:
        try:
            if why := obstacle(path):
                raise Refused(why)
            return read_picture(path, size, grayscale)
        except ValueError as error:
            return f"{path.relative_to(home).as_posix():.40} ({error})"

    pictures = torch.empty(len(paths), 1 if grayscale else 3, size, size)
    broken: list[str] = []
    with ThreadPoolExecutor(
        min(MOST_THREADS, os.cpu_count() or 1)
    ) as pool:  # Pillow unpacks without holding the interpreter
        for number, made in enumerate(pool.map(read, paths)):
            if isinstance(made, str):
                broken.append(made)
            else:
                pictures[number] = torch.from_numpy(made.copy())
    if broken:
        named = ", ".join(broken[:SHOWN]) + (", ..." if len(broken) > SHOWN else "")
        raise Refused(f"{len(broken)} of {len(paths)} pictures cannot be read; remove or mend them: {named}")
    return pictures.div_(255)
