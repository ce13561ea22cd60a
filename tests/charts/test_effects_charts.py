"""Charts of a matrix: every cell is there, the best one is marked, and no interval is invented."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import pandas as pd
import pytest

from workbench.charts.effects import BEST, NOT_RUN, cell_table, forest, notes, roomy, small_multiples

NAMES = [f"{model} {remedy}" for model in ("mlp", "cnn") for remedy in ("none", "norm")][:3]  # cnn with norm is missing
PLACES = pd.DataFrame(
    [{"variant": name, "row": name.split()[0], "column": name.split()[1], "line": ""} for name in NAMES]
)


def curve(seeds: int = 2, names: list[str] = NAMES) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"variant": name, "seed": seed, "step": 10 * epoch, "epoch": float(epoch), "split": split,
             "loss": 1.0 / (1 + epoch), "accuracy": 0.1 * index + 0.1 * epoch + 0.01 * seed}
            for index, name in enumerate(names)
            for seed in range(seeds)
            for epoch in range(3)
            for split in ("train", "test")
        ]
    )  # fmt: skip


def check(chart: alt.TopLevelMixin) -> dict[str, Any]:
    import vl_convert

    spec = chart.to_dict()
    assert "<svg" in vl_convert.vegalite_to_svg(spec)
    return spec


def data_of(spec: dict[str, Any], column: str) -> pd.DataFrame:
    tables = [pd.DataFrame(rows) for rows in spec["datasets"].values()]
    return next(table for table in tables if column in table.columns)


def test_one_panel_a_cell_on_common_axes():
    spec = check(
        small_multiples(curve(), PLACES, ["mlp", "cnn"], ["none", "norm"], best="mlp norm", reference="mlp none",
                        titles=("model", "remedies", ""))
    )  # fmt: skip
    assert spec["facet"]["row"]["sort"] == ["mlp", "cnn"]
    assert spec["facet"]["column"]["sort"] == ["none", "norm"]
    assert "resolve" not in spec
    table = data_of(spec, "mark")
    cell = table.query("row == 'mlp' and column == 'norm' and mark == 'curve'").set_index("epoch")
    assert cell.loc[2.0, ["value", "low", "high"]].tolist() == pytest.approx([0.305, 0.3, 0.31])
    assert cell["seeds"].eq(2).all()
    assert [layer["mark"]["type"] for layer in spec["spec"]["layer"]] == ["line", "area", "line", "text", "text"]
    dashed = [rows for rows in spec["datasets"].values() if "mark" not in rows[0]]
    assert [point["value"] for point in dashed[0]] == pytest.approx([0.005, 0.105, 0.205])


FINALS = {"mlp none": 0.205, "mlp norm": 0.305, "cnn none": 0.405}


def test_a_cell_says_what_it_reached_or_that_it_was_not_run():
    spec = small_multiples(curve(), PLACES, ["mlp", "cnn"], ["none", "norm"], best="cnn none", finals=FINALS).to_dict()
    table = data_of(spec, "mark").query("mark != 'curve'").set_index(["row", "column"])
    assert table.loc[("cnn", "norm"), "text"] == NOT_RUN
    assert table.loc[("cnn", "none"), "text"] == f"{BEST} 40.5 %"
    assert table["mark"].eq("best").sum() == 1
    assert table.loc[("mlp", "none"), "text"] == "20.5 %"


def test_a_run_that_diverged_ends_with_a_cross_and_counts_in_what_is_written():
    rows = curve()
    rows = rows[~((rows["variant"] == "cnn none") & (rows["seed"] == 1) & (rows["epoch"] > 1))]
    spec = check(
        small_multiples(
            rows, PLACES, ["mlp", "cnn"], ["none", "norm"], finals={"cnn none": 0.2}, diverged=[("cnn none", 1)]
        )
    )
    table = data_of(spec, "mark")
    [end] = table.query("mark == 'end'").to_dict("records")
    assert (end["row"], end["column"], end["epoch"], end["text"]) == ("cnn", "none", 1.0, "cnn none, seed 1: diverged")
    assert end["value"] == pytest.approx(0.2 + 0.1 + 0.01)
    assert "20.0 %" in set(table.query("mark == 'note'")["text"])
    assert table.query("row == 'cnn' and mark == 'curve' and epoch == 2")["seeds"].item() == 1


def test_the_scale_leaves_room_for_the_words():
    values = pd.DataFrame({"value": [0.2, 0.6], "low": [0.1, math.nan], "high": [0.3, 0.6]})
    assert roomy(values, False).to_dict()["domain"] == pytest.approx([0.1, 0.6 + 0.22 * 0.5])
    assert roomy(values, True).to_dict()["domain"] == pytest.approx([0.1, 0.6 * 6**0.22])
    assert "domain" not in roomy(values.iloc[:0], True).to_dict()


def test_other_factors_are_colours_or_are_averaged():
    places = PLACES.assign(row="", line=PLACES["row"])
    spec = check(
        small_multiples(curve(), places, [""], ["none", "norm"], lines=["mlp", "cnn"], titles=("", "remedies", "model"))
    )
    assert spec["facet"]["sort"] == ["none", "norm"]
    assert spec["spec"]["layer"][0]["encoding"]["color"]["scale"]["domain"] == ["mlp", "cnn"]
    averaged = data_of(small_multiples(curve(), PLACES.assign(row=""), [""], ["none", "norm"]).to_dict(), "mark")
    cell = averaged.query("column == 'none' and mark == 'curve' and epoch == 2")
    assert cell["value"].item() == pytest.approx((0.2 + 0.21 + 0.4 + 0.41) / 4)
    assert cell["seeds"].item() == 4


def test_the_lowest_loss_is_written_and_zero_has_no_logarithm():
    rows = curve(seeds=1)
    rows.loc[(rows["variant"] == "mlp none") & (rows["epoch"] == 2), "loss"] = 0.0
    spec = check(
        small_multiples(rows, PLACES, ["mlp", "cnn"], ["none", "norm"], metric="loss", log=True, reference="mlp none")
    )
    assert all(row.get("value") is None or row["value"] > 0 for data in spec["datasets"].values() for row in data)
    assert spec["spec"]["layer"][0]["encoding"]["y"]["scale"]["type"] == "log"
    both = PLACES.assign(row="cnn", column="none", line=["a", "b", "b"])
    words = notes(both, {"mlp none": 0.5, "mlp norm": 0.2, "cnn none": 0.6}, ["cnn"], ["none"], "loss", "")
    assert words["text"].tolist() == ["0.4"]


def test_nothing_yet_can_be_drawn():
    check(small_multiples(curve().iloc[:0], PLACES, ["mlp", "cnn"], ["none", "norm"], reference="mlp none"))


CELLS = pd.DataFrame(
    {
        "row": ["mlp", "mlp", "cnn"], "column": ["none", "norm", "none"], "value": [0.1, 0.9, 0.5],
        "spread": [0.01, math.nan, 0.02], "seeds": [3, 1, 3], "verdict": ["reference", "helps", "reference"],
        "best": [False, True, False], "text": ["", "helps: +80.0 points", ""],
    }
)  # fmt: skip


def test_the_table_writes_mean_spread_and_verdict_so_that_they_can_be_read():
    spec = check(cell_table(CELLS, ["mlp", "cnn"], ["none", "norm"], title="final test accuracy"))
    table = data_of(spec, "shown")
    assert table["shown"].tolist() == ["10.0 ± 1.0\nreference", f"{BEST} 90.0\nhelps", "50.0 ± 2.0\nreference"]
    assert table["dark"].tolist() == [True, False, True]  # white letters on the dark end
    assert spec["layer"][0]["encoding"]["color"]["scale"]["reverse"] is False
    loss = check(cell_table(CELLS, ["mlp", "cnn"], ["none", "norm"], title="loss", share=False, higher=False))
    assert loss["layer"][0]["encoding"]["color"]["scale"]["reverse"] is True
    assert data_of(loss, "shown")["shown"].tolist()[0] == "0.1 ± 0.01\nreference"
    assert data_of(loss, "shown")["dark"].tolist() == [False, True, False]


EFFECTS = pd.DataFrame(
    {
        "group": ["norm", "norm", "clip"], "where": ["mlp", "cnn", "mlp"], "effect": [0.3, 0.0, -0.1],
        "low": [0.2, -0.1, math.nan], "high": [0.4, 0.1, math.nan],
        "verdict": ["helps", "not distinguishable", "one seed proves nothing"], "text": ["a", "b", "c"],
    }
)  # fmt: skip


def test_the_forest_has_a_block_a_level_and_no_interval_of_one_seed():
    spec = check(forest(EFFECTS, title="difference", labels={"norm": "norm instead of none"}))
    assert spec["facet"]["row"]["sort"] == ["norm instead of none", "clip"]
    table = data_of(spec, "low")
    assert table["effect"].tolist() == pytest.approx([30.0, 0.0, -10.0])
    assert pd.isna(table["low"].iloc[2])
    zero, spans, points = spec["spec"]["layer"]
    assert spans["transform"] == [{"filter": "isValid(datum.low)"}]
    assert points["encoding"]["shape"]["scale"]["domain"] == [
        "helps", "not distinguishable", "one seed proves nothing",
    ]  # fmt: skip
    assert spec["resolve"] == {"scale": {"y": "independent"}}
    assert zero["mark"]["type"] == "rule"
