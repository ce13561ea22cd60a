"""At which steps of a run its layers are measured."""

from __future__ import annotations

MOST, LEAST, SHARE = 40, 12, 32  # steps of a run at which layers are measured: one in 32, but 12 to 40
DEAR = 8  # of them, those at which curvature and gradient noise are


def probe_steps(steps: int) -> set[int]:
    """Steps at which to measure: the first, the last, half of the others log-spaced, half evenly.

    Of a short run fewer, or measuring would take a larger part of it.
    """
    last = max(steps - 1, 0)
    half = min(MOST, max(LEAST, steps // SHARE)) // 2
    logarithmic = {round(last ** (k / half)) for k in range(half + 1)}
    even = {round(last * k / half) for k in range(half + 1)}
    return {step for step in {0, last} | logarithmic | even if step <= last}


def curvature_steps(steps: int) -> set[int]:
    """Those of them at which curvature and gradient noise are measured too: the first, the last, about six between."""
    ordered = sorted(probe_steps(steps))
    last = len(ordered) - 1
    return {ordered[round(last * k / (DEAR - 1))] for k in range(DEAR)}
