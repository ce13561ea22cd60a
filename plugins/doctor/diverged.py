"""A loss that is not a finite number any more."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from workbench import Case, Diagnosis, Rule

from .cures import BATCH_NORM, CLIP_NORM, WARMUP, fitting_weights, rate_times
from .exploding import LOUD, explodes
from .reading import first_over_last, last_index, measured, number, train_rows


def diagnose(case: Case) -> Diagnosis | None:
    """Say when, and what grew before."""
    rows = train_rows(case)
    broken = rows[~np.isfinite(rows["loss"].to_numpy("float64"))]
    if case.outcome != "diverged" and broken.empty:
        return None
    step = int(broken["step"].iloc[0]) if len(broken) else case.steps
    sound = rows[np.isfinite(rows["loss"].to_numpy("float64"))]
    text = f"The loss is not finite at step {step}"
    if sound.empty:
        return Diagnosis(
            text + ": the untrained network already gives no finite loss.", [fitting_weights(case), BATCH_NORM]
        )
    last = sound.iloc[-1]
    text += f"; it went from {number(sound['loss'].iloc[0])} to {number(last['loss'])} at step {last['step']}."
    spread = measured(case, "activation_std")
    loud = spread.size > 0 and spread.iloc[0].iloc[-1] >= LOUD
    if explodes(case) or loud:
        text += f" The cause is there at the start: the outputs spread by {number(spread.iloc[0].iloc[-1])}"
        if explodes(case):
            times = number(first_over_last(case).iloc[0])
            text += (
                f", and the norm of the signal's gradient in layer 1 is {times} times that in layer {last_index(case)}"
            )
        return Diagnosis(text + ".", [fitting_weights(case), BATCH_NORM, *rate_times(case, 0.1), CLIP_NORM])
    text += too_far(case) + over_the_limit(case)
    return Diagnosis(text, [*rate_times(case, 0.1), *rate_times(case, 0.01), CLIP_NORM, WARMUP], "update_ratio")


def too_far(case: Case) -> str:
    """How far the steps before went."""
    update = measured(case, "update_ratio").replace([np.inf, -np.inf], np.nan)
    if not update.size or update.isna().all(axis=None):
        return ""
    first = update.max(axis=1).iloc[0]
    return (
        f" The size of the update / size of the weights was {number(first)} at step {update.index[0]} and up to "
        f"{number(update.max(axis=None))} later; near 0.001 is usual."
    )


def over_the_limit(case: Case) -> str:
    """How the rate stands to the limit of gradient descent on a quadratic with the measured curvature."""
    rows = case.layers[(case.layers["statistic"] == "hessian_eigenvalue").to_numpy()]
    optimizer = case.base["optimizer"]
    if rows.empty or optimizer["use"] != "sgd":
        return ""
    curvature, momentum = float(rows["value"].iloc[0]), float(optimizer.get("momentum", 0.0))
    if not (math.isfinite(curvature) and curvature > 0) or pd.isna(optimizer.get("lr")):
        return ""
    limit = 2 * (1 + momentum) / curvature  # torch's heavy ball; Polyak 1964
    side = "above" if optimizer["lr"] > limit else "below"
    return (
        f" The largest curvature at step {rows['step'].iloc[0]} is {number(curvature)}: the limit of the rate there is "
        f"{number(limit)}, and {optimizer['lr']:g} is {side} it."
    )


diverged = Rule(
    "diverged",
    diagnose,
    title="Diverged",
    summary="The loss has become infinite or not a number, and nothing can be learned from it.",
    equation=r"\eta > 2(1 + \beta) / \lambda_{\max}",
    reference="LeCun, Bottou, Orr, Müller 1998, Efficient BackProp",
)
