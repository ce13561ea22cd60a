"""From which starts a variant reaches which minimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from workbench.descent.map_finding import percent
from workbench.descent.surface import Landscape

LEVEL = 1e-9  # minima that differ by less, beside the largest of their values, are equally low


@dataclass(frozen=True)
class Shares:
    """Shares of the starts: ``lowest`` reach (one of) the lowest, ``minima`` each minimum by its number,
    ``diverged`` diverge, ``none`` do neither."""

    starts: int
    lowest: float
    minima: dict[int, float]
    diverged: float
    none: float


def equally_low(values: Sequence[float]) -> int:
    """How many of the minima, the lowest first, are as low as the first; ``values`` are theirs."""
    if not len(values):
        return 0
    heights = np.asarray(values, dtype=np.float64)
    return int((heights - heights[0] <= LEVEL * max(1.0, float(np.abs(heights).max()))).sum())


def shares(rows: pd.DataFrame, lowest: int = 1) -> Shares:
    """Count the starts of one variant; the first ``lowest`` minima are equally low."""
    minimum = rows["minimum"].to_numpy(dtype=np.int64)
    diverged = ((rows["outcome"] == "diverged") & (rows["minimum"] == 0)).to_numpy()
    counts = np.bincount(minimum, minlength=1) / max(1, len(rows))
    reached = {number: float(share) for number, share in enumerate(counts) if number and share}
    return Shares(
        len(rows),
        float(((minimum >= 1) & (minimum <= lowest)).mean()) if len(rows) else 0.0,
        reached,
        float(diverged.mean()) if len(rows) else 0.0,
        float(((minimum == 0) & ~diverged).mean()) if len(rows) else 0.0,
    )


def basins_finding(sweep: pd.DataFrame, minima: Sequence[tuple[float, float]], lowest: int = 1) -> str:
    """Who reaches the lowest minimum from how many starts, and who from the fewest; who diverges."""
    if sweep.empty:
        return "No start was tried."
    groups = {str(name): rows for name, rows in sweep.groupby("variant", sort=False)}
    found = {name: shares(rows, lowest) for name, rows in groups.items()}
    starts = max(one.starts // groups[name]["seed"].nunique() for name, one in found.items())
    ranked = sorted(found, key=lambda name: found[name].lowest, reverse=True)
    best, worst = ranked[0], ranked[-1]
    what = "no known minimum" if not len(minima) else f"the lowest point {place(minima[0])}"
    if lowest > 1:
        what = f"one of the {lowest} lowest points"
    text = f"{best} reaches {what} from {percent(found[best].lowest)} of {starts:,} starts"
    if len(ranked) > 1:
        tied = found[best].lowest == found[worst].lowest
        text += ", every other variant from as many" if tied else f", {worst} from {percent(found[worst].lowest)}"
    sentences = [text + "."]
    wild = max(ranked, key=lambda name: found[name].diverged)
    if found[wild].diverged > 0:
        sentences.append(f"{wild} diverges from {percent(found[wild].diverged)}.")
    return " ".join(sentences)


def place(point: tuple[float, float]) -> str:
    """A point as a person writes it: ``(0, -0.291)``."""
    x, y = (0.0 if abs(number) < 5e-10 else number for number in point)
    return f"({x:.3g}, {y:.3g})"


def heights(landscape: Landscape) -> list[float]:
    """The values at a surface's minima, the lowest first."""
    return [float(landscape(torch.tensor(point, dtype=torch.float64))) for point in landscape.basins]
