"""What a map of two settings shows: the best cell of each variant, shares, and how far theory is from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.descent.limits import LimitCurve
from workbench.words import listed

Curves = Mapping[str, LimitCurve | None]


@dataclass(frozen=True)
class Cell:
    """The fewest steps to tolerance in a map, where, and in how many cells of equally few."""

    first: float
    second: float
    steps: float
    ties: int


def best_cell(rows: pd.DataFrame) -> Cell | None:
    """The cell with the fewest steps; of several the one that is most in their middle. None where none converges."""
    steps = rows["steps_to_tolerance"].to_numpy(dtype=np.float64)
    if not np.isfinite(steps).any():
        return None
    fewest = float(np.nanmin(steps))
    places = rows.loc[steps == fewest, ["setting", "setting_2"]].to_numpy(dtype=np.float64)
    ranks = np.stack([np.unique(column, return_inverse=True)[1] for column in places.T])
    away = ((ranks - ranks.mean(axis=1, keepdims=True)) ** 2).sum(axis=0)
    first, second = places[int(away.argmin())]
    return Cell(float(first), float(second), fewest, len(places))


def disagreement(rows: pd.DataFrame, curve: LimitCurve) -> tuple[int, int]:
    """How many cells lie on the wrong side of the limit, and of how many: diverged below it, or not diverged above.

    Cells where no limit is known, and those that failed, are not counted.
    """
    rate, other = ("setting", "setting_2") if curve.rate_first else ("setting_2", "setting")
    limits = np.interp(rows[other].to_numpy(dtype=np.float64), curve.settings, curve.rates)
    counted = np.isfinite(limits) & (rows["outcome"] != "failed").to_numpy()
    diverged = (rows["outcome"] == "diverged").to_numpy()
    rates = rows[rate].to_numpy(dtype=np.float64)
    wrong = counted & ((diverged & (rates < limits)) | (~diverged & (rates > limits)))
    return int(wrong.sum()), int(counted.sum())


def percent(share: float) -> str:
    """A share in per cent: 0 % and 100 % are said only of none and all."""
    rounded = f"{100 * share:.3g}"
    if (share > 0 and rounded == "0") or (share < 1 and rounded == "100"):
        return "< 0.1 %" if share < 0.5 else "> 99.9 %"
    return f"{rounded} %"


def map_finding(sweep: pd.DataFrame, curves: Curves | None = None) -> str:
    """The share of the cells where each variant converges, who has the fewest steps, and how theory fares."""
    if sweep.empty:
        return "No setting was tried."
    groups = {str(name): rows for name, rows in sweep.groupby("variant", sort=False)}
    shares = {name: float((rows["outcome"] == "converged").mean()) for name, rows in groups.items()}
    cells = max(len(rows) // rows["seed"].nunique() for rows in groups.values())
    best, worst = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
    text = f"{best} converges in {percent(shares[best])} of {cells:,} cells"
    if len(groups) > 1:
        tied = shares[best] == shares[worst]
        text += ", every other variant in as many" if tied else f", {worst} in {percent(shares[worst])}"
    sentences = [text + "."]
    tops = {name: cell for name, rows in groups.items() if (cell := best_cell(rows)) is not None}
    if tops:
        first, second = str(sweep["parameter"].iloc[0]), str(sweep["parameter_2"].iloc[0])
        fewest = min(cell.steps for cell in tops.values())
        winners = [name for name, cell in tops.items() if cell.steps == fewest]
        cell = tops[winners[0]]
        at = f"{first} {cell.first:.3g} and {second} {cell.second:.3g}"
        many = "1 step" if fewest == 1 else f"{fewest:g} steps"
        if len(winners) == 1:
            sentences.append(f"The fewest steps are {fewest:g}, with {winners[0]} at {at}.")
        else:
            sentences.append(f"{listed(winners)} come down to {many}, {winners[0]} at {at}.")
    for name, rows in groups.items():
        if (curve := (curves or {}).get(name)) is not None and not curve.local:
            wrong, counted = disagreement(rows, curve)
            if counted:
                said = f"{wrong:,} of {counted:,} cells ({percent(wrong / counted)}) lie on the other side of it"
                sentences.append(f"The limit of {name}: {said if wrong else 'every cell agrees'}.")
    return " ".join(sentences)
