"""A CSV file as numbers and classes, with the line and column of whatever is wrong in it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .labels import to_classes

MOST_BYTES = 200 * 2**20  # of a file
MOST_COLUMNS = 10_000
LONGEST_NAME = 100  # characters of a class
SPLIT = "split"  # the column that says train or test, where there is one
SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Table:
    """``x`` (rows, features) float64, ``y`` (rows,) class numbers, ``testing`` (rows,) bool or None without a split."""

    x: np.ndarray
    y: np.ndarray
    testing: np.ndarray | None
    classes: tuple[str, ...]
    features: tuple[str, ...]


def read_csv(path: Path, target: str) -> Table:
    """A file with a header, numbers, and a column of classes: ``target``, or the last one if that is empty.

    Raises ``ValueError`` that names the line and the column.
    """
    if (size := path.stat().st_size) > MOST_BYTES:
        raise ValueError(f"{path.name:.60} has {size / 2**20:.0f} MB; allowed: {MOST_BYTES // 2**20} MB")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(f"{path.name:.60}, line {line}: not UTF-8; save the file as UTF-8") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ValueError(f"{path.name:.60}, line {line}: a zero byte, so it is no text; save the table as CSV")
    first = text[: text.find("\n") + 1 or None]
    separator = max(SEPARATORS, key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return parse(lines, target)
    except csv.Error as error:
        raise ValueError(f"{path.name:.60}, line {lines.line_num}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path.name:.60}{error}") from None


def parse(lines: Any, target: str) -> Table:
    """The table from a ``csv.reader``; errors begin with the place in the file."""
    header = [name.strip() for name in next(lines, [])]
    answer, split = find_columns(header, target)
    kept = [n for n in range(len(header)) if n not in (answer, split)]
    features, targets, testing = [], [], []
    for row in lines:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise ValueError(f", line {lines.line_num}: {len(row)} cells, and the header has {len(header)}")
        features.append(to_numbers(row, kept, header, lines.line_num))
        targets.append(to_name(row[answer], header[answer], lines.line_num))
        if split is not None:
            testing.append(is_test(row[split], lines.line_num))
    if not features:
        raise ValueError(": no rows below the header")
    y, classes = to_classes(np.array(targets), f": the column {header[answer]!r:.40}")
    names = tuple(header[n] for n in kept)
    return Table(np.stack(features), y, np.array(testing) if split is not None else None, classes, names)


def find_columns(header: Sequence[str], target: str) -> tuple[int, int | None]:
    """The places of the target and of the split, if there is one."""
    if len(header) > MOST_COLUMNS:
        raise ValueError(f", line 1: {len(header)} columns; allowed: {MOST_COLUMNS}")
    if "" in header:
        raise ValueError(
            f", line 1: column {header.index('') + 1} has no name; if it only counts the rows, remove it "
            "(pandas: to_csv(index=False))"
        )
    if twice := next((name for n, name in enumerate(header) if name in header[:n]), None):
        raise ValueError(f", line 1: two columns are called {twice!r:.40}")
    if header and all(map(is_number, header)):
        raise ValueError(", line 1: only numbers; the first line must name the columns")
    others = [name for name in header if name != SPLIT]
    if len(others) < 2:
        raise ValueError(f", line 1: {len(others)} columns besides {SPLIT}; a number and the class are the least")
    if target and target not in others:
        raise ValueError(f" has no column {target!r:.40}; allowed as target: {', '.join(others):.120}")
    answer = header.index(target or others[-1])
    return answer, header.index(SPLIT) if SPLIT in header else None


def to_numbers(row: Sequence[str], kept: Sequence[int], header: Sequence[str], line: int) -> np.ndarray:
    """The features of a row; a cell that is no finite number is named."""
    try:
        numbers = [float(row[n]) for n in kept]
        if all(map(math.isfinite, numbers)) and not any("_" in row[n] for n in kept):
            return np.array(numbers)
    except ValueError:
        pass
    for n in kept:
        if not is_number(row[n]):
            said = f"{row[n]!r:.40} is not a finite number" if row[n].strip() else "empty"
            raise ValueError(f", line {line}, column {header[n]!r:.40}: {said}; fill the cell or remove the row")
    return np.array([float(row[n]) for n in kept])


def to_name(cell: str, column: str, line: int) -> str:
    """The class of a row."""
    name = cell.strip()
    if name.lower() in ("", "nan") or len(name) > LONGEST_NAME:
        why = f"a name of {len(name)} characters; allowed: {LONGEST_NAME}" if len(name) > LONGEST_NAME else "no class"
        raise ValueError(f", line {line}, column {column!r:.40}: {why}")
    return name


def is_number(cell: str) -> bool:
    """Whether a cell holds a finite number; Python's 1_000 is none."""
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def is_test(cell: str, line: int) -> bool:
    """Whether a row is for testing."""
    word = cell.strip().lower()
    if word not in ("train", "test"):
        raise ValueError(f", line {line}, column {SPLIT!r}: {cell!r:.40}; allowed: train, test (or rename the column)")
    return word == "test"
