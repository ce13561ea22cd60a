"""Charts of what is measured in every layer: nothing that vanished or broke is left out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from charts.trainings import LAYERS, check, data_of, layers, marks, views

from workbench.charts.curvature import whole_network
from workbench.charts.heat import cells, gradient_heat
from workbench.charts.histograms import BEYOND, NOTHING, shares, spread
from workbench.charts.inside import inside
from workbench.charts.profile import profile_at_start
from workbench.charts.ratio import gradient_ratio, ratio_said, ratios
from workbench.charts.signal import signal
from workbench.charts.training import BROKEN, ZERO


def whole(values: list[float], statistic: str, variant: str = "a") -> pd.DataFrame:
    """A number of the whole network at steps 0, 1, 2, ..."""
    rows = layers({(variant, step, 0): value for step, value in enumerate(values)}, statistic)
    return rows.assign(layer="network")


def test_the_heat_map_marks_zero_and_nan_and_names_the_ends():
    spec = check(gradient_heat(LAYERS))
    table = data_of(spec, "state").set_index(["variant", "step", "index"])
    assert table.loc[("a", 0, 1), "shown"] == pytest.approx(-6)
    assert table.loc[("a", 5, 1), "state"] == ZERO
    assert table.loc[("b", 0, 1), "state"] == BROKEN
    measured, special = views(spec)
    assert "data" not in measured  # that of the whole
    assert measured["encoding"]["color"]["scale"] == {"scheme": "viridis"}
    assert "log10" in measured["encoding"]["color"]["legend"]["title"]
    assert special["encoding"]["fill"]["scale"]["domain"] == [ZERO, BROKEN]
    assert "'1 (input)'" in measured["encoding"]["y"]["axis"]["labelExpr"]
    [panels] = spec["vconcat"]
    assert panels["facet"]["sort"] == ["a", "b"]
    assert "resolve" not in panels["spec"]  # one colour scale for all panels
    assert panels["resolve"] == {"axis": {"x": "independent"}}
    assert panels["spec"]["height"] == 120
    assert gradient_heat(LAYERS, height=70).to_dict()["vconcat"][0]["spec"]["height"] == 70


def test_every_measured_cell_is_drawn():
    assert marks(gradient_heat(LAYERS), "rect") == 6
    assert marks(inside(LAYERS, "weight_grad_norm"), "symbol") == 3 + 1 + 1 + 1
    assert marks(spread(HISTOGRAMS, "gradient", 0), "rect") == 4


def test_a_fraction_is_no_logarithm():
    spec = check(gradient_heat(layers({("a", 0, 1): 0.0, ("a", 0, 2): 0.5}, "dead_fraction"), "dead_fraction"))
    assert data_of(spec, "state").shown.tolist() == [0, 0.5]
    assert len(views(spec)) == 1


def test_cells_know_until_when_they_hold_and_leave_the_whole_network_out():
    rows = pd.concat([LAYERS, whole([1.0], "weight_grad_norm")])
    table = cells(rows, "weight_grad_norm")
    assert table["index"].min() == 1
    until = table.set_index(["variant", "step", "index"]).until
    assert until["a", 0, 1] == 5
    assert np.isnan(until["a", 5, 1])
    assert np.isnan(until["b", 0, 1])


def test_a_mean_over_seeds_is_broken_where_one_seed_is():
    rows = pd.concat([LAYERS, LAYERS.assign(seed=1, value=[3e-6, 3.0, 0.0, np.inf, 1.0, 1.0])])
    table = cells(rows, "weight_grad_norm").set_index(["variant", "step", "index"])
    assert table.loc[("a", 0, 1), "value"] == pytest.approx(2e-6)
    assert table.loc[("a", 5, 2), "state"] == BROKEN


def test_the_ratio_of_first_and_last_layer():
    table = ratios(pd.concat([LAYERS, whole([7.0], "weight_grad_norm")])).set_index(["variant", "step"]).ratio
    assert table["a", 0] == pytest.approx(1e-6)
    assert table["a", 5] == 0
    assert np.isnan(table["b", 0])
    spec = check(gradient_ratio(LAYERS))
    marks = [part["mark"]["type"] for part in spec["layer"]]
    assert marks == ["rule", "line", "point", "point"]
    assert spec["layer"][1]["encoding"]["y"]["scale"]["domain"] == [1e-6, 1.0]
    assert [part["mark"].get("shape") for part in spec["layer"][2:]] == ["triangle-down", "cross"]


def test_ratios_are_said_in_words():
    assert ratio_said(LAYERS) == "a 1e-06 → 0; b not a number"
    assert ratio_said(LAYERS.iloc[:0]) == ""


def test_a_gradient_that_is_zero_everywhere_is_drawn_as_such():
    nothing = LAYERS.assign(value=0.0)
    table = data_of(check(gradient_heat(nothing)), "state")
    assert set(table.state) == {ZERO}
    check(gradient_ratio(nothing))
    check(inside(nothing, "weight_grad_norm"))
    assert np.isnan(ratios(nothing).ratio).all()


def test_inside_the_layers_a_line_for_each():
    spec = check(inside(LAYERS, "weight_grad_norm"))
    line, zero, broken = views(spec)
    assert line["encoding"]["color"]["field"] == "index"
    assert line["encoding"]["y"]["scale"]["domain"] == [1e-6, 2.0]
    assert (zero["mark"]["shape"], broken["mark"]["shape"]) == ("triangle-down", "cross")
    shares = check(inside(layers({("a", 0, 1): 0.25, ("a", 0, 2): 0.5}, "dead_fraction"), "dead_fraction"))
    assert views(shares)[0]["encoding"]["y"]["scale"]["domain"] == [0, 1]
    check(inside(LAYERS.iloc[:0], "weight_grad_norm"))


HISTOGRAMS = pd.DataFrame(
    [
        ("a", 0, 0, "linear 1", 1, "gradient", -math.inf, 1),
        ("a", 0, 0, "linear 1", 1, "gradient", -3.5, 3),
        ("a", 1, 0, "linear 1", 1, "gradient", -3.5, 4),
        ("a", 0, 0, "linear 2", 2, "gradient", -2.0, 5),
        ("a", 0, 7, "linear 2", 2, "gradient", math.inf, 2),
        ("b", 0, 0, "linear 1", 1, "gradient", -1.0, 2),
        ("a", 0, 0, "linear 1", 1, "activation", 0.0, 9),
    ],
    columns=["variant", "seed", "step", "layer", "index", "what", "bin", "count"],
)


def test_shares_of_a_layers_entries_over_all_seeds():
    table = shares(HISTOGRAMS, "gradient", 0).set_index(["variant", "index", "label"]).share
    assert table["a", 1, NOTHING] == pytest.approx(1 / 8)
    assert table["a", 1, "-3.5"] == pytest.approx(7 / 8)
    assert table["a", 2, "-2"] == 1
    assert len(table) == 4


def test_a_variant_that_was_not_measured_at_a_step_shows_what_was_measured_before():
    table = shares(HISTOGRAMS, "gradient", 9).set_index("variant")
    assert table.loc["a", "label"] == BEYOND
    assert table.loc["b", "label"] == "-1"


def test_sizes_stand_in_order_with_nothing_at_the_left():
    [view] = views(check(spread(HISTOGRAMS, "gradient", 0)))
    assert view["encoding"]["x"]["scale"]["domain"] == [NOTHING, "-3.5", "-3", "-2.5", "-2", "-1.5", "-1"]
    [view] = views(check(spread(HISTOGRAMS, "gradient", 7)))
    assert view["encoding"]["x"]["scale"]["domain"] == ["-1", BEYOND]
    check(spread(HISTOGRAMS.iloc[:0], "activation", 0))


def test_the_whole_network_with_its_limit_and_its_batch():
    rows = pd.concat([whole([1.0, 50.0, -2.0, np.nan], "hessian_eigenvalue"), LAYERS])
    limit = pd.DataFrame({"variant": ["a", "a", "stranger"], "step": [0, 3, 0], "value": [20.0, 40.0, 1.0]})
    spec = check(whole_network(rows, "hessian_eigenvalue", limit=limit))
    marks = [(part["mark"]["type"], part["mark"].get("shape")) for part in spec["layer"]]
    assert marks == [("line", None), ("line", None), ("point", "triangle-down"), ("point", "cross")]
    assert data_of(spec, "said").value.tolist() == [20.0, 40.0]
    spec = check(whole_network(whole([30.0, 90.0], "noise_scale"), "noise_scale", width=300, batch=64))
    assert data_of(spec, "said").to_dict("records") == [{"value": 64.0, "said": "batch size 64"}]


def start_table() -> pd.DataFrame:
    rows = [
        ("a", d, i, f"linear {i}", 2.0**-i, 2.0**-i, 2.0**-i, 2.1**-i)
        for d in ("forward", "backward")
        for i in (1, 2, 3)
    ]
    rows += [("b", "forward", i, f"linear {i}", v, v, v, np.nan) for i, v in ((1, 0.5), (2, 0.0), (3, np.nan))]
    return pd.DataFrame(rows, columns=["variant", "direction", "index", "layer", "measured", "low", "high", "theory"])


@pytest.mark.parametrize("room", [330, 1000])
def test_signals_are_points_and_theory_is_a_line(room):
    chart = signal(start_table(), ["a", "b"], 2, room)
    assert marks(chart, "rule") == 0  # ranges are lines of svg
    spec = check(chart)
    forward, backward = [part for row in spec["vconcat"] for part in row["hconcat"]]
    assert [layer["mark"]["type"] for layer in forward["layer"]] == ["line", "rule", "line", "point", "point", "point"]
    assert [layer["mark"]["type"] for layer in backward["layer"]] == ["line", "rule", "line", "point"]
    assert [layer["mark"].get("shape") for layer in forward["layer"][4:]] == ["triangle-down", "cross"]
    theory = forward["layer"][0]
    assert theory["encoding"]["y"]["field"] == "theory"
    assert {row["variant"] for row in spec["datasets"][theory["data"]["name"]]} == {"a"}
    assert forward["layer"][3]["encoding"]["y"]["scale"]["domain"] == pytest.approx([2.1**-3 / 2, 1.0])
    assert all(forward["width"] + 90 <= room for forward in (forward, backward))


def test_an_untrained_network_has_a_profile():
    chart = profile_at_start(LAYERS, "weight_grad_norm")
    assert marks(chart, "symbol") == 3 + 1  # the measured ones, and the broken one
    check(chart)
