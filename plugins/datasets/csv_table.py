"""A CSV file as numbers and classes, with the line and column of whatever is wrong in it."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench import Refused

from .labels import to_classes

MOST_BYTES = 20 * 2**20  # of a file; its text and at most 10 million numbers of 8 bytes
MOST_ROWS = 1_000_000
MOST_COLUMNS = 10_000
MOST_NAMES = 10_000  # ways of writing the classes, before it is known which are the same number
LONGEST_NAME = 100  # characters of a class
SPLIT = "split"  # the column that says train or test, where there is one
TESTING = {"train": False, "test": True, "val": True}  # what it may say
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

    Raises ``Refused`` that names the line and the column.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Refused(f"{path.name:.60}, line {line}: not UTF-8; save the file as UTF-8") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise Refused(f"{path.name:.60}, line {line}: a zero byte, so it is no text; save the table as CSV")
    first = text[: text.find("\n") + 1 or None]
    separator = max(SEPARATORS, key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return parse(lines, target)
    except csv.Error as error:
        raise Refused(f"{path.name:.60}, line {lines.line_num}: {error}") from None
    except ValueError as error:
        raise Refused(f"{path.name:.60}{error}") from None


def parse(lines: Any, target: str) -> Table:
    """The table from a ``csv.reader``; errors begin with the place in the file."""
    header = [name.strip() for name in next(lines, [])]
    answer, split = find_columns(header, target)
    kept = [n for n in range(len(header)) if n not in (answer, split)]
    features, targets, testing = array("d"), array("q"), bytearray()
    numbers: dict[str, int] = {}  # of the names of classes
    said: set[str] = set()  # in the column split
    for row in lines:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise Refused(f", line {lines.line_num}: {len(row)} cells, and the header has {len(header)}")
        if len(targets) == MOST_ROWS:
            raise Refused(f", line {lines.line_num}: more than {MOST_ROWS:,} rows; remove some, or save it as NPZ")
        features.extend(to_numbers(row, kept, header, lines.line_num))
        name = to_name(row[answer], header[answer], lines.line_num)
        targets.append(numbers.setdefault(name, len(numbers)))
        if len(numbers) > MOST_NAMES:
            raise Refused(
                f": the column {header[answer]!r:.40} holds more than {MOST_NAMES:,} different values; a quantity "
                "(regression) or an identifier is no class"
            )
        if split is not None:
            word = to_word(row[split], header[split], lines.line_num)
            said.add(word)
            testing.append(TESTING[word])
    if not targets:
        raise Refused(": no rows below the header")
    if said >= {"val", "test"}:
        raise Refused(f": the column {header[split or 0]!r} says val and test; remove the rows of one of them")
    if header[answer] in numbers and any(is_number(header[n]) for n in kept):
        raise Refused(
            f", line 1: reads like a row, since {header[answer]!r:.40} is also a class; the first line must name "
            "the columns"
        )
    ways, classes = to_classes(np.array(list(numbers)), f": the column {header[answer]!r:.40}", len(targets))
    return Table(
        np.frombuffer(features).reshape(len(targets), len(kept)),
        ways[np.frombuffer(targets, dtype=np.int64)],
        np.frombuffer(testing, dtype=bool) if split is not None else None,
        classes,
        tuple(header[n] for n in kept),
    )


def find_columns(header: Sequence[str], target: str) -> tuple[int, int | None]:
    """The places of the target and of the split, if there is one."""
    if len(header) > MOST_COLUMNS:
        raise Refused(f", line 1: {len(header)} columns; allowed: {MOST_COLUMNS}")
    if "" in header:
        raise Refused(
            f", line 1: column {header.index('') + 1} has no name; if it only counts the rows, remove it "
            "(pandas: to_csv(index=False))"
        )
    if header and all(map(is_number, header)):
        raise Refused(", line 1: only numbers; the first line must name the columns")
    if twice := next((name for name, count in Counter(header).items() if count > 1), None):
        hint = "; the first line must name the columns" if is_number(twice) else ""
        raise Refused(f", line 1: two columns are called {twice!r:.40}{hint}")
    splits = [n for n, name in enumerate(header) if name.lower() == SPLIT]
    if len(splits) > 1:
        raise Refused(f", line 1: {len(splits)} columns are called {SPLIT}, in small or capital letters")
    others = [name for n, name in enumerate(header) if n not in splits]
    if len(others) < 2:
        besides = f" besides {header[splits[0]]}" if splits else ""
        raise Refused(
            f", line 1: {len(others)} column{'s'[: len(others) != 1]}{besides}; a number and the class are the least"
        )
    if target and target not in others:
        raise Refused(f" has no column {target!r:.40}; allowed as target: {', '.join(others):.120}")
    return header.index(target or others[-1]), splits[0] if splits else None


def to_numbers(row: Sequence[str], kept: Sequence[int], header: Sequence[str], line: int) -> list[float]:
    """The features of a row; a cell that is no finite number is named."""
    try:
        numbers = [float(row[n]) for n in kept]
        if all(map(math.isfinite, numbers)) and not any("_" in row[n] for n in kept):
            return numbers
    except ValueError:
        pass
    for n in kept:
        if not is_number(row[n]):
            said = f"{row[n]!r:.40} is not a finite number" if row[n].strip() else "empty"
            raise Refused(f", line {line}, column {header[n]!r:.40}: {said}; {advice(row[n])}")
    return [float(row[n]) for n in kept]


def advice(cell: str) -> str:
    """What to do about a cell that holds no finite number."""
    if "," in cell and is_number(cell.replace(",", ".", 1)):
        return "numbers take a point, as in 0.5, and no comma"
    if not cell.strip() or cell.strip().lower().lstrip("+-") in ("nan", "na", "n/a", "null", "none", "inf", "infinity"):
        return "fill the cell or remove the row"
    return "remove the column, or write numbers in place of its values"


def to_name(cell: str, column: str, line: int) -> str:
    """The class of a row."""
    name = cell.strip()
    if name.lower() in ("", "nan") or len(name) > LONGEST_NAME:
        why = f"a name of {len(name)} characters; allowed: {LONGEST_NAME}" if len(name) > LONGEST_NAME else "no class"
        raise Refused(f", line {line}, column {column!r:.40}: {why}")
    return name


def is_number(cell: str) -> bool:
    """Whether a cell holds a finite number; Python's 1_000 is none."""
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def to_word(cell: str, column: str, line: int) -> str:
    """What a row is for."""
    word = cell.strip().lower()
    if word not in TESTING:
        raise Refused(
            f", line {line}, column {column!r}: {cell!r:.40}; allowed: {', '.join(TESTING)} (or rename the column)"
        )
    return word
