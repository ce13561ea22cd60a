"""What became of a descent: converged, diverged, oscillating, stuck or slow. docs/outcomes.md defines the words.

Works on many rows at once: positions (steps + 1, 2, rows), values (steps + 1, rows). A row that ended at
a value that is not finite is filled with NaN after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.components import Interval

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


def last_where(flags: Flags) -> NDArray[np.int64]:
    """For each column the last row where the flag is set, or -1."""
    count = len(flags)
    return np.where(flags.any(axis=0), count - 1 - flags[::-1].argmax(axis=0), -1)


def quarters(steps: int) -> list[tuple[int, int]]:
    """The last three quarters of the steps 1 to ``steps`` as half-open ranges, each at least one step."""
    size = max(1, steps // 4)
    ends = [max(1, steps - back * size) for back in (2, 1, 0)]
    return [(max(1, end - size + 1), end + 1) for end in ends]


def reversals(moves: Floats) -> Flags:
    """For each row, whether a coordinate that matters changes its direction; moves are (steps, 2, rows)."""
    most = np.abs(moves).max(axis=0)
    matters = most >= SIDE * most.max(axis=0)
    turned = (moves[1:] * moves[:-1] < 0).any(axis=0)
    return np.asarray((turned & matters).any(axis=0))


def judge(
    positions: Floats, values: Floats, lowest: float, tolerance: float, domain: tuple[Interval, Interval]
) -> Outcomes:
    """Name the outcome of each row. ``lowest`` is f_min, ``domain`` the intervals of x and y that are drawn."""
    if len(values) == 1:  # not finite where it starts: there is no step to look at
        positions, values = np.repeat(positions, 2, axis=0), np.repeat(values, 2, axis=0)
        found = judge(positions, values, lowest, tolerance, domain)
        return Outcomes(found.outcome, np.zeros_like(found.step), found.to_tolerance)
    steps, rows = len(values) - 1, values.shape[1]
    diagonal = np.hypot(domain[0][1] - domain[0][0], domain[1][1] - domain[1][0])
    first, second, third = quarters(steps)
    with np.errstate(all="ignore"):
        gap = values - lowest
        finite = np.isfinite(values) & np.isfinite(positions).all(axis=1)
        outside = last_where(~(finite & (gap <= tolerance)))
        within = outside < steps
        above = last_where(finite & (values <= values[0])) + 1

        tops = [gap[start:end].max(axis=0) for start, end in (first, second, third)]
        longer = steps >= 3
        growing = (tops[2] > GROWTH * tops[1]) & ((tops[1] > GROWTH * tops[0]) | (not longer))
        diverged = growing & (values[-1] > values[0])
        if steps < 2:
            diverged = values[-1] > values[0]

        moves = np.diff(positions, axis=0)
        lengths = [np.hypot(*moves[start - 1 : end - 1].swapaxes(0, 1)) for start, end in (first, second, third)]
        longest = [part.max(axis=0) for part in lengths]
        # one move more at the front, so that a turn between two quarters counts in the later one
        turning = reversals(moves[max(0, second[0] - 2) : second[1] - 1])
        turning &= reversals(moves[max(0, third[0] - 2) : third[1] - 1])
        oscillating = turning & (longest[2] >= STEADY * np.minimum(longest[0], longest[1])) & (steps >= 3)

        progress = gap[second[1] - 1] - gap[-1]
        stuck = (progress < LITTLE * gap[-1]) & (lengths[2].sum(axis=0) < LITTLE * diagonal)

        last = positions[-1]
        gone = (gap[-1] < -tolerance) & (
            (last[0] < domain[0][0]) | (last[0] > domain[0][1]) | (last[1] < domain[1][0]) | (last[1] > domain[1][1])
        )
        if gone.any():  # below the lowest value that is known, and out of sight
            left = last_where(~gone_at(positions, gap, tolerance, domain)) + 1
            above = np.where(gone & finite[-1], left, above)

    broken = ~finite.all(axis=0)
    outcome = np.select(
        [broken | gone, within, diverged, oscillating, stuck],
        ["diverged", "converged", "diverged", "oscillating", "stuck"],
        default="slow",
    ).astype(object)
    reached = np.where(within & ~broken & ~gone, outside + 1.0, np.nan)
    step = np.where(outcome == "diverged", above, np.where(outcome == "converged", outside + 1, steps))
    assert len(outcome) == rows
    return Outcomes(outcome, step.astype(np.int64), reached)


def gone_at(positions: Floats, gap: Floats, tolerance: float, domain: tuple[Interval, Interval]) -> Flags:
    """At each step and row, whether it is out of the domain and below the lowest known value."""
    x, y = positions[:, 0], positions[:, 1]
    out = (x < domain[0][0]) | (x > domain[0][1]) | (y < domain[1][0]) | (y > domain[1][1])
    return np.asarray(out & (gap < -tolerance))


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
