"""Class numbers from whatever people write into a target column."""

from __future__ import annotations

import unicodedata

import numpy as np

from workbench import Refused

MOST_CLASSES = 1000
MOST_NUMBERED = 20  # different whole numbers that are classes however few rows each has
LEAST_ROWS = 5  # on average, of each class when there are more
EXACT = 2**53  # up to here float64 tells whole numbers apart


def to_classes(values: np.ndarray, what: str, rows: int | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Class numbers (n,) int64 and the classes' names, sorted as numbers or as texts; ``values`` are (n,).

    Texts that are all numbers count as numbers, so 1, 1.0 and 01 are one class. ``rows`` (n, unless said otherwise)
    have these values. Raises ``Refused``, which calls the values ``what``, for a single class, for more than
    1,000, for names that are not for reading, and for what looks like a quantity to predict: numbers that are not all
    whole, and many whole ones with few rows each.
    """
    rows = len(values) if rows is None else rows
    if values.dtype.kind == "U":
        values = numbers_if_all(values)
    found, numbers = np.unique(values, return_inverse=True)
    if found.dtype.kind == "f":
        if not np.isfinite(found).all():
            raise Refused(f"{what} holds NaN or an infinity, which is no class")
        if not (found == np.round(found)).all():
            raise Refused(
                f"{what} holds {len(found)} different numbers that are not all whole: it looks like a quantity "
                "(regression), and classes are needed; if these are classes, write them as texts, like c0.5"
            )
        names = tuple(f"{value + 0.0:.0f}" for value in found)
    else:
        names = tuple(str(value) for value in found)
    numbered = found.dtype.kind in "iuf" and MOST_NUMBERED < len(names) <= MOST_CLASSES
    if numbered and rows < LEAST_ROWS * len(names):
        raise Refused(
            f"{what} holds {len(names)} different numbers in {rows} rows: it looks like a quantity (regression), and "
            "classes are needed; if these are classes, write them as texts, like c17"
        )
    if not 2 <= len(names) <= MOST_CLASSES:
        only = f" ({names[0]!r:.40})" if len(names) == 1 else ""
        raise Refused(f"{what} holds {len(names)} classes{only}; allowed: 2 to {MOST_CLASSES}")
    for name in names:
        check_readable(name, what)
    return numbers.reshape(-1).astype(np.int64), names


def check_readable(name: str, what: str) -> None:
    """Raise ``Refused``, which calls the place ``what``, for a class whose name would command a terminal."""
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in name):  # control codes, halves of a character
        raise Refused(f"{what} holds the class {name!r:.60}, with a sign that cannot be read; rename it")


def numbers_if_all(texts: np.ndarray) -> np.ndarray:
    """Texts as int64 if each is a whole number, else as float64 if each is finite, else as they are."""
    if any("_" in text for text in texts):  # Python reads 1_0 as ten
        return texts
    for kind in (np.int64, np.float64):
        try:
            numbers = texts.astype(kind)
        except (ValueError, OverflowError):
            continue
        if np.isfinite(numbers).all() and (np.abs(numbers) < EXACT).all():
            return numbers
    return texts
