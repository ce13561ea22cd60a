"""What the rules read from the records of one training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench import Case

LATE = 10  # training rows whose mean says where a run stands now


def measured(case: Case, statistic: str) -> pd.DataFrame:
    """One statistic of the weight layers: a row for each measured step, a column for each layer, NaN where none is."""
    layers = case.layers
    rows = layers[((layers["statistic"] == statistic) & (layers["index"] > 0)).to_numpy()]
    steps, row = np.unique(rows["step"].to_numpy(), return_inverse=True)
    indices, column = np.unique(rows["index"].to_numpy(), return_inverse=True)
    table = np.full((len(steps), len(indices)), np.nan)
    table[row, column] = rows["value"].to_numpy("float64")
    return pd.DataFrame(table, steps, indices)


def hidden(table: pd.DataFrame) -> pd.DataFrame:
    """Without the last layer, which has no activation."""
    return table.iloc[:, :-1]


def reached_at_first(table: pd.DataFrame, above: float) -> bool:
    """Whether a share of some layer is that large at the first look."""
    return bool(table.size and (table.iloc[0] >= above).any())


def train_rows(case: Case) -> pd.DataFrame:
    """The curve's rows of training batches, by step."""
    return case.curve[(case.curve["split"] == "train").to_numpy()].sort_values("step", kind="stable")


def test_rows(case: Case) -> pd.DataFrame:
    """The curve's rows of the test split, by step."""
    return case.curve[(case.curve["split"] == "test").to_numpy()].sort_values("step", kind="stable")


def learned(case: Case) -> bool:
    """Whether the network has learned: half of what there is to learn, going by its newest training batches.

    Accuracy: half of the way from its first value to 1, or 0.8 (a branch begins with what its trunk has learned). A
    network without an accuracy has learned when its loss is half of what it was. One that has diverged has not.
    """
    if case.outcome == "diverged":
        return False
    rows = train_rows(case)
    if len(rows) < 2:
        return False
    now = rows.tail(LATE)
    if rows["accuracy"].notna().any():
        return bool(now["accuracy"].mean() >= min(0.5 + rows["accuracy"].iloc[0] / 2, 0.8))
    return bool(now["loss"].mean() <= rows["loss"].iloc[0] / 2)


def first_over_last(case: Case) -> pd.Series:
    """The signal's gradient in the first layer over that in the last, by step; empty with fewer than two layers.

    Steps at which the last layer gets none, or something that is not finite, are left out.
    """
    table = measured(case, "signal_grad_norm")
    if table.shape[1] < 2:
        return pd.Series(dtype="float64")
    ratio = table.iloc[:, 0] / table.iloc[:, -1].where(table.iloc[:, -1] > 0)
    return ratio[ratio.map(math.isfinite)]


def last_index(case: Case) -> int:
    """The number of the layer nearest the output of which a signal is recorded."""
    return int(measured(case, "signal_grad_norm").columns[-1])


def now(case: Case) -> str:
    """``now, at step 40`` of a run that goes on; ``at step 40`` of one that is over."""
    return "now, at step" if case.live else "at step"


def number(value: float) -> str:
    """A number to two digits, in words where it is not finite: 0.25, 3.1e-08, infinite."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite"
    return f"{value:,.0f}" if 99.5 <= abs(value) < 1e6 else f"{value:.2g}"


def percent(share: float) -> str:
    """A share in percent: 100 %, 94 %, 0.4 %."""
    return f"{100 * share:.0f} %" if share >= 0.01 or share == 0 else f"{100 * share:.1g} %"


def layers_named(indices: Sequence[int], count: int) -> str:
    """``layer 1``, ``layers 2 and 3``, ``layers 1 to 9``, ``all 9 hidden layers`` of ``count`` hidden ones."""
    found = list(indices)
    if len(found) == count and count > 1:
        return f"all {count} hidden layers" if count > 2 else "both hidden layers"
    if len(found) == 1:
        return f"layer {found[0]}"
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"layers {found[0]} to {found[-1]}"
    return f"layers {', '.join(map(str, found[:-1]))} and {found[-1]}"
