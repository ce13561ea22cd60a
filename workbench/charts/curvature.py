"""Numbers of a whole network over the steps: how curved its loss is, and how noisy its gradients."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from workbench.charts.layered import Layered
from workbench.charts.track import track
from workbench.charts.training import Width, over_seeds, seeds_of, thinned, variants

WHOLE = {"hessian_eigenvalue": "largest eigenvalue of the Hessian", "noise_scale": "gradient noise scale (samples)"}
EDGE = "what the learning rate can bear"


def whole_network(
    layers: pd.DataFrame,
    statistic: str,
    width: Width = "container",
    height: int = 260,
    names: Sequence[str] = (),
    *,
    limit: pd.DataFrame | None = None,
    batch: int | None = None,
    room: int = 0,
) -> Layered:
    """``hessian_eigenvalue`` or ``noise_scale`` of every variant, on logarithmic axes.

    ``limit`` (``workbench.training.edge.edges``) is drawn as a dashed line of the variant's colour; ``batch``, the
    size of all variants' batches, as a grey one. ``room``: pixels of the legend.
    """
    rows = layers[(layers["statistic"] == statistic) & (layers["index"] == 0)]
    table = over_seeds(rows, "value", ["variant", "step"]).sort_values("step", kind="stable")
    known = variants(layers, names)
    lines = None
    if limit is not None and len(limit):
        lines = thinned(limit.assign(seed=0), 60).drop(columns="seed")
        lines = lines[lines["variant"].isin(table["variant"])]
    level = float(batch) if batch else None
    said = f"batch size {batch}" if batch else EDGE
    return track(
        table, WHOLE[statistic], known, seeds_of(layers), width, height, level=level, said=said, limit=lines, room=room
    )
