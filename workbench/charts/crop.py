"""Lines cut where they leave a plot: every exit is known and marked, and no far-away number reaches the drawing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

Box = tuple[float, float, float, float]  # left, right, bottom, top


class Point(NamedTuple):
    """A point to draw: its row in the line, the piece it belongs to, and what it is."""

    row: int
    piece: int
    x: float
    y: float
    place: str  # "point", "leaves" or "returns"


def cut(start: tuple[float, float], end: tuple[float, float], box: Box) -> tuple[float, float] | None:
    """The shares of the way at which a segment enters and leaves the box (Liang and Barsky 1984)."""
    enter, leave = 0.0, 1.0
    sides = ((start[0], end[0], box[0], box[1]), (start[1], end[1], box[2], box[3]))
    for first, last, low, high in sides:
        way = last - first
        if way == 0:
            if not low <= first <= high:
                return None
            continue
        shares = sorted(((low - first) / way, (high - first) / way))
        enter, leave = max(enter, shares[0]), min(leave, shares[1])
    return (enter, leave) if enter <= leave else None


def crop(line: Sequence[tuple[float, float]], box: Box) -> Iterator[Point]:
    """The part of a line inside the box, in pieces; a point that is not finite ends a piece."""
    piece = 0
    before: tuple[float, float] | None = None
    for row, (x, y) in enumerate(line):
        if not (math.isfinite(x) and math.isfinite(y)):
            before = None
            piece += 1
            continue
        inside = box[0] <= x <= box[1] and box[2] <= y <= box[3]
        shares = cut(before, (x, y), box) if before is not None else None
        if before is not None and shares is not None:
            was_inside = box[0] <= before[0] <= box[1] and box[2] <= before[1] <= box[3]
            (bx, by), (enter, leave) = before, shares
            if not was_inside and enter < leave:
                piece += 1
                yield Point(row, piece, bx + enter * (x - bx), by + enter * (y - by), "returns")
            if not inside and enter < leave:
                yield Point(row, piece, bx + leave * (x - bx), by + leave * (y - by), "leaves")
        if inside:
            yield Point(row, piece, x, y, "point")
        before = (x, y)


def thin(count: int, most: int) -> list[int]:
    """Which of ``count`` rows to draw: all, or the first half of ``most`` and then ever fewer up to the last."""
    if count <= most:
        return list(range(count))
    head = max(1, most // 2)
    tail = max(2, most - head)
    ratio = (count - 1) / head
    rest = {round(head * ratio ** (index / (tail - 1))) for index in range(tail)}
    return sorted(set(range(head)) | rest)
