"""When each row of a curve was recorded: the clock is read at the tests, between them it is interpolated."""

from __future__ import annotations

import numpy as np
import pandas as pd


def elapsed(curve: pd.DataFrame, timing: pd.DataFrame) -> pd.DataFrame:
    """``curve`` with a column ``seconds`` since the start of the run: linear between two readings of ``timing``.

    NaN after the last reading: nobody knows yet.
    """
    seconds = np.full(len(curve), np.nan)
    read = {who: rows.sort_values("step") for who, rows in timing.groupby(["variant", "seed"], sort=False)}
    places = curve.reset_index(drop=True).groupby(["variant", "seed"], sort=False).indices
    for who, rows in places.items():
        if who in read:
            known = read[who]
            steps = curve["step"].to_numpy("float64")[rows]
            seconds[rows] = np.interp(steps, known["step"], known["seconds"], left=np.nan, right=np.nan)
    return curve.assign(seconds=seconds)


def measuring_share(timing: pd.DataFrame) -> float:
    """The share of all runs' seconds that went into measuring (``probe_seconds``); NaN where nobody recorded it."""
    if "probe_seconds" not in timing or timing.empty:
        return float("nan")
    last = timing.sort_values("step", kind="stable").groupby(["variant", "seed"], sort=False).tail(1)
    last = last[last["probe_seconds"].notna() & (last["seconds"] > 0)]
    return float(last["probe_seconds"].sum() / last["seconds"].sum()) if len(last) else float("nan")
