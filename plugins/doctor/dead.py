"""Units that let no gradient through, whatever the input."""

from __future__ import annotations

import pandas as pd

from workbench import Case, Diagnosis, Param, Rule

from .cures import BATCH_NORM, HE, LEAKY_RELU, rate_times, squeezes
from .reading import first_over_last, hidden, layers_named, measured, now, percent, reached_at_first
from .symmetric import all_zero

ABOVE = 0.9


def shares(case: Case) -> pd.DataFrame:
    """Share of dead units by step and hidden layer; empty for bounded activations, whose units saturate instead."""
    return pd.DataFrame() if squeezes(case) else hidden(measured(case, "dead_fraction"))


def dead_from_the_start(case: Case) -> bool:
    """Whether most units of some hidden layer are, at the first look."""
    return reached_at_first(shares(case), ABOVE)


def diagnose(case: Case, above: float) -> Diagnosis | None:
    """Say in which layers, since when, and what brought it about."""
    table = shares(case)
    if not table.size or all_zero(case):
        return None
    end = table.iloc[-1]
    full = end[end >= above]
    at_start = reached_at_first(table, above)
    ratio = first_over_last(case)
    if full.empty or (not at_start and (case.outcome == "diverged" or (len(ratio) and ratio.iloc[0] < 1e-3))):
        return None  # where the loss broke, or nothing arrived from the start, it only follows
    where = layers_named(list(full.index), table.shape[1])
    text = (
        f"{now(case).capitalize()} {table.index[-1]} the share of dead units in {where} is {percent(full.mean())}: "
        "their slope is exactly 0 for every sample of the batch."
    )
    if at_start:
        text += f" At the start it was {percent(table.iloc[0].max())} already: the weights push them below 0."
        return Diagnosis(text, [HE, LEAKY_RELU, BATCH_NORM], "dead_fraction")
    first = table.index[(table >= above).any(axis=1)][0]
    update = measured(case, "update_ratio")
    before = update[update.index < first]
    text += f" At the start it was {percent(table.iloc[0].max())}; at step {first} it had happened"
    if before.size:
        text += f", after updates of up to {before.max(axis=None):.2g} of the size of the weights"
    return Diagnosis(text + ".", [*rate_times(case, 0.1), LEAKY_RELU, BATCH_NORM], "dead_fraction")


dead = Rule(
    "dead",
    diagnose,
    params=[Param("above", ABOVE, low=0.0, high=1.0, help="share of dead units in a layer that is too much")],
    title="Dead units",
    summary="Most units of a layer are off for every input; no gradient passes them, so they stay off.",
    equation=r"f'(z) = 0 \text{ for every sample}",
    reference="Lu, Shin, Su, Karniadakis 2019, arXiv:1903.06733",
)
