"""Steps that are too long."""

from __future__ import annotations

import numpy as np

from workbench import Case, Diagnosis, Param, Rule

from .cures import CLIP_NORM, WARMUP, rate_times
from .reading import learned, measured, number, train_rows

ABOVE = 0.3
WORSE = 1.5  # times the first loss


def diagnose(case: Case, above: float) -> Diagnosis | None:
    """Say how far the steps went and what they did to the loss."""
    if case.outcome == "diverged" or learned(case):
        return None
    update = measured(case, "update_ratio").replace([np.inf, -np.inf], np.nan)
    rows = train_rows(case)
    if not update.size or len(rows) < 2 or not update.max(axis=None) >= above:
        return None
    if not np.isfinite(rows["loss"].to_numpy("float64")).all():
        return None  # it has diverged, whether the summary says so yet or not
    worst = rows.loc[rows["loss"].idxmax()]
    if not worst["loss"] >= WORSE * rows["loss"].iloc[0]:
        return None
    step = update.max(axis=1).idxmax()
    text = (
        f"At step {step} the size of the update / size of the weights is {number(update.loc[step].max())} in layer "
        f"{update.loc[step].idxmax()}; near 0.001 is usual. The loss rose from {number(rows['loss'].iloc[0])} to "
        f"{number(worst['loss'])} at step {worst['step']} and is {number(rows['loss'].iloc[-1])} at step "
        f"{rows['step'].iloc[-1]}."
    )
    return Diagnosis(text, [*rate_times(case, 0.1), *rate_times(case, 0.01), WARMUP, CLIP_NORM])


rate_too_high = Rule(
    "rate_too_high",
    diagnose,
    params=[
        Param("above", ABOVE, low=1e-3, high=100.0, scale="log", help="size of an update over that of the weights")
    ],
    title="Learning rate too high",
    summary="Single steps change the weights by a good part of their size, and the loss ends above where it began.",
    equation=r"\lVert \Delta W \rVert / \lVert W \rVert \not\ll 1",
    reference="Goodfellow, Bengio, Courville 2016, Deep Learning, section 11.4.1",
)
