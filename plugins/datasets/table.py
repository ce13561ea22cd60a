"""A table of one's own: a CSV file or a NumPy archive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from workbench import Data, Refused

from . import csv_table, npz_table
from .csv_table import read_csv
from .fingerprint import fingerprint
from .inside import inside
from .labels import to_classes
from .npz_table import read_npz
from .split import stratified

Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]


def table(folder: Path, /, file: str, target: str, test_share: float, standardize: bool) -> Data:
    """The file ``file`` of the data folder; ``test_share`` where it does not say itself what is for testing.

    With ``standardize``, features (samples, features) get mean 0 and variance 1, by the training split's mean and
    standard deviation; one that is constant there becomes 0. In an NPZ, bytes (uint8) of three or four dimensions
    are pictures, and become floats in [0, 1]. Raises ``Refused`` that says where the file is not usable.
    """
    path = find_table(folder, file)
    train_x, train_y, test_x, test_y, classes = (from_csv if path.suffix.lower() == ".csv" else from_npz)(
        path, target, test_share
    )
    if missing := set(range(len(classes))) - set(train_y.tolist()):
        raise Refused(f"{path.name:.60}: no row of class {classes[min(missing)]!r:.40} is there to train on")
    if train_x.ndim == 2 and standardize:
        train_x, test_x = standardized(train_x, test_x)
    inputs = [to_floats(x, path) for x in (train_x, test_x)]
    return Data(inputs[0], torch.from_numpy(train_y), inputs[1], torch.from_numpy(test_y), classes)


def table_fingerprint(folder: Path, /, file: str, **settings: object) -> str:
    """Another text when the file is changed; errors as in ``find_table``."""
    path = find_table(folder, file)
    return fingerprint(path.parent, [path])


def find_table(folder: Path, file: str) -> Path:
    """The file, before anything of it is read: a pipe has no end.

    Raises ``Refused`` as ``inside``, and for one that is no file or too large.
    """
    path = inside(folder, file)
    most = {".csv": csv_table.MOST_BYTES, ".npz": npz_table.MOST_FILE}.get(path.suffix.lower())
    if most is None:
        raise Refused(f"{file!r:.60} is no table; allowed: a .csv or .npz file")
    if not path.is_file():
        raise Refused(f"{file!r:.60} is no table but a folder, a pipe or a device; allowed: a .csv or .npz file")
    if (size := path.stat().st_size) > most:
        raise Refused(f"{path.name:.60} has {size / 2**20:.0f} MB; allowed: {most // 2**20} MB")
    return path


def from_csv(path: Path, target: str, test_share: float) -> Parts:
    """The two splits of a CSV file."""
    read = read_csv(path, target)
    if read.testing is None:
        train, test = stratified(read.y.tolist(), read.classes, test_share)
    else:
        train, test = np.flatnonzero(~read.testing).tolist(), np.flatnonzero(read.testing).tolist()
        if not train or not test:
            raise Refused(f"{path.name:.60}: the column split says {'test' if test else 'train'} in every row")
    return read.x[train], read.y[train], read.x[test], read.y[test], read.classes


def from_npz(path: Path, target: str, test_share: float) -> Parts:
    """The two splits of a NumPy archive."""
    if target:
        raise Refused(f"target = {target!r:.40} names a column of a CSV file; in {path.name:.60} the target is y")
    arrays = read_npz(path)
    if "x" in arrays:
        y, classes = to_classes(arrays["y"], f"{path.name:.60}: y")
        train, test = stratified(y.tolist(), classes, test_share)
        return arrays["x"][train], y[train], arrays["x"][test], y[test], classes
    train_y, test_y = arrays["train_y"], arrays["test_y"]
    if (train_y.dtype.kind == "U") != (test_y.dtype.kind == "U"):
        raise Refused(f"{path.name:.60}: train_y is {train_y.dtype} and test_y is {test_y.dtype}; use one type")
    y, classes = to_classes(np.concatenate((train_y, test_y)), f"{path.name:.60}: the target")
    return arrays["train_x"], y[: len(train_y)], arrays["test_x"], y[len(train_y) :], classes


def standardized(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each column less the mean of ``train`` and divided by its standard deviation; 0 where ``train`` is constant.

    float32, from computing in float64 with one column at a time: whole copies would take many times the memory.
    """
    made = np.zeros(train.shape, np.float32), np.zeros(test.shape, np.float32)
    with np.errstate(all="ignore"):  # where a test sample is far beyond all others
        for n in range(train.shape[1]):
            seen, unseen = train[:, n].astype(np.float64), test[:, n].astype(np.float64)
            if seen.min() == seen.max():
                continue
            largest = np.abs(seen).max()
            seen /= largest  # so that no square is too large or too small for a float
            unseen /= largest
            mean, std = seen.mean(), seen.std()
            if std == 0:  # they differ by less than a float can tell
                continue
            made[0][:, n], made[1][:, n] = (seen - mean) / std, (unseen - mean) / std
    return made


def to_floats(x: np.ndarray, path: Path) -> torch.Tensor:
    """Inputs as float32; bytes of three or four dimensions as pictures with channels, in [0, 1]."""
    if x.dtype == np.uint8 and x.ndim in (3, 4):
        pictures = torch.from_numpy(np.ascontiguousarray(x)).to(torch.float32) / 255
        return pictures.unsqueeze(1) if x.ndim == 3 else pictures
    with np.errstate(all="ignore"):
        floats = np.ascontiguousarray(x, dtype=np.float32)
    if not np.isfinite(floats).all():
        raise Refused(f"{path.name:.60}: some numbers are too large for single precision; rescale that column")
    return torch.from_numpy(floats)
