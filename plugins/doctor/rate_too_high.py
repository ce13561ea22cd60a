"""Steps that are too long."""

from __future__ import annotations

import numpy as np

from workbench import Case, Diagnosis, Param, Rule

from .cures import CLIP_NORM, WARMUP, rate_times
from .dead import ABOVE as DEAD
from .dead import shares as dead_shares
from .reading import first_over_last, learned, measured, number, percent, train_rows
from .saturated import ABOVE as SATURATED
from .saturated import shares as saturated_shares

ABOVE = 0.3
WORSE = 1.5  # times the first loss


def diagnose(case: Case, above: float) -> Diagnosis | None:
    """Say how far the steps went and what they did to the loss, or to the units."""
    if case.outcome == "diverged" or learned(case):
        return None
    update = measured(case, "update_ratio").replace([np.inf, -np.inf], np.nan)
    if not update.size or not update.max(axis=None) >= above:
        return None
    harm = " ".join(filter(None, (loss_rose(case), units_driven_out(case))))
    if not harm:
        return None
    step = update.max(axis=1).idxmax()
    text = (
        f"At step {step} the size of the update / size of the weights is {number(update.loc[step].max())} in layer "
        f"{update.loc[step].idxmax()}; near 0.001 is usual. {harm}"
    )
    return Diagnosis(text, [*rate_times(case, 0.1), *rate_times(case, 0.01), WARMUP, CLIP_NORM], "update_ratio")


def loss_rose(case: Case) -> str:
    """How far the training loss rose above its first value; empty unless by half, or when it is not finite."""
    rows = train_rows(case)
    if len(rows) < 2 or not np.isfinite(rows["loss"].to_numpy("float64")).all():
        return ""
    first, worst, last = rows.iloc[0], rows.loc[rows["loss"].idxmax()], rows.iloc[-1]
    if worst["loss"] < WORSE * first["loss"]:
        return ""
    return (
        f"The loss rose from {number(first['loss'])} to {number(worst['loss'])} at step {worst['step']} and is "
        f"{number(last['loss'])} at step {last['step']}."
    )


def units_driven_out(case: Case) -> str:
    """What became of units that were sound at the start: a long run's curve may leave out the steps that did it."""
    ratio = first_over_last(case)
    if len(ratio) and ratio.iloc[0] < 1e-3:
        return ""  # where hardly anything arrived from the start, the steps are not to blame
    for shares, above, what in ((dead_shares, DEAD, "dead"), (saturated_shares, SATURATED, "saturated")):
        table = shares(case)
        if table.size and table.iloc[0].max() < above <= table.iloc[-1].max():
            begin, end = percent(table.iloc[0].max()), percent(table.iloc[-1].max())
            return f"At the start {begin} of a layer were {what}, at step {table.index[-1]} it is {end}."
    return ""


rate_too_high = Rule(
    "rate_too_high",
    diagnose,
    params=[
        Param("above", ABOVE, low=1e-3, high=100.0, scale="log", help="size of an update over that of the weights")
    ],
    title="Learning rate too high",
    summary="Single steps change the weights by a good part of their size, and harm more than they help.",
    equation=r"\lVert \Delta W \rVert / \lVert W \rVert \not\ll 1",
    reference="Goodfellow, Bengio, Courville 2016, Deep Learning, section 11.4.1",
)
