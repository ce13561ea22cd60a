"""Strips: charts of sweeps over one setting, as pure functions of records."""

import json
import math

import pandas as pd
import pytest
import vl_convert

from workbench.charts import sweep
from workbench.descent.limits import Limit
from workbench.records import frame

COLUMNS = ("variant", "seed", "parameter", "setting", "outcome", "steps_to_tolerance")


def sweep_of(name, rows, seed=0, parameter="lr"):
    made = [dict(zip(COLUMNS, (name, seed, parameter, *row), strict=True)) for row in rows]
    return frame("sweep", made, who=True)


def summary_of(*names):
    return frame("summary", [{"variant": name, "seed": 0, "outcome": "finished"} for name in names], True)


def drawn(spec):
    """Every data row in the specification."""
    return [row for rows in spec["datasets"].values() for row in rows]


def bars(chart):
    return [row for row in drawn(chart.to_dict()) if "low" in row]


@pytest.fixture
def swept():
    table = pd.concat([
        sweep_of("SGD", [(0.0, "stuck", math.nan), (0.1, "converged", 20.0), (0.2, "diverged", math.nan)]),
        sweep_of("Adam", [(0.0, "stuck", math.nan), (0.1, "converged", 50.0), (0.2, "converged", 50.0)]),
    ])  # fmt: skip
    return table, summary_of("SGD", "Adam")


@pytest.fixture
def eight(swept):
    table, summary = swept
    return pd.concat([table.assign(seed=seed) for seed in range(8)]), summary


def test_strips_cover_the_axis_without_gaps(swept):
    rows = bars(sweep.strips(*swept))
    sgd = [(row["outcome"], row["low"], row["high"]) for row in rows if row["strip"].startswith("SGD")]
    assert sgd == [("stuck", 0.0, 0.05), ("converged", 0.05, 0.15), ("diverged", 0.15, 0.2)]
    adam = [row for row in rows if row["strip"].startswith("Adam")]
    assert [(row["low"], row["high"], row["settings"]) for row in adam] == [(0.0, 0.05, 1), (0.05, 0.2, 2)]


def test_strips_on_a_log_axis_meet_half_way():
    table = sweep_of("SGD", [(0.01, "converged", 5.0), (1.0, "diverged", math.nan)])
    assert bars(sweep.strips(table, summary_of("SGD"), log=True))[0]["high"] == pytest.approx(0.1)


def test_a_strip_tells_its_width_in_decades(swept):
    labels = {row["strip"] for row in bars(sweep.strips(*swept))}
    assert labels == {"SGD|≥ 0.48 decades, 0.05 to 0.15", "Adam|≥ 0.60 decades, 0.05 to 0.2"}


def test_with_seeds_it_tells_the_median_and_the_range():
    table = pd.concat([
        sweep_of("SGD", [(10.0**k, "converged" if k in good else "slow", 5.0) for k in range(-3, 3)], seed)
        for seed, good in enumerate([(-1,), (-1, 0), (-2, -1, 0)])
    ])  # fmt: skip
    [label] = {row["strip"] for row in bars(sweep.strips(table, summary_of("SGD"), log=True))}
    assert label == "SGD|2.00 decades (1.00 to 3.00)"


def test_positions_and_failures_are_told_in_counts():
    table = sweep_of("SGD", [(-1.0, "converged", 5.0), (1.0, "slow", math.nan)], parameter="start.x")
    assert bars(sweep.strips(table, summary_of("SGD")))[0]["strip"] == "SGD|1 of 2 converge"
    table = sweep_of("SGD", [(1.0, "failed", math.nan), (2.0, "slow", math.nan)])
    assert bars(sweep.strips(table, summary_of("SGD")))[0]["strip"] == "SGD|nothing converges"


@pytest.mark.parametrize(("local", "word"), [(False, sweep.LIMIT), (True, sweep.LOCAL)])
def test_limits_are_drawn_by_their_kind(swept, local, word):
    spec = sweep.strips(*swept, limits={"SGD": Limit(0.15, local), "Adam": None}).to_dict()
    [rule] = [row for row in drawn(spec) if "limit" in row]
    assert (rule["limit"], rule["text"], rule["kind"]) == (0.15, "limit 0.15", word)
    [dash] = {json.dumps(layer["encoding"]["strokeDash"]["scale"]) for layer in spec["layer"]
              if "strokeDash" in layer["encoding"]}  # fmt: skip
    assert json.loads(dash) == {"domain": [word], "range": [sweep.LIMIT_DASHES[word]]}
    assert sweep.LIMIT_DASHES[sweep.LIMIT] != sweep.LIMIT_DASHES[sweep.LOCAL]


def test_a_limit_beyond_the_axis_is_not_drawn(swept):
    assert sweep.LIMIT not in json.dumps(sweep.strips(*swept, limits={"SGD": Limit(0.3)}).to_dict())


def test_seeds_are_thin_strips_within_one_and_six_by_eight_fit_on_a_screen(eight):
    spec = sweep.strips(*eight).to_dict()
    assert len({row["strip"] for row in drawn(spec)}) == 2
    assert {row["seed"] for row in drawn(spec)} == {str(seed) for seed in range(8)}
    offsets = [layer["encoding"]["yOffset"]["field"] for layer in spec["layer"] if "yOffset" in layer["encoding"]]
    assert set(offsets) == {"seed"}
    assert 6 * (sweep.thickness(8) * 8 + sweep.GAP) < 600
    assert all("word" not in row for row in drawn(spec)), "no word fits into nine pixels"


def test_one_seed_has_words_and_no_offset(swept):
    spec = sweep.strips(*swept).to_dict()
    assert {row["word"] for row in drawn(spec) if "word" in row} == {"stuck", "diverged"}
    assert "yOffset" not in json.dumps(spec)


def test_more_seeds_than_fit_are_left_out_and_that_is_said(swept):
    table, summary = swept
    many = pd.concat([table.assign(seed=seed) for seed in range(30)])
    spec = sweep.strips(many, summary).to_dict()
    assert len({row["seed"] for row in drawn(spec)}) == 24
    assert "the first 24 of 30 seeds are drawn" in json.dumps(spec)
    assert "30 seeds" in sweep.described(many)


def test_a_narrow_chart_writes_the_names_above_the_strips(swept):
    spec = sweep.strips(*swept, narrow=True).to_dict()
    texts = [row["text"] for row in drawn(spec) if "text" in row]
    assert texts == ["SGD: ≥ 0.48 decades, 0.05 to 0.15", "Adam: ≥ 0.60 decades, 0.05 to 0.2"]
    assert all(layer["encoding"]["y"]["axis"] is None for layer in spec["layer"] if "y" in layer["encoding"])


def test_a_narrow_chart_tells_the_limits_there_and_the_caption_what_the_line_is(swept):
    limits = {"SGD": Limit(0.15), "Adam": Limit(0.1, True)}
    texts = [row["text"] for row in drawn(sweep.strips(*swept, limits, narrow=True).to_dict()) if "strip" in row
             and row.get("text", "").startswith(("SGD", "Adam"))]  # fmt: skip
    assert texts[0].endswith("0.05 to 0.15; limit 0.15")
    assert texts[1].endswith("0.05 to 0.2; local limit 0.1")
    said = sweep.described(swept[0], limits.values())
    assert "Blue line: the limit by the formula." in said
    assert "Dashed: the limit that the lowest point alone sets." in said
    assert "Blue line" not in sweep.described(swept[0], [None])


@pytest.mark.parametrize("theme", ["#ffffff", "#12181d"])
@pytest.mark.parametrize("which", ["swept", "eight"])
def test_strips_become_pictures(request, which, theme):
    records = request.getfixturevalue(which)
    for narrow in (False, True):
        chart = sweep.strips(*records, limits={"SGD": Limit(0.15), "Adam": Limit(0.1, True)}, narrow=narrow)
        assert vl_convert.vegalite_to_png(chart.to_dict() | {"background": theme})[:4] == b"\x89PNG"


def test_empty_records_make_an_empty_chart():
    sweep.strips(frame("sweep", [], who=True), frame("summary", [], who=True)).to_dict()
