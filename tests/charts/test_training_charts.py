"""Charts of trainings: what they are made of, and that nothing that diverged or vanished is left out."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest

from workbench.charts.training import (
    BROKEN,
    ZERO,
    breaks,
    curves,
    gradient_heat,
    gradient_ratio,
    over_seeds,
    panel,
    ratios,
    smoothed,
    thinned,
)
from workbench.charts.transfer import accuracy_by_strategy


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


def layers(values: dict[tuple[str, int, int], float], statistic: str = "weight_grad_norm") -> pd.DataFrame:
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
    tables = [pd.DataFrame(rows) for rows in spec["datasets"].values()]
    return next(table for table in tables if column in table.columns)


def check(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """The chart as a specification that Vega-Lite's schema allows and vl-convert draws."""
    import vl_convert

    spec = chart.to_dict()
    assert "<svg" in vl_convert.vegalite_to_svg(spec)
    return spec


def test_the_mean_over_seeds_hides_no_nan():
    rows = pd.DataFrame(
        {"variant": ["a"] * 4, "step": [0, 0, 1, 1], "loss": [1.0, 3.0, 1.0, np.inf], "seed": [0, 1, 0, 1]}
    )
    table = over_seeds(rows, "loss", ["variant", "step"])
    assert table.iloc[0][["value", "low", "high", "seeds"]].tolist() == [2, 1, 3, 2]
    assert table.iloc[1][["value", "low", "high"]].isna().all()


def test_smoothing_averages_each_run_and_keeps_what_is_not_finite():
    rows = pd.DataFrame({"variant": "a", "seed": [0, 0, 0, 1], "loss": [1.0, 3.0, np.nan, 7.0]})
    out = smoothed(rows, "loss", 0.5).loss
    assert out.iloc[1] == pytest.approx((1 * 0.5 + 3) / 1.5)
    assert np.isnan(out.iloc[2])
    assert out.iloc[3] == 7
    assert smoothed(rows, "loss", 0) is rows
    with pytest.raises(ValueError, match=r"smooth = 1 is not in \[0, 1\)"):
        smoothed(rows, "loss", 1.0)


def test_thinning_keeps_both_ends_of_each_run():
    rows = curve(seeds=2, steps=1000, variants=("good",)).query("split == 'train'")
    thin = thinned(rows, 100)
    for _, run in thin.groupby("seed"):
        assert run.step.min() == 0
        assert run.step.max() == 999
        assert len(run) <= 101


def test_where_a_run_lost_its_footing():
    found = breaks(curve().query("split == 'train'"), "loss")
    assert found.to_dict("records") == [
        {"variant": "blows up", "seed": 0, "step": 11, "epoch": 1.1, "value": 2.0**11, "note": "diverged at step 12"}
    ]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("by", ["step", "epoch"])
def test_curves_show_both_splits_every_variant_and_the_break(by, log):
    spec = check(curves(curve(seeds=2), by=by, log=log, smooth=0.5))
    assert len(spec["concat"]) == 2
    loss = spec["concat"][0]["layer"]
    assert [part["mark"]["type"] for part in loss] == ["area", "line", "point"]
    line = loss[1]["encoding"]
    assert line["x"]["field"] == by
    assert line["y"]["scale"] == ({"type": "log"} if log else {"zero": False})
    assert line["strokeWidth"]["scale"] == {"domain": ["train", "test"], "range": [1, 2.5]}
    assert line["color"]["scale"]["domain"] == ["good", "blows up"]
    assert line["color"]["legend"]["title"] == "variant (mean and range of 2 seeds)"
    assert set(data_of(spec, "split").variant) == {"good", "blows up"}


def test_one_seed_has_no_band_and_a_panel_fills_its_container():
    spec = check(panel(curve(), "accuracy"))
    assert [part["mark"]["type"] for part in spec["layer"]] == ["line"]
    assert spec["width"] == "container"
    assert spec["layer"][0]["encoding"]["color"]["legend"]["title"] == "variant"


def test_a_run_that_has_just_begun_can_be_drawn():
    beginning = curve(variants=("good",)).iloc[:1]
    check(curves(beginning, columns=1, width=330))
    check(curves(curve().iloc[:0]))
    check(accuracy_by_strategy(curve().iloc[:0]))
    check(gradient_heat(LAYERS.iloc[:0]))
    check(gradient_ratio(LAYERS.iloc[:0]))


def test_the_heat_map_marks_zero_and_nan_and_names_the_ends():
    spec = check(gradient_heat(LAYERS))
    table = data_of(spec, "state").set_index(["variant", "step", "index"])
    assert table.loc[("a", 0, 1), "shown"] == pytest.approx(-6)
    assert table.loc[("a", 5, 1), "state"] == ZERO
    assert table.loc[("b", 0, 1), "state"] == BROKEN
    cells, special = spec["spec"]["layer"]
    assert cells["encoding"]["color"]["scale"] == {"scheme": "viridis"}
    assert "log10" in cells["encoding"]["color"]["legend"]["title"]
    assert special["encoding"]["fill"]["scale"]["domain"] == [ZERO, BROKEN]
    assert "'1 (input)'" in cells["encoding"]["y"]["axis"]["labelExpr"]
    assert spec["facet"]["sort"] == ["a", "b"]
    assert "resolve" not in spec["spec"]  # one colour scale for all panels
    assert spec["resolve"] == {"axis": {"x": "independent"}}


def test_a_fraction_is_no_logarithm():
    spec = check(gradient_heat(layers({("a", 0, 1): 0.0, ("a", 0, 2): 0.5}, "dead_fraction"), "dead_fraction"))
    table = data_of(spec, "state")
    assert table.shown.tolist() == [0, 0.5]
    assert len(spec["spec"]["layer"]) == 1


def test_the_ratio_of_first_and_last_layer():
    table = ratios(LAYERS).set_index(["variant", "step"]).ratio
    assert table["a", 0] == pytest.approx(1e-6)
    assert table["a", 5] == 0
    assert np.isnan(table["b", 0])
    spec = check(gradient_ratio(LAYERS))
    marks = [part["mark"]["type"] for part in spec["layer"]]
    assert marks == ["rule", "area", "line", "point"]
    assert spec["layer"][2]["encoding"]["y"]["scale"]["domain"] == [1e-6, 1.0]
    assert spec["layer"][3]["mark"]["shape"] == "triangle-down"


def test_transfer_shows_the_test_split_by_epoch():
    spec = check(accuracy_by_strategy(curve(seeds=3)))
    line = spec["layer"][1]["encoding"]
    assert line["color"]["legend"]["title"] == "strategy (mean and range of 3 seeds)"
    assert line["y"]["title"] == "test accuracy"
    assert set(data_of(spec, "epoch").epoch) == {0, 1}


def layer_data(chart: alt.LayerChart, shape: str) -> pd.DataFrame:
    [found] = [layer for layer in chart.layer if layer.to_dict()["mark"].get("shape") == shape]
    return found.data


def line_data(chart: alt.LayerChart) -> pd.DataFrame:
    return chart.layer[0].data if isinstance(chart.layer[0].data, pd.DataFrame) else chart.data


def test_a_loss_of_exactly_zero_is_marked_and_does_not_flatten_the_log_axis():
    rows = curve(variants=("good",))
    rows.loc[rows["step"] == 7, "loss"] = 0.0
    chart = panel(rows, "loss", log=True)
    assert layer_data(chart, "triangle-down")["step"].tolist() == [7]
    lines = line_data(chart)
    assert lines["value"].min() > 0
    assert lines.query("step == 7")["value"].isna().all()
    assert (line_data(panel(rows, "loss", log=False)).query("step == 7")["value"] == 0).all()


def test_a_branch_begins_with_a_ring_on_its_trunk():
    rows = curve(seeds=2, variants=("trunk", "branch"))
    rows = rows[(rows["variant"] == "trunk") | (rows["step"] >= 10)]
    ring = layer_data(panel(rows, "loss"), "circle")
    assert ring[["variant", "step"]].values.tolist() == [["branch", 10]]
    trunk = rows.query("variant == 'trunk' and step == 10 and split == 'test'")["loss"].mean()
    assert ring["value"].tolist() == [pytest.approx(trunk)]
    assert all(layer.to_dict()["mark"].get("shape") != "circle" for layer in panel(curve(), "loss").layer)
