"""Records of trainings made by hand, and how their charts are looked into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def curve(seeds: int = 1, steps: int = 20, variants: tuple[str, ...] = ("good", "blows up")) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for variant in variants:
        for seed in range(seeds):
            for step in range(steps):
                loss = (np.nan if step == 12 else 2.0**step) if variant == "blows up" else 2.0 / (1 + step + seed)
                row = {
                    "variant": variant,
                    "seed": seed,
                    "step": step,
                    "epoch": step / 10,
                    "loss": loss,
                    "accuracy": 0.5,
                }
                rows.append(row | {"split": "train", "lr": 0.1, "grad_norm": 1.0})
                if step % 10 == 0:
                    rows.append(row | {"split": "test"})
                if not np.isfinite(loss):
                    break
    return pd.DataFrame(rows)


def layers(values: Mapping[tuple[str, int, int], float], statistic: str = "weight_grad_norm") -> pd.DataFrame:
    """``values`` by variant, step and layer."""
    return pd.DataFrame(
        [
            {"variant": v, "seed": 0, "step": s, "layer": f"linear {i}", "index": i, "statistic": statistic, "value": x}
            for (v, s, i), x in values.items()
        ]
    )


LAYERS = layers(
    {("a", 0, 1): 1e-6, ("a", 0, 2): 1.0, ("a", 5, 1): 0.0, ("a", 5, 2): 2.0, ("b", 0, 1): np.nan, ("b", 0, 2): 1}
)


def data_of(spec: dict[str, Any], column: str) -> pd.DataFrame:
    """The table of a specification that has a column."""
    tables = [pd.DataFrame(rows) for rows in spec["datasets"].values()]
    return next(table for table in tables if column in table.columns)


def check(chart: Any) -> dict[str, Any]:
    """The chart as a specification that Vega-Lite's schema allows and vl-convert draws."""
    import vl_convert

    spec: dict[str, Any] = chart.to_dict()
    assert "<svg" in vl_convert.vegalite_to_svg(spec)
    return spec


def marks(chart: Any, role: str) -> int:
    """How many marks of a kind (``rect``, ``symbol``, ``line``) are drawn."""
    import re

    import vl_convert

    drawn = vl_convert.vegalite_to_svg(chart.to_dict())
    groups = re.findall(rf'<g class="mark-{role} role-mark[^>]*(?<!/)>(.*?)</g>', drawn, flags=re.DOTALL)
    return sum(len(re.findall(r"<path", group)) for group in groups)


def views(spec: Any) -> list[dict[str, Any]]:
    """Every view of a specification that has a mark, however deep it lies."""
    if isinstance(spec, list):
        return [view for part in spec for view in views(part)]
    if not isinstance(spec, dict):
        return []
    return [spec] if "mark" in spec else [view for key in spec if key != "datasets" for view in views(spec[key])]
