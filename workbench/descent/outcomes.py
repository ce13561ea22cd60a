"""What became of a descent: converged, diverged, oscillating, stuck or slow. docs/outcomes.md defines the words.

Works on many rows at once, step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.param import Interval

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STEADY = 0.99  # steps shrink when the longest of the last quarter is below this share of those of both before
GROWTH = 1.001  # values grow when the largest of each of the last quarters is above this multiple of the one before
SIDE = 0.1  # a coordinate counts when it moves at least this share of what the other moves
LITTLE = 0.01  # a share of the way that is negligible in a quarter of the run


@dataclass(frozen=True)
class Outcomes:
    """For each row: the outcome, the step at which it was settled, and the steps to tolerance (NaN: never)."""

    outcome: NDArray[np.object_]
    step: NDArray[np.int64]
    to_tolerance: Floats


def gathered(function: Callable[..., Any], *parts: Outcomes) -> Outcomes:
    """What a function makes of each column of one or several."""
    return Outcomes(*(function(*(getattr(part, column.name) for part in parts)) for column in fields(Outcomes)))


def quarters(steps: int) -> list[tuple[int, int]]:
    """The last three quarters of the steps 1 to ``steps`` as half-open ranges, each at least one step."""
    size = max(1, steps // 4)
    ends = [max(1, steps - back * size) for back in (2, 1, 0)]
    return [(max(1, end - size + 1), end + 1) for end in ends]


class Reversals:
    """Whether a coordinate that matters changes its direction within a stretch of moves (2, rows)."""

    def __init__(self, rows: int) -> None:
        self.most = np.zeros((2, rows))
        self.turned = np.zeros((2, rows), dtype=bool)
        self.before: Floats | None = None

    def watch(self, move: Floats) -> None:
        """One move more."""
        np.maximum(self.most, np.abs(move), out=self.most)
        if self.before is not None:
            self.turned |= move * self.before < 0
        self.before = move

    def found(self) -> Flags:
        """The answer for each row."""
        return np.asarray((self.turned & (self.most >= SIDE * self.most.max(axis=0))).any(axis=0))


class Judge:
    """Watches a descent of many rows step by step and names their outcomes at the end; it keeps no history.

    ``lowest`` is f_min (one, or one for each row), ``domain`` the intervals of x and y that are drawn.
    A row ends at the first number that is not finite; what comes after it is not looked at.
    """

    def __init__(
        self, rows: int, steps: int, lowest: float | Floats, tolerance: float, domain: tuple[Interval, Interval]
    ) -> None:
        self.rows, self.steps, self.lowest, self.tolerance, self.domain = rows, steps, lowest, tolerance, domain
        self.first, self.second, self.third = quarters(steps)
        self.at = -1  # the last step that was watched
        self.now, self.before = np.full((3, rows), np.nan), np.full((3, rows), np.nan)  # x, y, value
        self.whole = True  # whether every row is finite so far
        self.alive = np.ones(rows, dtype=bool)
        self.ended = np.full(rows, -1, dtype=np.int64)  # the step of the first number that is not finite
        self.outside = np.full(rows, -1, dtype=np.int64)  # the last step that is not within the tolerance
        self.above = np.full(rows, -1, dtype=np.int64)  # the last step at or below the start
        self.sight = np.full(rows, -1, dtype=np.int64)  # the last step that is in the domain or above f_min
        self.all_in_sight = -1  # the last step where every row is
        self.tops = np.full((3, rows), -np.inf)
        self.longest = np.zeros((3, rows))
        self.moved = np.zeros(rows)
        self.turns = [Reversals(rows), Reversals(rows)]
        self.gap_before = np.full(rows, np.nan)

    def watch(self, positions: Floats, values: Floats) -> bool:
        """The next step: positions (2, rows) and values (rows,) are copied. False: no row goes on."""
        self.at += 1
        step = self.at
        self.now, self.before = self.before, self.now
        now = self.now
        now[:2], now[2] = positions, values
        if not self.whole:
            now[:, ~self.alive] = self.before[:, ~self.alive]  # a row that has ended stays where it ended
        with np.errstate(all="ignore"):
            known = np.isfinite(now)
            if not known.all():
                finite = known.all(axis=0)
                self.whole = False
                self.ended[self.alive & ~finite] = step
                self.alive &= finite
            gap = now[2] - self.lowest
            if step == 0:
                self.value_0 = now[2].copy()
            below = now[2] <= self.value_0
            out = gap > self.tolerance
            if not self.whole:
                below &= self.alive
                out |= ~self.alive
            np.copyto(self.above, step, where=below)
            np.copyto(self.outside, step, where=out)
            self._drawn(step, gap)
            for quarter, (start, end) in enumerate((self.first, self.second, self.third)):
                if start <= step < end:
                    self._quarter(quarter, gap)
            for turns, (start, end) in zip(self.turns, (self.second, self.third), strict=True):
                # one move more at the front, so that a turn between two quarters counts in the later one
                if max(1, start - 1) <= step < end:
                    turns.watch(now[:2] - self.before[:2])
            if step == self.second[1] - 1:
                self.gap_before = gap
        return self.whole or bool(self.alive.any())

    def _drawn(self, step: int, gap: Floats) -> None:
        """Remember who is in the drawn domain, or not below the lowest known value."""
        lost = gap < -self.tolerance
        if not lost.any():
            self.all_in_sight = step
            return
        (left, right), (low, high) = self.domain
        x, y = self.now[:2]
        lost &= (x < left) | (x > right) | (y < low) | (y > high)
        np.copyto(self.sight, step, where=~lost)

    def _quarter(self, quarter: int, gap: Floats) -> None:
        x, y = self.now[:2] - self.before[:2]
        lengths = np.sqrt(x * x + y * y)  # np.hypot takes five times as long
        np.maximum(self.tops[quarter], gap, out=self.tops[quarter])
        np.maximum(self.longest[quarter], lengths, out=self.longest[quarter])
        if quarter == 2:
            self.moved += lengths

    def outcomes(self) -> Outcomes:
        """Name the outcome of each row, as far as it was watched."""
        if self.at == 0:  # not finite where it starts: there is no step to look at
            self.watch(self.now[:2].copy(), self.now[2].copy())
            found = self.outcomes()
            return Outcomes(found.outcome, np.zeros_like(found.step), found.to_tolerance)
        steps, value = self.steps, self.now[2]
        diagonal = np.hypot(self.domain[0][1] - self.domain[0][0], self.domain[1][1] - self.domain[1][0])
        with np.errstate(all="ignore"):
            gap = value - self.lowest
            tops, longest = self.tops, self.longest
            growing = (tops[2] > GROWTH * tops[1]) & ((tops[1] > GROWTH * tops[0]) | (not steps >= 3))
            diverged = growing & (value > self.value_0)
            if steps < 2:
                diverged = value > self.value_0
            turning = self.turns[0].found() & self.turns[1].found()
            oscillating = turning & (longest[2] >= STEADY * np.minimum(longest[0], longest[1])) & (steps >= 3)
            progress = self.gap_before - gap
            stuck = (progress < LITTLE * gap) & (self.moved < LITTLE * diagonal)
        broken = ~self.alive
        within = self.outside < self.at
        sight = np.maximum(self.sight, self.all_in_sight)
        gone = self.alive & (sight < self.at)  # below the lowest value that is known, and out of sight
        above = np.where(gone, sight, self.above) + 1
        outcome = np.select(
            [broken | gone, within, diverged, oscillating, stuck],
            ["diverged", "converged", "diverged", "oscillating", "stuck"],
            default="slow",
        ).astype(object)
        reached = np.where(within & ~broken & ~gone, self.outside + 1.0, np.nan)
        step = np.where(outcome == "diverged", above, np.where(outcome == "converged", self.outside + 1, steps))
        return Outcomes(outcome, step.astype(np.int64), reached)


def judge(
    positions: Floats, values: Floats, lowest: float, tolerance: float, domain: tuple[Interval, Interval]
) -> Outcomes:
    """Name the outcome of each row of descents that are known as a whole: (steps + 1, 2, rows), (steps + 1, rows)."""
    judge = Judge(values.shape[1], max(1, len(values) - 1), lowest, tolerance, domain)
    for places, heights in zip(positions, values, strict=True):
        judge.watch(places, heights)
    return judge.outcomes()


@dataclass(frozen=True)
class Judgement:
    """The outcome of one descent: the word, the step at which it was settled, a sentence, and steps to tolerance."""

    outcome: str
    step: int
    message: str
    to_tolerance: float


def outcome(
    positions: Any,
    values: Any,
    lowest: float,
    tolerance: float,
    domain: tuple[Interval, Interval],
    minima: Sequence[tuple[float, float]] = (),
) -> Judgement:
    """Judge one descent: positions (steps + 1, 2), values (steps + 1,)."""
    places, heights = np.asarray(positions, dtype=np.float64), np.asarray(values, dtype=np.float64)
    found = judge(places[:, :, None], heights[:, None], lowest, tolerance, domain)
    word, step = str(found.outcome[0]), int(found.step[0])
    end, gap = places[-1], float(heights[-1]) - lowest
    if word == "converged":
        message = f"within {tolerance:g} of the lowest value from step {step} on"
    elif word == "diverged" and not (np.isfinite(heights[-1]) and np.isfinite(end).all()):
        message = f"not finite at step {len(heights) - 1}; not below its start again from step {step} on"
    elif word == "diverged" and gap < 0:
        message = f"left the drawn region below its lowest value at step {step}: no minimum there to reach"
    elif word == "diverged":
        message = f"not below its start again from step {step} on, and still growing"
    elif word == "oscillating":
        message = f"goes to and fro without shrinking, {gap:.3g} above the lowest value"
    elif word == "stuck":
        message = f"hardly moves any more, {gap:.3g} above the lowest value"
        for x, y in minima[1:]:
            if np.hypot(end[0] - x, end[1] - y) < 0.1:
                message += f", at the local minimum ({x:.3g}, {y:.3g})"
    else:
        message = f"still {gap:.3g} above the lowest value after {len(heights) - 1} steps"
    return Judgement(word, step, message, float(found.to_tolerance[0]))
