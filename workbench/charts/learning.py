"""How trainings go, in one picture with one cursor: loss, accuracy, and a measurement by layer and step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.charts.cursor import Cursor, stops
from workbench.charts.curves import Metric, judged, lines, plotted, room_for
from workbench.charts.heat import cells, heat_map
from workbench.charts.layered import Layered
from workbench.charts.profile import profile
from workbench.charts.stack import Stack
from workbench.charts.tables import Filled, Tables
from workbench.charts.training import Axis, columns_beside, seeds_of, variants

SIDE = 98  # pixels that a panel's axis and the gap beside it take
SPLIT = 150  # those of the legend that tells training from test
NARROW = 640  # below that the panels stand below each other
CHANNELS = ("color", "fill", "strokeDash", "strokeWidth")
APART = {"scale": dict.fromkeys(CHANNELS, "independent")}
SHARED = {"scale": {"color": "shared", "strokeDash": "shared", "strokeWidth": "shared"}}  # one legend for the whole row


def learning(
    curve: pd.DataFrame,
    layers: pd.DataFrame,
    statistic: str = "weight_grad_norm",
    by: Axis = "epoch",
    smooth: float = 0.0,
    log: bool = True,
    log_x: bool = False,
    room: int = 1000,
    names: Sequence[str] = (),
    heat: tuple[int, int] = (260, 3),
    live: bool = False,
) -> Stack:
    """Curves above, the heat map of ``statistic`` below, in ``room`` pixels; pointing at a step marks it everywhere.

    ``heat``: the width of each panel of the heat map, and how many stand in a row. Without rows of the statistic the
    curves stand alone; networks that give their input back have no accuracy. The cursor begins at the first step; of
    trainings that are still ``live`` at the newest.
    """
    names = variants(curve, names)
    measured = layers[layers["statistic"] == statistic]
    at = stops(curve["step"].tolist(), measured["step"].unique().tolist())
    metrics: list[Metric] = ["loss", "accuracy"] if judged(curve) else ["loss"]
    count = len(metrics) + (1 if len(measured) else 0)
    across = room >= NARROW
    if across and room / count < 300 and count == 3:  # two rows of legible panels instead of one of crowded ones
        count = 2
    width = (room // count if across else room) - SIDE
    height = 240 if across else 220
    tables = Tables()
    table = plotted(curve, metrics, by, smooth, log, room_for(names))
    columns = columns_beside(names, room, SIDE + SPLIT)
    parts: list[Any] = []
    for metric in metrics:
        scaled = log and metric == "loss"
        layered = lines(curve, table, metric, by, smooth, scaled, height, names, log_x, columns, tables, at)
        parts.append(Layered(layered, width=width, height=height))
    if len(measured):
        found = cells(layers, statistic)
        parts.append(profile(found, statistic, width, height, names, seeds_of(curve), tables, columns))
    rows = [parts[place : place + count] for place in range(0, len(parts), count)] if across else [[p] for p in parts]
    made: list[Any] = [Stack(row, across=True, spacing=18, resolve=SHARED) for row in rows]
    upper = Stack(made, spacing=10, resolve=SHARED)
    below = [heat_map(found, statistic, *heat, names, tables, listens=True)] if len(measured) else []
    return Filled(
        [upper, *below], tables, params=[Cursor(at[-1 if live else 0] if at else 0)], spacing=22, resolve=APART
    )
