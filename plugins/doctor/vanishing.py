"""Gradients that fade on their way to the first layer."""

from __future__ import annotations

from workbench import Case, Diagnosis, Param, Rule

from .cures import BATCH_NORM, RELU_HE, RESIDUAL
from .dead import dead_from_the_start
from .reading import first_over_last, last_index, learned, measured, now, number
from .saturated import saturated_from_the_start
from .symmetric import all_zero, units_agree


def vanishes(case: Case, below: float) -> bool:
    """Whether the signal that reaches the first layer is small from the start, by depth and by nothing else."""
    ratio = first_over_last(case)
    if ratio.empty or not ratio.iloc[0] < below or learned(case):
        return False
    other = saturated_from_the_start(case) or dead_from_the_start(case) or all_zero(case) or units_agree(case)
    return not other


def cut(case: Case) -> int:
    """The last layer that gets no signal at all at the first look; 0 where none is cut off.

    A signal that fades below what single precision holds ends in zeros, too: then what is left of it behind them is
    tiny already. It is cut where a signal that is not gets nothing through.
    """
    first = measured(case, "signal_grad_norm").loc[first_over_last(case).index[0]].dropna()
    gone = first.index[first == 0]
    if first.iloc[0] or first.loc[gone[-1] :].iloc[1] < FADED * first.iloc[-1]:
        return 0
    return int(gone[-1])


def diagnose(case: Case, below: float) -> Diagnosis | None:
    """Say how much of the gradient arrives, now and at the start, and what one layer takes."""
    if not vanishes(case, below):
        return None
    ratio, last = first_over_last(case), last_index(case)
    if at := cut(case):
        text = (
            f"At step {ratio.index[0]} the signal's gradient in layer {at} is exactly 0: something between it and "
            f"layer {at + 1} lets nothing through, so no layer up to it can learn."
        )
        return Diagnosis(text, statistic="signal_grad_norm")
    share = ratio.iloc[0] ** (1 / (last - 1)) if ratio.iloc[0] else 0.0
    text = (
        f"At step {ratio.index[0]} the norm of the signal's gradient in layer 1 is {number(ratio.iloc[0])} of that in "
        f"layer {last}: each layer passes on {number(share)} of what it gets."
    )
    if len(ratio) > 1:
        text += f" {now(case).capitalize()} {ratio.index[-1]} it is {number(ratio.iloc[-1])}"
        text += ": it has come back, but the steps until then are lost." if ratio.iloc[-1] >= BACK else "."
    predicted = measured(case, "theory_signal_norm")
    if predicted.shape[1] > 1 and predicted.iloc[0, -1] > 0:
        text += f" Theory expects {number(predicted.iloc[0, 0] / predicted.iloc[0, -1])} at the start."
    return Diagnosis(text, [RELU_HE, BATCH_NORM, RESIDUAL], "signal_grad_norm")


BELOW = 1e-3
BACK = 0.1
FADED = 1e-30  # of the last layer's signal: single precision ends at 1e-45

vanishing = Rule(
    "vanishing",
    diagnose,
    params=[
        Param(
            "below", BELOW, low=0.0, high=1.0, scale="linear", help="first over last layer's signal that is too small"
        )
    ],
    title="Vanishing gradient",
    summary="Each layer passes on less gradient than it gets, so the first layers are hardly told what to change.",
    equation=r"\lVert \partial L / \partial z_1 \rVert \ll \lVert \partial L / \partial z_L \rVert",
    reference="Hochreiter 1991, diploma thesis, TU München; Bengio, Simard, Frasconi 1994, doi:10.1109/72.279181",
)
