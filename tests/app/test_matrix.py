"""The matrix tab, and how a matrix is composed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from workbench import Param
from workbench.experiment import dump, parse, vary
from workbench.runs.job import plan
from workbench_ui.bench import open_bench
from workbench_ui.compose_vary import pieces, typed

Visit = Callable[..., AppTest]


def tab() -> None:
    """A page that shows nothing but the matrix of the experiment in the session."""
    import streamlit as st

    from workbench.experiment import parse
    from workbench.runs.job import plan
    from workbench_ui.bench import open_bench
    from workbench_ui.body import Result, draw
    from workbench_ui.matrix import has_matrix, matrix

    experiment = parse(st.session_state["plain"])
    jobs = plan(experiment)
    result = Result(experiment, jobs, open_bench().records(jobs))
    st.session_state["has"] = has_matrix(result)
    for picture in matrix(result):
        draw("test", "Matrix", picture, "finding")
        st.session_state["file"] = picture.chart().to_dict()


def shown(plain: dict[str, Any], run: bool = True) -> AppTest:
    if run:
        jobs = plan(parse(plain))
        open_bench().submit(jobs)
        open_bench().wait(jobs)
    test = AppTest.from_function(tab, default_timeout=120)
    test.session_state["plain"] = plain
    return healthy(test.run())


def healthy(test: AppTest) -> AppTest:
    assert not test.exception, test.exception
    assert not test.error, [error.value for error in test.error]
    return test


def cross(**more: Any) -> dict[str, Any]:
    plain = {"kind": "training", "title": "matrix", "seeds": [0, 1], "task": {"epochs": 1, "batch_size": 500}, **more}
    axes = {
        "task.model.depth": [1, 2],
        "activation": ["relu", "sigmoid"],
        "remedies": [[], ["batch_norm"]],
    }
    return dump(vary(parse(plain), axes))


def test_every_view_of_a_full_cross() -> None:
    test = shown(cross())
    assert test.session_state["has"]
    assert "model depth (2) x activation (2) x batch_norm (2): a full cross of 8 cells." in test.caption[0].value
    assert "2 seeds" in test.markdown[0].value
    assert test.selectbox(key="matrix.row.task.model.depth.activation.batch_norm").value == "task.model.depth"
    spec = test.session_state["file"]
    assert spec["facet"]["row"]["sort"] == ["depth 1", "depth 2"]
    assert spec["facet"]["column"]["sort"] == ["without batch_norm", "batch_norm"]
    healthy(test.segmented_control(key="matrix.others").set_value("averaged").run())
    assert "Averaged over activation." in test.caption[-1].value
    for view in ("Table", "Effects", "Pairs"):
        healthy(test.segmented_control(key="matrix.view").set_value(view).run())
        assert test.session_state["file"]
    assert len(test.dataframe[0].value) == 28
    healthy(test.segmented_control(key="matrix.view").set_value("Effects").run())
    assert len(test.dataframe[0].value) == 4  # batch_norm in 2 x 2 cells
    key = "matrix.of.task.model.depth.activation.batch_norm"
    healthy(test.selectbox(key=f"{key}.batch_norm.by").set_value("activation").run())
    assert test.dataframe[0].value["where"].tolist() == ["relu", "sigmoid"]
    for kind, count in (("on average", 3), ("interactions", 3)):
        healthy(test.segmented_control(key="matrix.effects").set_value(kind).run())
        assert len(test.dataframe[0].value) == count
        assert f"{count} comparisons" in test.caption[-1].value


def test_the_table_is_the_mean_of_the_records() -> None:
    test = shown(cross())
    healthy(test.segmented_control(key="matrix.view").set_value("Table").run())
    rows = next(rows for rows in test.session_state["file"]["datasets"].values() if "shown" in rows[0])
    summary = open_bench().records(plan(parse(cross())))["summary"]
    mean = summary.groupby("variant")["final_accuracy"].mean()["depth 2, sigmoid, batch_norm"]
    [cell] = [row for row in rows if (row["row"], row["column"]) == ("depth 2, sigmoid", "batch_norm")]
    assert cell["value"] == pytest.approx(mean)
    assert len(rows) == 8
    assert sum(row["best"] for row in rows) == 1
    assert {row["verdict"] for row in rows if row["column"] == "without batch_norm"} == {"reference"}


def test_one_factor_one_seed_and_no_cross() -> None:
    plain = cross(seeds=[0])
    plain["variants"] = plain["variants"][:2]
    test = shown(plain)
    assert "One seed proves nothing: add seeds." in test.markdown[0].value
    for view in ("Table", "Effects", "Pairs"):
        healthy(test.segmented_control(key="matrix.view").set_value(view).run())
    plain["variants"].append({"name": "another", "optimizer": "sgd"})
    assert "no full cross; missing" in shown(plain).caption[0].value


def test_variants_without_a_difference_and_nothing_run_yet() -> None:
    plain = cross(seeds=[5])
    assert not shown(plain, run=False).markdown
    same = cross(seeds=[0]) | {"variants": [{"name": "a"}, {"name": "b"}]}
    assert "The variants differ in nothing" in shown(same).info[0].value
    assert not shown(same | {"variants": []}).session_state["has"]


# --- composing


def test_three_keys_are_crossed(visit: Visit) -> None:
    plain = {"kind": "training", "title": "t", "seeds": [0, 1], "task": {"epochs": 0, "dataset": "digits"}}
    test = healthy(visit("training", training__plain=plain))
    assert test.button(key="training.0.vary.make").disabled
    healthy(test.selectbox(key="training.0.vary.key").set_value("task.model.depth").run())
    healthy(test.text_input(key="training.0.vary.task.model.depth").set_value("1, 2").run())
    assert any("2 variants x 2 seeds = 4 runs" in caption.value for caption in test.caption)
    healthy(test.selectbox(key="training.0.vary.1.key").set_value("remedies").run())
    assert test.button(key="training.0.vary.make").disabled
    sets = test.multiselect(key="training.0.vary.1.remedies")
    assert {"no remedies", "batch_norm"} <= set(sets.options)
    healthy(sets.set_value(["no remedies", "batch_norm"]).run())
    healthy(test.selectbox(key="training.0.vary.2.key").set_value("activation").run())
    healthy(test.multiselect(key="training.0.vary.2.activation").set_value(["relu", "tanh"]).run())
    assert any("2 x 2 x 2 = 8 variants x 2 seeds = 16 runs" in caption.value for caption in test.caption)
    test.button(key="training.0.vary.make").click()
    healthy(test.run())
    made = test.session_state["training.plain"]["variants"]
    assert [variant["name"] for variant in made][:2] == ["depth 1, no remedies, relu", "depth 1, no remedies, tanh"]
    assert made[-1] == {
        "name": "depth 2, batch_norm, tanh", "task": {"model": {"depth": 2}}, "remedies": ["batch_norm"],
        "activation": "tanh",
    }  # fmt: skip


def test_what_cannot_be_run_is_said_before_it_is_made(visit: Visit) -> None:
    plain = {"kind": "training", "title": "t", "task": {"epochs": 0}, "base": {"optimizer": {"use": "sgd"}}}
    test = healthy(visit("training", training__plain=plain))
    healthy(test.selectbox(key="training.0.vary.key").set_value("optimizer").run())
    healthy(test.multiselect(key="training.0.vary.optimizer").set_value(["sgd", "adam"]).run())
    assert not test.button(key="training.0.vary.make").disabled
    healthy(test.selectbox(key="training.0.vary.1.key").set_value("optimizer.momentum").run())
    healthy(test.text_input(key="training.0.vary.1.optimizer.momentum").set_value("0, 0.9").run())
    assert test.button(key="training.0.vary.make").disabled  # adam has no momentum
    assert any("momentum" in caption.value and "adam" in caption.value for caption in test.caption)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.01, 0.1, 1", [0.01, 0.1, 1.0]),
        ("0.01,0.1", [0.01, 0.1]),
        ("1e-3,10", [0.001, 10.0]),
        ("0, 1", [0.0, 1.0]),
        ("0.01; 0.1; 0.1", [0.01, 0.1]),
        ("", []),
    ],
)
def test_numbers_are_read_as_they_are_typed(text: str, values: list[float]) -> None:
    assert typed(text, Param("lr", 0.1)) == values


@pytest.mark.parametrize("text", ["0,01, 0,1", "0,01; 0,1", "0,5", "1, -0,5"])
def test_a_decimal_comma_is_not_two_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r"Decimals take a point: -?0\.(01|5);"):
        pieces(text, Param("lr", 0.1))


def test_whole_numbers_and_words_need_no_space() -> None:
    assert typed("1,2,10", Param("depth", 2)) == [1, 2, 10]
    assert typed("true,false", Param("nesterov", False)) == [True, False]
    assert typed("low,high", Param("where", "low", choices=["low", "high"])) == ["low", "high"]


def test_texts_keep_their_commas(visit: Visit) -> None:
    assert pieces("10, 20; 5;", Param("milestones", "5, 8")) == ["10, 20", "5"]
    plain = {"kind": "training", "title": "t", "task": {"epochs": 0}, "base": {"schedule": "multi_step"}}
    test = healthy(visit("training", training__plain=plain))
    healthy(test.selectbox(key="training.0.vary.key").set_value("schedule.milestones").run())
    box = test.text_input(key="training.0.vary.schedule.milestones")
    assert box.placeholder == "5, 8; another"
    assert "semicolon" in box.help
    healthy(box.set_value("10, 20; 5, 8").run())
    test.button(key="training.0.vary.make").click()
    healthy(test.run())
    made = test.session_state["training.plain"]["variants"]
    assert [variant["schedule"] for variant in made] == [{"milestones": "10, 20"}, {"milestones": "5, 8"}]


def test_a_decimal_comma_is_said_below_the_values(visit: Visit) -> None:
    test = healthy(visit("training", training__plain={"kind": "training", "title": "t", "task": {"epochs": 0}}))
    healthy(test.selectbox(key="training.0.vary.key").set_value("optimizer.lr").run())
    healthy(test.text_input(key="training.0.vary.optimizer.lr").set_value("0,01, 0,1").run())
    assert any("Decimals take a point" in caption.value for caption in test.caption)
    assert test.button(key="training.0.vary.make").disabled
