"""How much of the gradient reaches the first layer: its norm there over that in the last layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.charts.layered import Layered
from workbench.charts.style import number
from workbench.charts.track import track
from workbench.charts.training import NAMES, Width, over_seeds, seeds_of, variants


def ratios(layers: pd.DataFrame, statistic: str = "weight_grad_norm") -> pd.DataFrame:
    """First layer's value divided by the last layer's, of every run and measured step."""
    keys = ["variant", "seed", "step"]
    rows = layers[(layers["statistic"] == statistic) & (layers["index"] > 0)]
    looks = rows.groupby(keys, sort=False).ngroup().to_numpy()
    order = np.lexsort((rows["index"].to_numpy(), looks, rows["step"].to_numpy()))
    ends = np.flatnonzero(np.diff(looks[order], prepend=-1, append=-1))
    first, last = order[ends[:-1]], order[ends[1:] - 1]
    values = rows["value"].to_numpy("float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.divide(values[first], values[last])
    return rows[keys].iloc[first].assign(ratio=ratio)


def gradient_ratio(
    layers: pd.DataFrame,
    statistic: str = "weight_grad_norm",
    width: Width = "container",
    height: int = 260,
    names: Sequence[str] = (),
    room: int = 0,
) -> Layered:
    """The first layer's norm over the last layer's, by step: 1 is balance, below 1 the signal vanishes on its way.

    Both axes are logarithmic (steps from 0). Over several seeds the mean and the range. Triangles at the
    lower edge: the ratio is exactly 0, because nothing arrives at the first layer; crosses at the upper one: it is
    not finite. ``room``: pixels of the legend.
    """
    table = over_seeds(ratios(layers, statistic), "ratio", ["variant", "step"])
    title = f"{NAMES.get(statistic, statistic)}: first / last layer"
    return track(table, title, variants(layers, names), seeds_of(layers), width, height, level=1.0, room=room)


def ratio_said(layers: pd.DataFrame, statistic: str = "weight_grad_norm", names: Sequence[str] = ()) -> str:
    """Every variant's ratio at its first and its last measured step: ``base 6.1e-07 → 0.35; relu 1.1 → 0.8``."""
    table = over_seeds(ratios(layers, statistic), "ratio", ["variant", "step"])
    said = []
    for name in variants(layers, names):
        own = table[table["variant"] == name]
        if own.empty:
            continue
        first, last = own.iloc[0], own.iloc[-1]
        text = f"{name} {number(first['value'], 2)}"
        said.append(text + (f" → {number(last['value'], 2)}" if last["step"] > first["step"] else ""))
    return "; ".join(said)


def marks_said(layers: pd.DataFrame, statistic: str) -> str:
    """What the marks at the edges of the axis mean, if there are any."""
    values = ratios(layers, statistic)["ratio"].to_numpy("float64")
    return ("Triangles at the edge: exactly 0. " if (values == 0).any() else "") + (
        "" if np.isfinite(values).all() else "Crosses: no ratio, because one of the two is not finite or both are 0. "
    )
