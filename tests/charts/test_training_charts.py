"""Curves of trainings: what they are made of, and that nothing that diverged or vanished is left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from charts.trainings import LAYERS, check, curve, data_of

from workbench.charts.curves import breaks, curves, loss_title, panel, plotted
from workbench.charts.elapsed import elapsed, measuring_share
from workbench.charts.heat import gradient_heat
from workbench.charts.ratio import gradient_ratio
from workbench.charts.training import over_seeds, power_axis, powers, seeds_of, smoothed, thinned
from workbench.charts.transfer import accuracy_by_strategy


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


def test_thinning_keeps_both_ends_of_each_run_and_the_same_steps_of_all_seeds():
    rows = curve(seeds=2, steps=1000, variants=("good",)).query("split == 'train'")
    rows = rows[(rows.seed == 0) | (rows.step <= 437)]
    thin = thinned(rows, 100)
    for seed, run in thin.groupby("seed"):
        assert run.step.min() == 0
        assert run.step.max() == (999, 437)[int(seed)]
        assert len(run) <= 102
    first, second = (set(run.step) for _, run in thin.groupby("seed"))
    assert second == {step for step in first if step <= 437}


def test_where_a_run_lost_its_footing():
    found = breaks(curve().query("split == 'train'"), "loss", "epoch")
    assert found.to_dict("records") == [
        {"variant": "blows up", "seed": 0, "step": 11, "epoch": 1.1, "value": 2.0**11, "note": "diverged at step 12"}
    ]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("by", ["step", "epoch"])
def test_curves_show_both_splits_every_variant_and_the_break(by, log):
    spec = check(curves(curve(seeds=2), by=by, log=log, smooth=0.5))
    assert len(spec["concat"]) == 2
    loss = spec["concat"][0]["layer"]
    assert [part["mark"]["type"] for part in loss] == ["area", "line", "line", "point"]
    line = loss[2]["encoding"]
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


def test_the_legend_says_how_many_seeds_each_variant_has_while_they_differ():
    rows = curve(seeds=3)
    assert seeds_of(rows) == 3
    some = rows[(rows.variant == "good") | (rows.seed < 1)]
    assert seeds_of(some) == {"good": 3, "blows up": 1}
    legend = check(panel(some))["layer"][1]["encoding"]["color"]["legend"]
    assert legend["title"] == "variant (mean and range of n seeds)"
    assert '{"good": 3, "blows up": 1}[datum.label]' in legend["labelExpr"]


def test_raw_values_lie_pale_under_smoothed_ones():
    table = plotted(curve(variants=("good",)), ["loss"], "step", 0.5)
    train = table[table.split == "train"].set_index("step")
    assert train.loss_raw[3] == pytest.approx(2 / 4)
    weights = 0.5 ** np.arange(3, -1, -1)
    assert train.loss[3] == pytest.approx(np.average([2, 1, 2 / 3, 0.5], weights=weights))
    assert table[table.split == "test"].loss_raw.isna().all()
    pale, line = check(panel(curve(variants=("good",)), smooth=0.5))["layer"]
    assert pale["encoding"]["y"]["field"] == "loss_raw"
    assert pale["mark"]["opacity"] < line["encoding"]["opacity"]["scale"]["range"][0]


def test_a_run_that_has_just_begun_can_be_drawn():
    beginning = curve(variants=("good",)).iloc[:1]
    check(curves(beginning, columns=1, width=330))
    check(curves(beginning, log_x=True))
    check(curves(curve().iloc[:0]))
    check(accuracy_by_strategy(curve().iloc[:0]))
    check(gradient_heat(LAYERS.iloc[:0]))
    check(gradient_ratio(LAYERS.iloc[:0]))


def test_a_logarithmic_step_axis_begins_at_zero():
    x = check(panel(curve(steps=200, variants=("good",)), by="step", log_x=True))["layer"][0]["encoding"]["x"]
    assert x["scale"] == {"type": "symlog", "constant": 1, "nice": False}
    assert x["axis"]["values"] == [0, 1, 10, 100]
    x = check(panel(curve(variants=("good",)), by="epoch", log_x=True))["layer"][0]["encoding"]["x"]
    assert x["scale"]["constant"] == pytest.approx(0.1)  # one batch of ten


def test_powers_of_ten_are_found_exactly():
    assert powers(0.001, 1.0) == [0.001, 0.01, 0.1, 1.0]
    assert powers(2, 9) == []
    assert powers(0, 10) == []


def test_a_log_axis_spans_what_has_a_logarithm():
    scale, _ = power_axis(pd.Series([0.0, -1.0, np.nan, np.inf, 1e-6, 2.0]))
    assert scale.domain == [1e-6, 2.0]


def test_seconds_are_linear_between_two_readings_of_the_clock():
    rows = curve(seeds=2, variants=("good",))
    timing = pd.DataFrame(
        {"variant": "good", "seed": [0, 0, 0, 1, 1], "step": [0, 10, 19, 0, 10], "seconds": [1.0, 3.0, 12.0, 0.0, 10.0]}
    )
    out = elapsed(rows, timing).query("split == 'train'").set_index(["seed", "step"]).seconds
    assert out[0, 5] == pytest.approx(2.0)
    assert out[0, 13] == pytest.approx(6.0)
    assert out[1, 4] == pytest.approx(4.0)
    assert np.isnan(out[1, 11])  # after its last reading nobody knows
    table = plotted(elapsed(rows, timing), ["loss"], "seconds")
    four = table[(table.split == "train") & (table.step == 4)]
    assert four.seconds.tolist() == [pytest.approx((1.8 + 4.0) / 2)]
    check(curves(elapsed(rows, timing), by="seconds", log_x=True))


def test_what_measuring_costs():
    timing = pd.DataFrame(
        {
            "variant": "a",
            "seed": [0, 0, 1],
            "step": [0, 9, 9],
            "seconds": [0.5, 4.0, 6.0],
            "probe_seconds": [0.4, 1, 1.5],
        }
    )
    assert measuring_share(timing) == pytest.approx(0.25)
    assert np.isnan(measuring_share(timing.drop(columns="probe_seconds")))
    assert np.isnan(measuring_share(timing.assign(probe_seconds=np.nan)))


def test_networks_that_give_their_input_back_have_no_accuracy():
    rows = curve(variants=("good",)).assign(accuracy=np.nan)
    assert len(check(curves(rows))["concat"]) == 1
    assert loss_title(rows) == "loss (mean squared error)"
    assert loss_title(curve()) == "loss (cross-entropy)"
    mixed = curve()
    mixed.loc[mixed.variant == "good", "accuracy"] = np.nan
    assert loss_title(mixed) == "loss"


def test_transfer_shows_the_test_split_by_epoch():
    spec = check(accuracy_by_strategy(curve(seeds=3)))
    line = spec["layer"][1]["encoding"]
    assert line["color"]["legend"]["title"] == "strategy (mean and range of 3 seeds)"
    assert line["y"]["title"] == "test accuracy"
    assert set(data_of(spec, "epoch").epoch) == {0, 1}
    named = check(accuracy_by_strategy(curve(), names=["not begun", "good", "blows up"]))["layer"][1]["encoding"]
    assert named["color"]["scale"]["domain"] == ["not begun", "good", "blows up"], (
        "colours by the order of the experiment"
    )


def layer_data(chart, shape: str) -> pd.DataFrame:
    [found] = [layer for layer in chart.layer if layer.to_dict()["mark"].get("shape") == shape]
    return found.data


def line_data(chart) -> pd.DataFrame:
    return chart.layer[0].data if isinstance(chart.layer[0].data, pd.DataFrame) else chart.data


def test_a_loss_of_exactly_zero_is_marked_and_does_not_flatten_the_log_axis():
    rows = curve(variants=("good",))
    rows.loc[rows["step"] == 7, "loss"] = 0.0
    chart = panel(rows, "loss", log=True)
    assert layer_data(chart, "triangle-down")["step"].tolist() == [7]
    lines = line_data(chart)
    assert lines["loss"].min() > 0
    assert lines.query("step == 7")["loss"].isna().all()
    assert (line_data(panel(rows, "loss", log=False)).query("step == 7")["loss"] == 0).all()


def test_a_branch_begins_with_a_ring_on_its_trunk():
    rows = curve(seeds=2, variants=("trunk", "branch"))
    rows = rows[(rows["variant"] == "trunk") | (rows["step"] >= 10)]
    ring = layer_data(panel(rows, "loss"), "circle")
    assert ring[["variant", "step"]].values.tolist() == [["branch", 10]]
    trunk = rows.query("variant == 'trunk' and step == 10 and split == 'test'")["loss"].mean()
    assert ring["value"].tolist() == [pytest.approx(trunk)]
    assert all(layer.to_dict()["mark"].get("shape") != "circle" for layer in panel(curve(), "loss").layer)
