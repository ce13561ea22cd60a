"""Charts of descents as pure functions of records."""

import itertools
import json
import math
import re
from functools import partial

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from workbench.charts import descent, style
from workbench.charts.crop import LEAVES, POINT, RETURNS, crop, cut, thin
from workbench.charts.panels import described
from workbench.charts.traces import MOST, digits, traces
from workbench.descent.finding import finding
from workbench.records import frame

CONTOURS = pd.DataFrame(
    {"level": 1.0, "gap": 1.0, "line": 0, "order": range(4), "x": [-1.0, 0.0, 1.0, 0.0], "y": [0.0, 1.0, 0.0, -1.0]}
)
BOX = (-2.0, 2.0, -2.0, 2.0)
DOMAIN = {"x": (-2.0, 2.0), "y": (-2.0, 2.0)}


def path_of(name, xs, seed=0, lr=0.1):
    rows = [
        {"variant": name, "seed": seed, "step": step, "x": x, "y": 0.0, "value": x * x, "lr": lr if step else math.nan}
        for step, x in enumerate(xs)
    ]
    return frame("path", rows, who=True)


def summary_of(*rows):
    return frame(
        "summary", [dict(zip(("variant", "seed", "outcome", "steps"), row, strict=True)) for row in rows], True
    )


@pytest.fixture
def two():
    path = pd.concat([path_of("SGD", [1.5, -1.2, 0.9, 0.05]), path_of("Wild", [1.0, -3.0, 9.0, math.inf])])
    return path, summary_of(("SGD", 0, "converged", 3), ("Wild", 0, "diverged", 1))


def drawn(spec):
    """Every data row in the specification."""
    return [row for rows in spec["datasets"].values() for row in rows]


def cropped(*line):
    """The points of a line to draw, as (x, y, place), and the pieces they belong to."""
    found = crop(*np.array(line, dtype=float).T, BOX)
    return list(zip(found.x, found.y, found.place, strict=True)), found.piece.tolist()


def test_a_line_is_cut_at_the_border_and_marked():
    points, pieces = cropped((0, 0), (4, 0), (4, 4), (0, 0))
    assert points == [(0, 0, POINT), (2, 0, LEAVES), (2, 2, RETURNS), (0, 0, POINT)]
    assert pieces[0] == pieces[1] != pieces[2] == pieces[3]


def test_a_segment_may_cross_the_plot_between_two_points_outside():
    assert cropped((-9, 1), (9, 1))[0] == [(-2, 1, RETURNS), (2, 1, LEAVES)]
    assert cropped((-9, 1), (1, 9), (9, 1), (9, 1))[0] == []


def test_a_line_that_comes_back_to_the_border_itself_begins_anew_there():
    points, pieces = cropped((0, 0), (4, 0), (2, 2), (0, 2))
    assert points == [(0, 0, POINT), (2, 0, LEAVES), (2, 2, POINT), (0, 2, POINT)]
    assert pieces[0] == pieces[1] != pieces[2] == pieces[3]


@given(st.lists(st.tuples(*[st.floats(-5, 5)] * 2), max_size=8))
def test_a_cut_line_is_the_part_of_the_line_inside_the_box(line):
    """Against points close together on every segment: they lie inside exactly where the cut segment does."""
    xy = np.array(line, dtype=float).reshape(-1, 2)
    for start, end in itertools.pairwise(xy):
        (enter,), (leave,) = cut(start[:, None], end[:, None], BOX)
        shares = np.linspace(0, 1, 101)
        at = start[:, None] + shares * (end - start)[:, None]
        inside = (np.abs(at) <= 2).all(axis=0)
        sure = (np.abs(np.abs(at) - 2) > 1e-9).all(axis=0)
        assert (inside == ((enter <= shares) & (shares <= leave)))[sure].all()


def test_a_point_not_finite_ends_the_line():
    points, pieces = cropped((0, 0), (math.nan, 0), (1, 0), (math.inf, 0))
    assert [place for *_, place in points] == [POINT, POINT]
    assert pieces[0] != pieces[1]


def test_traces_find_their_records_whatever_their_order():
    both = pd.concat([path_of("A", [0.0, 1.0, 3.0]), path_of("B", [1.5, 0.5])]).iloc[[3, 0, 4, 1, 2]]
    found = traces(both, both["x"].to_numpy(), both["y"].to_numpy(), BOX)
    drawn = both.iloc[found.row]
    assert drawn["variant"].tolist() == ["B", "B", "A", "A", "A"]
    assert found.step.tolist() == drawn["step"].tolist() == [0, 1, 0, 1, 2]
    assert found.until.tolist()[:4] == [1, pytest.approx(math.nan, nan_ok=True), 1, 2]
    assert found.x.tolist() == [1.5, 0.5, 0, 1, 2]  # the last where it leaves the plot
    assert len(set(found.line[:2]) | set(found.line[2:])) == 2


def test_no_records_make_no_traces():
    none = path_of("A", [])
    assert len(traces(none, none["x"].to_numpy(), none["y"].to_numpy(), BOX).row) == 0


def test_numbers_keep_four_digits():
    assert digits(np.array([0.0, 123456.0, -1.23456e-9, 5e-324, 1e308, math.inf, math.nan])).to_pylist() == [
        0.0, 123500.0, pytest.approx(-1.235e-9, rel=1e-12), 5e-324, 1e308, None, None,
    ]  # fmt: skip


def test_thinning_keeps_both_ends_and_the_beginning():
    assert thin(5, 10).tolist() == [0, 1, 2, 3, 4]
    kept = thin(100_000, 200)
    assert len(kept) <= 200
    assert kept[:100].tolist() == list(range(100))
    assert kept[-1] == 99_999


def test_panels_carry_outcome_and_steps_in_their_titles(two):
    spec = descent.paths(*two, CONTOURS, [(0.0, 0.0)], **DOMAIN).to_dict()
    header = spec["facet"]["header"]["labelExpr"]
    assert json.loads(header.removesuffix("[datum.value]")) == [
        "SGD · converged, 3 steps",
        "Wild · diverged from step 1",
    ]
    assert spec["columns"] == 3


def test_long_panel_titles_take_two_lines(two):
    path, summary = (table.replace({"variant": {"SGD": "Stochastic gradient descent"}}) for table in two)
    spec = descent.paths(path, summary, CONTOURS, [(0.0, 0.0)], **DOMAIN).to_dict()
    header = json.loads(spec["facet"]["header"]["labelExpr"].removesuffix("[datum.value]"))
    assert header[0] == ["Stochastic gradient descent", "converged, 3 steps"]


def test_paths_leaving_the_plot_are_marked_and_no_far_number_is_drawn(two):
    spec = descent.paths(*two, CONTOURS, [(0.0, 0.0)], **DOMAIN).to_dict()
    rows = [row for row in drawn(spec) if "panel" in row]
    leaving = [row for row in rows if row["at"] == 1]
    assert [(row["panel"], row["step"], row["x"]) for row in leaving] == [(1, 1, -2.0), (1, 2, 2.0)]
    assert all(-2 <= row["x"] <= 2 for row in rows)
    assert "leaves the plot" in json.dumps(spec)


def test_slider_shows_the_last_step_first(two):
    spec = descent.paths(*two, CONTOURS, [(0.0, 0.0)], **DOMAIN).to_dict()
    (step,) = [param for param in spec["params"] if param["name"] == "step"]
    assert step["value"] == 3
    assert (step["bind"]["min"], step["bind"]["max"]) == (0, 3)


def test_a_start_outside_the_domain_widens_it():
    path = path_of("SGD", [5.0, 1.0])
    spec = descent.paths(path, summary_of(("SGD", 0, "slow", 1)), CONTOURS, [], **DOMAIN).to_dict()
    assert spec["spec"]["layer"][0]["encoding"]["x"]["scale"]["domain"] == [-2.0, 5.0]


def test_long_paths_stay_small_and_say_so():
    names = [f"variant {index}" for index in range(9)]
    path = pd.concat([path_of(name, np.cos(np.arange(5000.0))) for name in names])
    chart = descent.paths(path, summary_of(*((name, 0, "slow", 4999) for name in names)), CONTOURS, [], **DOMAIN)
    spec = chart.to_dict()
    assert sum("panel" in row for row in drawn(spec)) <= MOST
    assert len(json.dumps(spec)) < 300_000
    assert "of 45000 points are drawn" in json.dumps(spec)


def test_values_leave_a_log_axis_by_the_border(two):
    path, summary = two
    exact = path_of("Exact", [1.0, 0.0, 0.0])
    spec = descent.values(pd.concat([path, exact]), pd.concat([summary, summary_of(("Exact", 0, "converged", 1))]), 0.0)
    rows = [row for row in drawn(spec.to_dict()) if "height" in row]
    assert all(row["height"] > 0 for row in rows)
    assert [row["variant"] for row in rows if row["mark"] == "leaves the plot"] == ["Wild", "Exact"]


def test_more_variants_than_colours_are_told_apart_by_dashes():
    names = [f"variant {index}" for index in range(12)]
    pairs = list(zip(style.colors_of(12), map(tuple, style.dashes_of(12)), strict=True))
    assert len(set(pairs)) == 12
    path = pd.concat([path_of(name, [1.0, 0.5]) for name in names])
    spec = descent.values(path, summary_of(*((name, 0, "slow", 1) for name in names)), 0.0).to_dict()
    lines = spec["layer"][0]["encoding"]
    assert lines["strokeDash"]["scale"]["domain"] == lines["color"]["scale"]["domain"] == names
    assert lines["strokeDash"]["legend"] == lines["color"]["legend"]  # equal, so that Vega draws one legend of both


def test_distance_is_the_distance(two):
    rows = [row for row in drawn(descent.distance(*two, [(0.0, 0.0)]).to_dict()) if row.get("variant") == "SGD"]
    assert [row["height"] for row in rows] == pytest.approx([1.5, 1.2, 0.9, 0.05], rel=1e-3)


def test_the_distance_is_that_to_the_nearest_minimum():
    path = path_of("SGD", [-2.0, -0.5, 0.25, 3.0])
    minima = [(1.0, 0.0), (-1.0, 0.0), (3.0, 4.0)]
    assert descent.nearest(path, minima).tolist() == [1.0, 0.5, 0.75, 2.0]
    assert np.isnan(descent.nearest(path, [])).all()


def test_nan_and_infinity_have_no_nearest_minimum():
    path = path_of("SGD", [math.nan, math.inf])
    assert [str(away) for away in descent.nearest(path, [(0.0, 0.0)])] == ["nan", "inf"]


def test_three_views_share_one_clock(two):
    spec = descent.three_views(*two, CONTOURS, [(0.0, 0.0)], **DOMAIN, bottom=0.0, tolerance=0.01).to_dict()
    alt.VConcatChart.from_dict(spec)  # validates
    assert json.loads(json.dumps(spec)) == spec
    assert [param["name"] for param in spec["params"]] == ["step"]
    assert spec["params"][0]["bind"]["max"] == 3
    assert "facet" in spec["vconcat"][0]
    lines = spec["vconcat"][1]["hconcat"]
    assert [line["layer"][0]["encoding"]["y"]["title"] for line in lines] == [descent.VALUE, descent.DISTANCE]
    heights = {
        title: [row["height"] for row in spec["datasets"][line["data"]["name"]] if row["variant"] == "SGD"]
        for title, line in zip(("value", "distance"), lines, strict=True)
    }
    assert heights["value"] == pytest.approx([2.25, 1.44, 0.81, 0.0025], rel=1e-3)
    assert heights["distance"] == pytest.approx([1.5, 1.2, 0.9, 0.05], rel=1e-3)
    for line in lines:
        assert {"datum": {"expr": "step"}, "type": "quantitative"} in [
            layer["encoding"]["x"] for layer in line["layer"] if "x" in layer.get("encoding", {})
        ]


def test_three_views_stand_below_each_other_where_it_is_narrow(two):
    views = partial(descent.three_views, *two, CONTOURS, [(0.0, 0.0)], **DOMAIN, bottom=0.0)
    narrow = views(columns=2, size=118, narrow=True).to_dict()
    assert len(narrow["vconcat"][1]["vconcat"]) == 2
    wide = vl_convert.vegalite_to_svg(views(columns=2, size=400).to_dict())
    assert float(re.search(r'width="([\d.]+)"', vl_convert.vegalite_to_svg(narrow))[1]) <= 350
    assert float(re.search(r'width="([\d.]+)"', wide)[1]) > 800


def test_every_row_says_until_which_step_it_holds(two):
    spec = descent.paths(*two, CONTOURS, [(0.0, 0.0)], **DOMAIN).to_dict()
    rows = [(row["step"], row["until"]) for row in drawn(spec) if row.get("panel") == 0]
    assert rows == [(0, 1), (1, 2), (2, 3), (3, None)]


def test_equal_minima_are_all_called_lowest(two):
    minima = [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0)]
    spec = descent.paths(*two, CONTOURS, minima, **DOMAIN, lowest=2).to_dict()
    marks = [row["mark"] for row in drawn(spec) if "mark" in row]
    assert marks == ["lowest point", "lowest point", "local minimum"]


def test_holes_are_shaded_and_named(two):
    holes = pd.DataFrame({"x": [-2.0], "x2": [0.0], "y": [-2.0], "y2": [2.0]})
    spec = json.dumps(descent.paths(*two, CONTOURS, [(0.0, 0.0)], **DOMAIN, holes=holes).to_dict())
    assert "the function is not defined there" in vl_convert.vegalite_to_svg(json.loads(spec))
    assert "not defined" not in json.dumps(descent.paths(*two, CONTOURS, [(0.0, 0.0)], **DOMAIN).to_dict())


def test_iso_lines_have_the_colour_of_their_height_and_a_legend(two):
    contours = pd.concat([CONTOURS.assign(level=level, gap=level, line=int(level)) for level in (1.0, 10.0, 100.0)])
    spec = descent.paths(*two, contours, [(0.0, 0.0)], **DOMAIN).to_dict()
    stroke = spec["spec"]["layer"][0]["encoding"]["stroke"]
    assert stroke["scale"]["type"] == "log"
    assert stroke["legend"]["values"] == [1.0, 10.0, 100.0]
    assert described(contours) == "Iso-lines at 1, 10, 100 above the lowest value."


@pytest.mark.parametrize("theme", ["#ffffff", "#12181d"])
def test_charts_become_pictures(two, theme):
    charts = [
        descent.paths(*two, CONTOURS, [(0.0, 0.0)], **DOMAIN),
        descent.values(*two, 0.0, 0.01),
    ]
    for chart in charts:
        assert vl_convert.vegalite_to_png(chart.to_dict() | {"background": theme})[:4] == b"\x89PNG"


def test_empty_records_make_empty_charts():
    empty = frame("path", [], who=True), frame("summary", [], who=True)
    descent.paths(*empty, CONTOURS, [], **DOMAIN).to_dict()
    descent.values(*empty, 0.0).to_dict()


def light(color):
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_are_legible_on_light_and_dark():
    assert len(set(style.PALETTE)) >= 10
    for color in (*style.PALETTE, *(color for color, _ in style.OUTCOMES.values())):
        assert contrast(color, "#ffffff") >= 3, color
        assert contrast(color, "#12181d") >= 3, color


def test_every_outcome_has_a_shape():
    descents = ("converged", "slow", "oscillating", "stuck", "diverged")
    assert len({style.OUTCOMES[name] for name in descents}) == len(descents)
    assert len({style.OUTCOMES[name][1] for name in descents}) == len(descents)


def test_numbers_as_people_write_them():
    assert [style.number(value) for value in (214.0, 0.049812, 1.2e-8)] == ["214", "0.0498", "1.2e-08"]
    assert style.number(math.inf) == "infinite"


def test_finding_counts_and_names_the_first(two):
    path, summary = two
    text = finding(summary, path, 0.01, {"Wild": 0.05})
    assert text == (
        "1 of 2 reaches f - f_min ≤ 0.01; SGD first, after 3 steps. "
        "Wild diverged from step 1 on: its learning rate 0.1 is above the limit 0.05."
    )


def test_finding_with_seeds_wants_every_seed():
    summary = summary_of(
        ("A", 0, "converged", 4), ("A", 1, "slow", 9), ("B", 0, "converged", 6), ("B", 1, "converged", 8)
    )
    text = finding(summary, path_of("A", [1.0]), 0.01)
    assert text.startswith("1 of 2 reaches f - f_min ≤ 0.01 in every seed; B first, after 7 steps (median).")
    assert "A is still on the way" in text


def test_finding_speaks_of_failures():
    summary = summary_of(("A", 0, "failed", 0), ("B", 0, "stuck", 9), ("C", 0, "oscillating", 9))
    text = finding(summary, path_of("B", [1.0]), 0.01)
    assert text == "0 of 3 reach f - f_min ≤ 0.01. C oscillates. B is stuck. A failed."
