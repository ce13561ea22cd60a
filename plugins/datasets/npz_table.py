"""A NumPy archive (.npz) as arrays: nothing in it is ever executed, and no header is believed."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from workbench import Refused

MOST_BYTES = 2 * 2**30  # of memory for all arrays
MOST_FILE = 2**30  # bytes of the file
COPIES = 2  # of an array as it is: whole, and in its two splits; 8 bytes more as floats and on the way there
ONE = ("x", "y")
TWO = ("train_x", "train_y", "test_x", "test_y")
NUMBERS = "biuf"  # kinds of dtype: bool, whole with or without sign, floating


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays ``x`` and ``y``, or ``train_x``, ``train_y``, ``test_x`` and ``test_y``; others are not read.

    Raises ``Refused`` when they are not there, are not arrays of numbers (targets: or of texts) or do not fit
    one another.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = choose({name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")})
            check_memory({name: read_header(archive, name) for name in names})
            arrays = {name: read_array(archive, name) for name in names}
    except Refused as error:
        raise Refused(f"{path.name:.60}: {error}") from None
    except Exception as error:  # zip, zlib and NumPy raise a dozen kinds for bytes that make no sense
        raise Refused(f"{path.name:.60} is not a readable NPZ file ({type(error).__name__}: {error!s:.80})") from error
    for name, array in arrays.items():
        check_array(f"{path.name:.60}: {name}", name, array)
    for x, y in (names[n : n + 2] for n in range(0, len(names), 2)):
        if len(arrays[x]) != len(arrays[y]):
            raise Refused(f"{path.name:.60}: {x} has {len(arrays[x])} samples and {y} has {len(arrays[y])}")
    if names == TWO and arrays["train_x"].shape[1:] != arrays["test_x"].shape[1:]:
        shapes = f"{arrays['train_x'].shape} and {arrays['test_x'].shape}"
        raise Refused(f"{path.name:.60}: train_x and test_x have the shapes {shapes}; samples must be alike")
    if names == TWO and len(types := {str(arrays[name].dtype) for name in ("train_x", "test_x")}) > 1:
        raise Refused(f"{path.name:.60}: train_x and test_x have the types {' and '.join(sorted(types))}; use one")
    return arrays


def choose(found: set[str]) -> tuple[str, ...]:
    """Which arrays to read."""
    for names in (TWO, ONE):
        if found >= set(names):
            return names
    listed = ", ".join(sorted(found)) or "none"
    raise Refused(f"needs the arrays x and y, or train_x, train_y, test_x and test_y; it has {listed:.80}")


def read_header(archive: zipfile.ZipFile, name: str) -> tuple[int, int]:
    """How many entries an array has, and the bytes of one; refused when its header promises what is not there."""
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        read = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
        begins = file.tell()
    if dtype.hasobject:
        raise Refused(f"{name} holds Python objects, which are never unpickled; save numbers or texts")
    count = math.prod(shape)
    if dtype.itemsize * count != member.file_size - begins:
        raise Refused(f"{name} is damaged: its header and its size disagree")
    return count, dtype.itemsize


def check_memory(sizes: dict[str, tuple[int, int]]) -> None:
    """Raise unless all arrays, of (entries, bytes of one), fit into memory with the copies that are made of them."""
    needed = {name: count * (COPIES * each + 8) for name, (count, each) in sizes.items()}
    if (total := sum(needed.values())) > MOST_BYTES:
        largest = max(needed, key=lambda name: needed[name])
        raise Refused(
            f"{largest} would take more than there is: all arrays need {total / 2**30:.1f} GB of memory, and "
            f"{MOST_BYTES / 2**30:.0f} GB are allowed; save fewer samples, or a smaller type"
        )


def read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array whose header was read and found sound."""
    with archive.open(f"{name}.npy") as file:
        return npy.read_array(file, allow_pickle=False)


def check_array(what: str, name: str, array: np.ndarray) -> None:
    """Raise ``Refused`` unless it is an array of samples, or of targets, that can be used."""
    if name.endswith("y"):
        if array.ndim != 1 or array.dtype.kind not in NUMBERS + "U":
            raise Refused(f"{what} has the shape {array.shape} of {array.dtype}; allowed: (n,) whole numbers or texts")
        return
    if array.dtype.kind not in NUMBERS:
        raise Refused(f"{what} has the type {array.dtype}; allowed: numbers")
    if array.ndim < 2 or 0 in array.shape:
        raise Refused(f"{what} has the shape {array.shape}; allowed: (samples, ...), at least one number in each")
    if array.ndim == 4 and array.shape[1] > 4 >= array.shape[3]:
        raise Refused(f"{what} has channels last, {array.shape}; they come first: x.transpose(0, 3, 1, 2)")
    wrong = np.isfinite(array)
    np.logical_not(wrong, out=wrong)
    if count := np.count_nonzero(wrong):
        place = ", ".join(map(str, np.unravel_index(int(wrong.argmax()), wrong.shape)))
        raise Refused(f"{what} holds {count} entries that are NaN or infinite, the first at [{place}]")
