"""Activations that are pushed so far out that nothing passes them."""

from __future__ import annotations

import pandas as pd

from workbench import Case, Diagnosis, Param, Rule

from .cures import BATCH_NORM, RELU_HE, XAVIER, rate_times, squeezes
from .reading import hidden, layers_named, learned, measured, now, percent, reached_at_first
from .unscaled import scale_of_inputs

ABOVE = 0.7
ALIKE = 0.05  # a spread of activations that says nothing about the input


def shares(case: Case) -> pd.DataFrame:
    """Share of saturated activations by step and hidden layer; empty for activations that are open above."""
    return hidden(measured(case, "saturated_fraction")) if squeezes(case) else pd.DataFrame()


def saturated_from_the_start(case: Case) -> bool:
    """Whether some hidden layer is, at the first look."""
    return reached_at_first(shares(case), ABOVE)


def diagnose(case: Case, above: float) -> Diagnosis | None:
    """Say which layers, since when, and where their activations stand."""
    table = shares(case)
    if not table.size or learned(case):
        return None
    begin, end = table.iloc[0], table.iloc[-1]
    at_start = reached_at_first(table, above)
    if case.outcome == "diverged" and not at_start:
        return None  # what broke the loss pushed them out
    full = end[end >= above] if (end >= above).any() else begin[begin >= above]
    if full.empty or (scale_of_inputs(case) and at_start and list(begin.index[begin >= above]) == [1]):
        return None  # large inputs saturate the first layer: that is what has to be said
    step = table.index[-1] if (end >= above).any() else table.index[0]
    mean = measured(case, "activation_mean").loc[step, full.index[0]]
    spread = measured(case, "activation_std").loc[step, full.index[0]]
    where = layers_named(list(full.index), table.shape[1])
    when = f"{now(case).capitalize()} {step}" if step else "At step 0"
    text = f"{when} the share of saturated activations in {where} is {percent(full.mean())}: their slope is below 0.01."
    if spread < ALIKE:
        text += f" The activations of layer {full.index[0]} are {mean:.3g} ± {spread:.2g}, whatever the input."
    if at_start and step:
        text += " It was so from the start: the weights are too large for this activation."
    elif not at_start:
        first = table.index[(table >= above).any(axis=1)][0]
        text += f" At the start it was {percent(begin.max())}; at step {first} the updates had driven them there."
    cures = [XAVIER, RELU_HE, BATCH_NORM] if at_start else [*rate_times(case, 0.1), BATCH_NORM, RELU_HE]
    return Diagnosis(text, cures, "saturated_fraction")


saturated = Rule(
    "saturated",
    diagnose,
    params=[Param("above", ABOVE, low=0.0, high=1.0, help="share of saturated activations that is too much")],
    title="Saturated activations",
    summary="The inputs of bounded activations lie so far out that their slope, and with it every gradient, is near 0.",
    equation=r"\lvert f'(z) \rvert < 0.01",
    reference="Glorot, Bengio 2010, AISTATS",
)
