"""Signals in an untrained network: what a layer multiplies them by, measured and as theory has it.

Forward the second moment of the activations, E[h^2]; backward the squared norm of the gradient of a layer's output. In
a deep network of equal layers both change by one factor a layer: it is the slope of a straight line through their
logarithms. See Poole et al. 2016 (arXiv:1606.05340), Schoenholz et al. 2017 (arXiv:1611.01232) and Yang et al. 2019
(arXiv:1902.08129), who find pi/(pi - 1) backward for batch norm and ReLU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

FORWARD, BACKWARD = "forward", "backward"
CLOSE = 0.01  # relative distance up to which a number is called by the name of a closed form
BEND = 2.0  # factor by which a layer may be off the line
CLOSED_FORMS = {
    "π/(π - 1)": math.pi / (math.pi - 1),  # batch norm and ReLU, backward
    "1": 1.0,  # He's weights and ReLU
    "1/2": 0.5,  # Xavier's weights and ReLU
    "1/6": 1 / 6,  # torch's default weights and ReLU
    "1/3": 1 / 3,  # torch's default weights without an activation
}


def at_start(layers: pd.DataFrame) -> pd.DataFrame:
    """Variant, index, layer, direction, measured, low, high, theory: one row a layer, means (and range) over the seeds.

    From the rows of step 0. Forward: E[h^2] of the layer's activations. Backward: norm of the gradient of the layer's
    output; the theory knows it up to a factor, and is made to agree in the last layer. NaN: not measured, no theory, or
    not finite for one of the seeds.
    """
    rows = layers[(layers["step"] == 0) & (layers["index"] > 0)]
    keys = ["variant", "seed", "index", "layer"]
    wanted = ("activation_mean", "activation_std", "signal_grad_norm", "theory_second_moment", "theory_signal_norm")
    wide = rows[rows["statistic"].isin(wanted)].set_index([*keys, "statistic"])["value"].unstack("statistic")
    wide = wide.reindex(columns=list(wanted)).astype("float64").reset_index()
    wide = wide.sort_values(["variant", "seed", "index"], kind="stable")
    forward = wide[keys].assign(
        direction=FORWARD,
        measured=wide["activation_std"] ** 2 + wide["activation_mean"] ** 2,
        theory=wide["theory_second_moment"],
    )
    runs = wide.groupby(["variant", "seed"], sort=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = runs["signal_grad_norm"].transform(last) / runs["theory_signal_norm"].transform(last)
    backward = wide[keys].assign(
        direction=BACKWARD, measured=wide["signal_grad_norm"], theory=wide["theory_signal_norm"] * unit
    )
    both = pd.concat([forward, backward], ignore_index=True)
    both = both.replace([np.inf, -np.inf], np.nan)
    groups = both.groupby(["variant", "direction", "index", "layer"], sort=False)
    table = groups["measured"].agg(measured=whole_mean, low="min", high="max")
    table["theory"] = groups["theory"].agg(whole_mean)
    order = {name: place for place, name in enumerate(dict.fromkeys(layers["variant"]))}
    table = table.reset_index()
    return table.sort_values(
        ["variant", "direction", "index"], key=lambda column: column.map(order) if column.name == "variant" else column
    ).reset_index(drop=True)


def last(values: pd.Series) -> float:
    """The value in the last layer, finite or not."""
    return float(values.iloc[-1])


def whole_mean(values: pd.Series) -> float:
    """The mean; NaN where one is NaN."""
    return float(values.mean(skipna=False))


def per_layer(index: Sequence[float], values: Sequence[float]) -> float:
    """What one layer multiplies a positive number by: least squares on the logarithms.

    NaN with fewer than two layers, and where one factor does not tell it: the line misses a layer by more than
    ``BEND``.
    """
    x, y = np.asarray(index, dtype="float64"), np.asarray(values, dtype="float64")
    if len(x) < 2 or not (np.isfinite(y) & (y > 0)).all():
        return math.nan
    logs = np.log(y)
    slope, start = np.polyfit(x, logs, 1)
    missed = np.abs(logs - start - slope * x).max()
    return float(np.exp(slope)) if missed <= math.log(BEND) else math.nan


def factors(start: pd.DataFrame) -> pd.DataFrame:
    """Variant, direction, measured, theory, layers: the factor a layer, of the squared signal, the way the signal goes.

    ``start`` is what ``at_start`` returns. Left out are the first layer, whose inputs are data, and the last, which
    has no activation and another width. ``layers`` counts those that are fitted; there is no row where they are fewer
    than three.
    """
    found = []
    for (variant, direction), rows in start.groupby(["variant", "direction"], sort=False):
        hidden = rows[(rows["index"] > rows["index"].min()) & (rows["index"] < rows["index"].max())]
        if len(hidden) < 3:
            continue
        power = 1.0 if direction == FORWARD else -2.0  # toward the input, and from a norm to its square
        values = [per_layer(hidden["index"], hidden[column]) ** power for column in ("measured", "theory")]
        found.append((variant, direction, *values, len(hidden)))
    return pd.DataFrame(found, columns=["variant", "direction", "measured", "theory", "layers"])


def closed_form(value: float) -> str:
    """The name of the closed form that a number is within a hundredth of, or an empty text."""
    if not math.isfinite(value):
        return ""
    distance, name = min((abs(value / exact - 1), name) for name, exact in CLOSED_FORMS.items())
    return name if distance <= CLOSE else ""


def said(found: pd.DataFrame, direction: str, names: Sequence[str] = ()) -> str:
    """``factors`` of one direction as a sentence: ``Factor per layer, measured (theory): base 0.21 (0.205).``"""
    rows = found[(found["direction"] == direction) & found["measured"].notna()]
    if rows.empty:
        return ""
    order = list(names) or list(rows["variant"])
    rows = rows.set_index("variant").loc[[name for name in order if name in set(rows["variant"])]]
    parts = []
    for name, row in rows.iterrows():
        theory = ""
        if math.isfinite(row["theory"]):
            form = closed_form(row["theory"])
            theory = f" (theory {row['theory']:.4g}{f' ≈ {form}' if form and form != '1' else ''})"
        parts.append(f"{name} {row['measured']:.3g}{theory}")
    squared = "second moment" if direction == FORWARD else "squared norm"
    way = "toward the output" if direction == FORWARD else "toward the input"
    return f"Measured factor of the {squared} per layer {way}: {'; '.join(parts)}."
