"""Lines cut where they leave a plot: every exit is known and marked, and no far-away number reaches the drawing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]  # left, right, bottom, top
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
POINT, LEAVES, RETURNS = 0, 1, 2  # as the charts' data spell them, to stay small


class Points(NamedTuple):
    """The points to draw: their rows in the line, the pieces they belong to, and what they are (``POINT`` ...)."""

    row: Numbers
    piece: Numbers
    x: Floats
    y: Floats
    place: Numbers


def cut(start: Floats, end: Floats, box: Box) -> tuple[Floats, Floats]:
    """The shares of the way at which segments enter and leave the box (Liang and Barsky 1984); a segment that misses
    it does not enter before it leaves. Ends are arrays of shape (2, ...): x, then y.
    """
    low, high = np.array(box).reshape(2, 2).T[..., None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        way = end - start
        shares = np.stack([(low - start) / way, (high - start) / way])
    shares = np.where(way != 0, shares, np.where((low <= start) & (start <= high), [[[-np.inf]], [[np.inf]]], np.inf))
    return np.maximum(shares.min(axis=0).max(axis=0), 0.0), np.minimum(shares.max(axis=0).min(axis=0), 1.0)


def crop(x: Floats, y: Floats, box: Box) -> Points:
    """The part of a line inside the box, in pieces; a point that is not finite ends a piece."""
    line = np.stack([x, y])
    finite = np.isfinite(x) & np.isfinite(y)
    inside = finite & (box[0] <= x) & (x <= box[1]) & (box[2] <= y) & (y <= box[3])
    was_inside, goes_on = np.zeros_like(inside), np.zeros_like(inside)
    was_inside[1:], goes_on[1:] = inside[:-1], finite[1:] & finite[:-1]
    cuts = np.flatnonzero(goes_on & ~(inside & was_inside))
    start, end = line[:, cuts - 1], line[:, cuts]
    enter, leave = cut(start, end, box)
    crosses = enter < leave
    back, away = crosses & ~was_inside[cuts], crosses & ~inside[cuts]
    begins = ~finite | (inside & ~was_inside)
    begins[cuts[back]] = True
    found = []
    for chosen, share, kind in ((back, enter, RETURNS), (away, leave, LEAVES)):
        at = start[:, chosen] + share[chosen] * (end - start)[:, chosen]
        found.append((cuts[chosen], *at, np.full(int(chosen.sum()), kind)))
    found.append((np.flatnonzero(inside), x[inside], y[inside], np.zeros(int(inside.sum()), dtype=np.int64)))
    row, across, up, place = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(row, kind="stable")  # within a row: it returns, leaves, and is there
    return Points(row[order], np.cumsum(begins)[row[order]], across[order], up[order], place[order])


def thin(count: int, most: int) -> Numbers:
    """Which of ``count`` rows to draw: all, or the first half of ``most`` and then ever fewer up to the last."""
    if count <= most:
        return np.arange(count)
    head = max(1, most // 2)
    tail = max(2, most - head)
    ratio = (count - 1) / head
    rest = (head * ratio ** (np.arange(tail) / (tail - 1))).round().astype(np.int64)
    return np.union1d(np.arange(head), rest)
