"""Charts of descents and sweeps as pure functions of records."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import vl_convert

from workbench.charts import descent, style, sweep
from workbench.charts.crop import crop, thin
from workbench.descent.finding import finding, sweep_finding
from workbench.records import frame

CONTOURS = pd.DataFrame(
    {"level": 1.0, "line": 0, "order": range(4), "x": [-1.0, 0.0, 1.0, 0.0], "y": [0.0, 1.0, 0.0, -1.0]}
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


def test_a_line_is_cut_at_the_border_and_marked():
    points = list(crop([(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 0.0)], BOX))
    assert [(p.x, p.y, p.place) for p in points] == [
        (0, 0, "point"),
        (2, 0, "leaves"),
        (2, 2, "returns"),
        (0, 0, "point"),
    ]
    assert points[0].piece == points[1].piece != points[2].piece


def test_a_segment_may_cross_the_plot_between_two_points_outside():
    points = list(crop([(-9.0, 1.0), (9.0, 1.0)], BOX))
    assert [(p.x, p.y, p.place) for p in points] == [(-2, 1, "returns"), (2, 1, "leaves")]


def test_a_point_not_finite_ends_the_line():
    points = list(crop([(0.0, 0.0), (math.nan, 0.0), (1.0, 0.0), (math.inf, 0.0)], BOX))
    assert [p.place for p in points] == ["point", "point"]
    assert points[0].piece != points[1].piece


def test_thinning_keeps_both_ends_and_the_beginning():
    assert thin(5, 10) == [0, 1, 2, 3, 4]
    kept = thin(100_000, 200)
    assert len(kept) <= 200
    assert kept[:100] == list(range(100))
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
    assert sum("panel" in row for row in drawn(spec)) <= descent.MOST
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
    rows = [row for row in drawn(descent.distance(*two, (0.0, 0.0)).to_dict()) if row.get("variant") == "SGD"]
    assert [row["height"] for row in rows] == pytest.approx([1.5, 1.2, 0.9, 0.05], rel=1e-3)


SWEEP_COLUMNS = ("variant", "seed", "parameter", "setting", "outcome", "steps_to_tolerance")


def sweep_of(name, rows, seed=0):
    made = [dict(zip(SWEEP_COLUMNS, (name, seed, "lr", *row), strict=True)) for row in rows]
    return frame("sweep", made, who=True)


@pytest.fixture
def swept():
    table = pd.concat(
        [
            sweep_of("SGD", [(0.0, "stuck", math.nan), (0.1, "converged", 20.0), (0.2, "diverged", math.nan)]),
            sweep_of("Adam", [(0.0, "stuck", math.nan), (0.1, "converged", 50.0), (0.2, "converged", 50.0)]),
        ]
    )
    return table, summary_of(("SGD", 0, "finished", 100), ("Adam", 0, "finished", 100))


def test_strips_cover_the_axis_without_gaps(swept):
    rows = [row for row in drawn(sweep.strips(*swept).to_dict()) if "low" in row]
    sgd = [(row["outcome"], row["low"], row["high"]) for row in rows if row["strip"].startswith("SGD")]
    assert sgd == [("stuck", 0.0, 0.05), ("converged", 0.05, 0.15), ("diverged", 0.15, 0.2)]
    adam = [row for row in rows if row["strip"].startswith("Adam")]
    assert [(row["low"], row["high"], row["settings"]) for row in adam] == [(0.0, 0.05, 1), (0.05, 0.2, 2)]


def test_strips_on_a_log_axis_meet_half_way():
    table = sweep_of("SGD", [(0.01, "converged", 5.0), (1.0, "diverged", math.nan)])
    rows = [
        row
        for row in drawn(sweep.strips(table, summary_of(("SGD", 0, "finished", 9)), log=True).to_dict())
        if "low" in row
    ]
    assert rows[0]["high"] == pytest.approx(0.1)


def test_strips_tell_their_tolerance_and_the_limit(swept):
    spec = json.dumps(sweep.strips(*swept, limits={"SGD": 0.15, "Adam": None}).to_dict())
    assert "SGD|1 of 3 converge, up to 0.1" in spec
    assert "limit 0.15" in spec
    assert sweep.LIMIT in spec


def test_a_limit_beyond_the_axis_is_not_drawn(swept):
    assert sweep.LIMIT not in json.dumps(sweep.strips(*swept, limits={"SGD": 0.3}).to_dict())


@pytest.mark.parametrize("theme", ["#ffffff", "#12181d"])
def test_charts_become_pictures(two, swept, theme):
    charts = [
        descent.paths(*two, CONTOURS, [(0.0, 0.0)], **DOMAIN),
        descent.values(*two, 0.0, 0.01),
        sweep.strips(*swept, limits={"SGD": 0.15}),
    ]
    for chart in charts:
        assert vl_convert.vegalite_to_png(chart.to_dict() | {"background": theme})[:4] == b"\x89PNG"


def test_empty_records_make_empty_charts():
    empty = frame("path", [], who=True), frame("summary", [], who=True)
    descent.paths(*empty, CONTOURS, [], **DOMAIN).to_dict()
    descent.values(*empty, 0.0).to_dict()
    sweep.strips(frame("sweep", [], who=True), empty[1]).to_dict()


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


def test_sweep_finding_prints_the_disagreement_with_the_limit(swept):
    table, _ = swept
    assert sweep_finding(table, {"SGD": 0.15}) == (
        "2 of 3 learning rates from 0 to 0.2 converge with Adam, 1 of 3 with SGD. "
        "The limit of SGD is 0.15: every setting agrees."
    )
    assert "1 of 3 settings lie on the other side of it" in sweep_finding(table, {"SGD": 0.05})
    assert sweep_finding(frame("sweep", [], who=True)) == "No setting was tried."
