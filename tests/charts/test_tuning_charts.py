"""Charts of tunings as pure functions of records."""

import json
import math

import pandas as pd
import pytest
import vl_convert

from workbench.charts import tuning
from workbench.charts.style import INK, PALETTE
from workbench.descent.best_of import curves
from workbench.records import frame

NAMES = ["SGD", "Adam", "Lost"]
LOWEST = dict.fromkeys(NAMES, 0.0)


def trials_of(*rows):
    keys = ("variant", "seed", "settings", "outcome", "steps_to_tolerance", "value")
    made = [dict(zip(keys, row, strict=True)) | {"evaluations": 100.0} for row in rows]
    return frame("trials", made, who=True)


@pytest.fixture
def trials():
    return trials_of(
        ("SGD", 0, "lr = 0.1, momentum = 0.5", "converged", 8, 1e-30),
        ("SGD", 0, "lr = 1, momentum = 0.2", "diverged", math.nan, math.inf),
        ("SGD", 1, "lr = 0.2, momentum = 0.1", "converged", 12, 0.001),
        ("SGD", 1, "lr = 0.3, momentum = 0.1", "converged", 10, 0.002),
        ("Adam", 0, "lr = 0.01", "slow", math.nan, 0.5),
        ("Adam", 0, "lr = 0.02", "converged", 90, 0.009),
        ("Adam", 1, "lr = 0.03", "slow", math.nan, 2.0),
        ("Adam", 1, "lr = 0.04", "slow", math.nan, 1.0),
        ("Lost", 0, "lr = 5", "diverged", math.nan, math.nan),
        ("Lost", 0, "lr = 6", "diverged", math.nan, 1e120),
    )


def drawn(spec, *keys):
    """The data rows that have these columns."""
    return [row for rows in spec["datasets"].values() for row in rows if set(keys) <= row.keys()]


def lines(spec):
    return {(row["variant"], row["k"]): row for row in drawn(spec, "best", "k")}


def test_one_search_is_one_line_that_begins_where_half_of_the_draws_get_there(trials):
    first = trials[trials["seed"] == 0]
    spec = tuning.best_of_k(curves(first, LOWEST), NAMES).to_dict()
    found = lines(spec)
    assert {key: row["best"] for key, row in found.items()} == {
        ("SGD", 1): 8, ("SGD", 2): 8, ("Adam", 1): 90, ("Adam", 2): 90,
    }  # fmt: skip
    assert "without a line, for more than half of the searches find nothing: Lost" in json.dumps(spec)
    assert 'searches"' not in json.dumps(spec)  # no n where there is one search
    assert all(layer["mark"]["type"] != "area" for layer in spec["layer"])


def test_several_searches_are_a_median_with_a_band_and_their_number(trials):
    spec = tuning.best_of_k(curves(trials, LOWEST), NAMES).to_dict()
    row = lines(spec)["SGD", 2]
    assert (row["best"], row["low"], row["high"]) == (9.0, 8.0, 10.0)
    assert row["said"] == "9 (8 to 10) steps"
    assert ("Adam", 2) not in lines(spec)  # one of its searches finds nothing
    assert "median of n = 2 searches" in json.dumps(spec)
    assert any(layer["mark"]["type"] == "area" for layer in spec["layer"])


def test_a_band_that_reaches_to_never_ends_at_the_edge():
    table = pd.concat(
        [trials_of((name, seed, "lr = 1", "converged" if steps else "slow", steps or math.nan, 1.0))
         for name, seed, steps in (("SGD", 0, 8), ("SGD", 1, 10), ("SGD", 2, None))]
    )  # fmt: skip
    spec = tuning.best_of_k(curves(table, LOWEST), ["SGD"]).to_dict()
    row = lines(spec)["SGD", 1]
    top = spec["layer"][1]["encoding"]["y"]["scale"]["domain"][1]
    assert row["high"] == pytest.approx(top, rel=1e-3)
    assert row["said"] == "10 (8 to never) steps"


def test_values_are_drawn_down_to_what_a_log_axis_shows(trials):
    spec = tuning.best_of_k(curves(trials, LOWEST), NAMES, "gap", tolerance=0.01).to_dict()
    found = lines(spec)
    assert found["SGD", 2]["low"] == pytest.approx(tuning.LOWEST_GAP)
    assert found["Adam", 1]["best"] == pytest.approx((0.009 + 1.0) / 2, rel=1e-3)
    assert not any(name == "Lost" for name, _ in found)
    assert "tolerance 0.01" in json.dumps(spec)


def test_evaluations_pay_for_what_is_evaluated_twice(trials):
    table = trials.assign(evaluations=trials["evaluations"].where(trials["variant"] == "SGD", 200.0))
    spec = tuning.best_of_k(curves(table, LOWEST), NAMES, "gap", "evaluations").to_dict()
    found = lines(spec)
    assert (found["SGD", 2]["evaluations"], found["Adam", 2]["evaluations"]) == (200, 400)
    assert spec["layer"][1]["encoding"]["x"]["scale"]["domain"] == [100, 400]


def test_the_pointer_reads_what_every_variant_has_after_so_many_trials(trials):
    spec = tuning.best_of_k(curves(trials, LOWEST), NAMES).to_dict()
    rows = {row["k"]: row for row in drawn(spec, "v0", "v1", "v2")}
    assert rows[2] == {"k": 2, "v0": "9 (8 to 10) steps", "v1": "nothing yet", "v2": "nothing yet"}
    assert [tip.get("title") for tip in spec["layer"][-1]["encoding"]["tooltip"]] == ["after trials", *NAMES]


def test_every_variant_keeps_its_colour(trials):
    for chart in (
        tuning.best_of_k(curves(trials, LOWEST), NAMES),
        tuning.cost(costs(), NAMES, "evaluations", 100),
        scattered(trials),
    ):
        scale = next(layer["encoding"]["color"]["scale"] for layer in chart.to_dict()["layer"])
        assert scale == {"domain": NAMES, "range": list(PALETTE[:3])}


def costs():
    rows = [("SGD", 8.0, 1.0, 50.0, 0.0), ("Adam", 90.0, 1.0, 80.0, 36.0), ("Lost", math.nan, 2.0, 60.0, 16.0)]
    return pd.DataFrame(rows, columns=["variant", "steps", "evaluations", "microseconds", "state_bytes"])


def test_cost_sets_steps_against_what_one_costs():
    spec = tuning.cost(costs(), NAMES, "microseconds", 100).to_dict()
    rows = {row["variant"]: row for row in drawn(spec, "total")}
    assert (rows["SGD"]["cost"], rows["SGD"]["steps"], rows["SGD"]["total"]) == (50, 8, "400")
    assert rows["Lost"]["reached"] == tuning.NEVER
    assert rows["Lost"]["steps"] > 100  # above whatever 100 steps can reach
    assert rows["Lost"]["said"] == "not within 100"
    domain = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert domain[0] == 0
    assert domain[1] > rows["Lost"]["steps"]


def test_names_beside_points_do_not_lie_on_one_another():
    table = pd.DataFrame(
        [(f"v{index}", 60.0 + index / 10, 1.0) for index in range(6)], columns=["variant", "steps", "cost"]
    )
    placed = tuning.labels(table, 1.4, 100.0)
    assert placed["steps"].diff().dropna().min() >= tuning.LABEL[1] * 100 - 1e-9
    apart = table.assign(cost=[0.1, 0.6, 1.1, 1.6, 2.1, 2.6])
    assert tuning.labels(apart, 1.4, 100.0)["steps"].tolist() == apart["steps"].tolist()


def scattered(trials, **keys):
    from workbench.descent.tuned import settings_of

    settings = tuning.settings_table([settings_of(text) for text in trials["settings"]])
    heights = trials["steps_to_tolerance"].fillna(math.inf).tolist()
    return tuning.scatter(trials, settings, NAMES, keys.pop("parameter", "lr"), heights, **keys)


def test_every_trial_is_a_point_or_a_tick(trials):
    spec = scattered(trials).to_dict()
    rows = drawn(spec, "setting")
    assert len(rows) == len(trials)
    assert [row["height"] for row in rows] == [8, None, 12, 10, None, 90, None, None, None, None]
    assert "ticks at the upper edge: 6 of 10 trials do not converge" in json.dumps(spec)
    assert {layer["mark"]["type"] for layer in spec["layer"]} == {"point", "tick"}


def test_a_setting_that_some_variants_lack_is_drawn_for_the_others(trials):
    rows = drawn(scattered(trials, parameter="momentum", log=False).to_dict(), "setting")
    assert [row["setting"] for row in rows] == [0.5, 0.2, 0.1, 0.1]


def test_notes_are_drawn_in_light_and_dark_and_broken_where_it_is_narrow(trials):
    for title in ("", "A title"):
        chart = tuning.best_of_k(curves(trials, LOWEST), NAMES, title=title, narrow=True)
        text = vl_convert.vegalite_to_svg(chart.to_dict())
        assert "for more than half of the" in text
        assert INK in text
        assert title in text
    wide = tuning.best_of_k(curves(trials, LOWEST), NAMES).to_dict()["title"]["text"]
    assert len(wide) == 1


@pytest.mark.parametrize("theme", ["#ffffff", "#12181d"])
def test_charts_become_pictures(trials, theme):
    made = [
        tuning.best_of_k(curves(trials, LOWEST), NAMES),
        tuning.best_of_k(curves(trials, LOWEST), NAMES, "gap", "evaluations", 0.01, narrow=True),
        *(tuning.cost(costs(), NAMES, by, 100) for by in tuning.COSTS),
        scattered(trials),
    ]
    for chart in made:
        assert vl_convert.vegalite_to_png(chart.to_dict() | {"background": theme})[:4] == b"\x89PNG"


def test_empty_records_make_empty_charts():
    none = trials_of()
    tuning.best_of_k(curves(none, {}), []).to_dict()
    tuning.cost(costs().iloc[:0], [], "evaluations", 100).to_dict()
    all_lost = trials_of(("Lost", 0, "lr = 1", "diverged", math.nan, math.nan))
    tuning.best_of_k(curves(all_lost, LOWEST), NAMES).to_dict()
    scattered(all_lost).to_dict()
