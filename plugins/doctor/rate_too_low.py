"""Steps that are too short to get anywhere."""

from __future__ import annotations

import numpy as np

from workbench import Case, Cure, Diagnosis, Param, Rule

from .cures import DEFAULT_RATE, rate_times
from .exploding import LOUD, explodes
from .reading import first_over_last, learned, measured, number, train_rows

BELOW = 0.1
SEEN = 0.1  # of the planned steps, before a running one is judged: the rate may still be warming up


def planned(case: Case) -> int:
    """How many steps the run is to take, going by how many an epoch has."""
    rows = case.curve[(case.curve["epoch"] > 0).to_numpy()]
    if rows.empty:
        return case.steps
    last = rows.iloc[-1]
    return max(case.steps, round(case.task["epochs"] * last["step"] / last["epoch"]))


def stands_still(case: Case) -> bool:
    """Whether the rate that was set is 0, and no step that was measured has moved any weight.

    An update of 0 alone says nothing of the rate: frozen weights, and those without a gradient, stand still, too.
    """
    update = measured(case, "update_ratio")
    moved = bool(update.size) and update.max(axis=None) > 0
    return case.base["optimizer"].get("lr") == 0 and case.steps > 0 and len(train_rows(case)) > 0 and not moved


def diagnose(case: Case, below: float) -> Diagnosis | None:
    """Bound how far the weights can get: no farther than all steps in one direction, each as long as the longest."""
    if stands_still(case):
        rows = train_rows(case)
        text = (
            f"The learning rate is 0: none of the {case.steps} steps up to now moves a weight. The loss goes from "
            f"{number(rows['loss'].iloc[0])} to {number(rows['loss'].tail(10).mean())}."
        )
        return Diagnosis(text, [DEFAULT_RATE], "update_ratio")
    steps = planned(case)
    update = measured(case, "update_ratio").replace([np.inf, -np.inf], np.nan)
    if case.outcome == "diverged" or learned(case) or not update.size or case.steps < SEEN * steps:
        return None
    ratio, longest = first_over_last(case), float(update.max(axis=None))
    if not 0 < steps * longest < below or explodes(case) or (len(ratio) and ratio.iloc[0] < 1e-2):
        return None  # a gradient that does not arrive makes short steps, too, and no rate mends that
    if measured(case, "activation_std").iloc[0].iloc[-1] >= LOUD:
        return None
    rows = train_rows(case)
    step = update.max(axis=1).idxmax()
    text = (
        f"The size of the update / size of the weights is at most {number(longest)} (at step {step}): in all {steps} "
        f"steps no layer can move by more than {number(steps * longest)} of its size. The loss goes from "
        f"{number(rows['loss'].iloc[0])} to {number(rows['loss'].tail(10).mean())}."
    )
    far = 10.0 ** max(1.0, np.ceil(np.log10(1 / (steps * longest))))  # then they can move by about their own size
    return Diagnosis(
        text, [cure for factor in dict.fromkeys((far, far / 10, 10.0)) for cure in some(case, factor)], "update_ratio"
    )


def some(case: Case, factor: float) -> list[Cure]:
    """The rate times a factor that changes something."""
    return rate_times(case, factor) if factor > 1 else []


rate_too_low = Rule(
    "rate_too_low",
    diagnose,
    params=[Param("below", BELOW, low=1e-6, high=10.0, scale="log", help="how far weights can move, over their size")],
    title="Learning rate too low",
    summary="All steps together change the weights by less than a tenth of their size.",
    equation=r"\lVert W_T - W_0 \rVert \le \sum_t \lVert \Delta W_t \rVert \ll \lVert W_0 \rVert",
    reference="Goodfellow, Bengio, Courville 2016, Deep Learning, section 11.4.1",
)
