"""The page Learning rates, without a browser: strips, maps and basins, and how they are composed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from workbench import registry
from workbench.experiment import dump, parse, resolve
from workbench_ui.compose_axes import offered, usual_second, usual_sweep
from workbench_ui.state import lesson

Visit = Callable[..., AppTest]
SMALL = {"count": 8, "second": {"parameter": "momentum", "low": 0.0, "high": 0.9, "count": 8}}
STARTS = {"parameter": "start.x", "count": 8, "second": {"parameter": "start.y", "count": 8}}


def healthy(test: AppTest) -> AppTest:
    assert not test.exception, test.exception
    assert not test.error, [error.value for error in test.error]
    return test


def plain(**keys: Any) -> dict[str, Any]:
    return {"kind": "sweep", "title": "x", "task": {"steps": 20}} | keys


def words(test: AppTest) -> str:
    return " ".join(element.value for element in test.markdown)


def chart(test: AppTest) -> dict[str, Any]:
    [element] = test.get("vega_lite_chart")
    return json.loads(element.proto.spec)


def drawn(test: AppTest) -> pd.DataFrame:
    """The rows of the only chart that has panels."""
    [element] = test.get("vega_lite_chart")
    [table] = [each.data.data for each in element.proto.datasets]
    return pa.ipc.open_stream(table).read_pandas()


def tabs(test: AppTest) -> list[str]:
    return [tab.label for tab in test.tabs]


def swept(test: AppTest) -> dict[str, Any]:
    return test.session_state["rates.plain"]["sweep"]


def test_one_setting_makes_strips(visit: Visit) -> None:
    test = healthy(visit("rates"))
    assert tabs(test) == ["Tolerance"]
    assert "21 of 256 with SGD" in words(test)
    assert "The limit of SGD is 0.05: every setting agrees." in words(test)
    table = test.dataframe[0].value.set_index("variant")
    assert table.loc["SGD", "decades"] == pytest.approx(0.85, abs=0.01)
    assert "range" not in table
    assert any("Decades" in caption.value for caption in test.caption)


def test_random_starts_make_an_interval(visit: Visit) -> None:
    task = {"steps": 50, "start": "random", "surface": "ripples"}
    sweep = {"low": 1e-4, "high": 1.0, "scale": "log", "count": 64}
    test = healthy(
        visit("rates", rates__plain=plain(task=task, seeds=[0, 1, 2], sweep=sweep, base={"optimizer": "adam"}))
    )
    assert "median of 3 seeds" in words(test)
    assert " to " in test.dataframe[0].value["range"][0]
    assert "yOffset" in json.dumps(chart(test))


def test_a_local_limit_is_said_to_be_local(visit: Visit) -> None:
    test = healthy(visit("rates", rates__plain=plain(task={"surface": "ripples"}, sweep={"high": 0.05, "count": 32})))
    assert "The local limit of base, at the lowest point, is 0.00745427" in words(test)
    assert "local limit at the lowest point" in json.dumps(chart(test))


def test_two_settings_make_a_map(visit: Visit) -> None:
    test = healthy(visit("rates", rates__plain=plain(sweep={"low": 0.001, "high": 0.1, "scale": "log"} | SMALL)))
    assert tabs(test) == ["Map"]
    assert "The limit of base: every cell agrees." in words(test)
    rows = drawn(test)
    assert rows.loc[rows["mark"] == "image", "url"].str.startswith("data:image/png;base64,").tolist() == [True]
    assert {"hover", "key", "speed", "best", "limit"} < set(rows["mark"])
    assert test.dataframe[0].value["steps"].notna().all()
    assert any("Across: learning rate, up: momentum." in caption.value for caption in test.caption)


def test_starts_make_basins(visit: Visit) -> None:
    variants = [{"name": "a", "task": {"surface": "ripples"}}, {"name": "b", "task": {"surface": "himmelblau"}}]
    both = plain(sweep=STARTS, variants=variants, base={"optimizer": {"use": "sgd", "lr": 0.005}})
    test = healthy(visit("rates", rates__plain=both))
    assert tabs(test) == ["Basins"]
    assert len(test.get("vega_lite_chart")) == 2, "each surface has minima of its own"
    table = test.dataframe[0].value.set_index("variant")
    assert table.loc["b", "others"] == 0, "all four minima of Himmelblau's function are equally low"
    assert (table[["lowest", "others", "none", "diverged"]].sum(axis=1) - 1).abs().max() < 1e-12


def test_the_seed_of_a_map_is_chosen(visit: Visit) -> None:
    noisy = {"steps": 100, "tolerance": 0.5, "surface": {"use": "quadratic", "noise": 1.0}}
    sweep = {"low": 0.001, "high": 0.04} | SMALL
    test = healthy(visit("rates", rates__plain=plain(task=noisy, seeds=[4, 7], sweep=sweep)))
    assert test.selectbox(key="rates.seed").options == ["4", "7"]
    before = drawn(test)
    healthy(test.selectbox(key="rates.seed").set_value(7).run())
    assert not drawn(test).equals(before)


@pytest.mark.parametrize("name", ["tolerance", "basins", "rate-and-momentum"])
def test_composing_a_lesson_changes_nothing(visit: Visit, name: str) -> None:
    test = healthy(visit("rates", rates__plain=dump(lesson(name))))
    made = parse(test.session_state["rates.plain"])
    assert resolve(made, registry.current()) == resolve(lesson(name), registry.current())


def test_what_is_varied_is_chosen_in_one_click_and_makes_sense(visit: Visit) -> None:
    test = healthy(visit("rates", rates__plain=plain(sweep={"high": 0.5, "count": 16})))
    healthy(test.segmented_control(key="rates.0.sweep.mode").set_value("two").run())
    made = swept(test)
    assert (made["parameter"], made["scale"], made["count"]) == ("lr", "log", 96)
    assert made["second"]["parameter"] == "momentum"
    assert test.selectbox(key="rates.0.sweep.two.first.parameter").value == "lr"
    healthy(test.segmented_control(key="rates.0.sweep.mode").set_value("start").run())
    assert (swept(test)["parameter"], swept(test)["second"]["parameter"]) == ("start.x", "start.y")
    assert "low" not in swept(test), "the domain, whatever it is"
    assert not [slider for slider in test.sidebar.slider if slider.label.startswith("start")]
    healthy(test.segmented_control(key="rates.0.sweep.mode").set_value("one").run())
    assert "second" not in swept(test)


def test_only_numbers_that_every_variant_has_are_offered() -> None:
    both = parse(plain(variants=[{"name": "a"}, {"name": "b", "optimizer": "adam"}]))
    names = offered(both, registry.current())
    assert {"lr", "weight_decay", "surface.curvature", "start.x"} <= names.keys()
    assert not {"momentum", "beta1"} & names.keys()
    assert usual_second("lr", names) == "surface.curvature"
    lows = [param.search[0] for param in names["lr"] if param.search]
    assert usual_sweep("two", both.sweep, names)["low"] == min(lows)


def test_another_number_comes_with_its_own_range_and_scale(visit: Visit) -> None:
    test = healthy(visit("rates", rates__plain=plain(sweep={"high": 0.5, "count": 16})))
    healthy(test.selectbox(key="rates.0.sweep.one.first.parameter").set_value("surface.curvature").run())
    assert swept(test) == {"parameter": "surface.curvature", "low": 1, "high": 1000, "count": 16, "scale": "log"}


def test_a_range_that_cannot_be_is_said_and_the_last_one_stays(visit: Visit) -> None:
    test = healthy(visit("rates", rates__plain=plain(sweep={"low": 0.1, "high": 0.5, "count": 16})))
    low = test.number_input(key="rates.0.sweep.one.first.lr.linear.low").set_value(0.7)
    healthy(low.run())
    assert any("low = 0.7 must be below high = 0.5" in caption.value for caption in test.caption)
    assert test.number_input(key="rates.0.sweep.one.first.lr.linear.low").value == 0.7, "nothing typed is lost"
    assert swept(test)["low"] == 0.1


def test_a_log_scale_brings_a_range_that_it_can_show(visit: Visit) -> None:
    test = healthy(visit("rates", rates__plain=plain(sweep={"low": 0.0, "high": 0.5, "count": 16})))
    healthy(test.segmented_control(key="rates.0.sweep.one.first.lr.scale").set_value("log").run())
    assert swept(test)["scale"] == "log"
    assert swept(test)["low"] > 0


def test_a_random_start_brings_the_seeds(visit: Visit) -> None:
    test = healthy(visit("surfaces", surfaces__plain={"kind": "descent", "title": "x", "task": {"steps": 9}}))
    assert "surfaces.0.seeds" not in [widget.key for widget in test.sidebar.number_input]
    healthy(test.toggle(key="surfaces.0.task.start.random").set_value(True).run())
    assert test.session_state["surfaces.plain"]["task"]["start"] == "random"
    assert "start" not in [slider.label[:5] for slider in test.sidebar.slider]
    healthy(test.number_input(key="surfaces.0.seeds").set_value(3).run())
    assert test.session_state["surfaces.plain"]["seeds"] == [0, 1, 2]


def test_domain_and_noise_are_composed_and_noise_brings_the_seeds(visit: Visit) -> None:
    test = healthy(visit("surfaces", surfaces__plain={"kind": "descent", "title": "x", "task": {"steps": 9}}))
    healthy(test.number_input(key="surfaces.0.task.surface.quadratic.noise").set_value(0.5).run())
    healthy(test.number_input(key="surfaces.0.task.surface.quadratic.x.to").set_value(3.0).run())
    assert test.session_state["surfaces.plain"]["task"]["surface"] == {
        "use": "quadratic", "x": [-2.0, 3.0], "noise": 0.5,
    }  # fmt: skip
    assert test.number_input(key="surfaces.0.seeds").value == 1
    assert test.slider(key="surfaces.0.task.start.quadratic.x").max == 3.0


def test_an_interval_the_wrong_way_round_is_said_and_not_taken(visit: Visit) -> None:
    test = healthy(visit("surfaces", surfaces__plain={"kind": "descent", "title": "x", "task": {"steps": 9}}))
    test.number_input(key="surfaces.0.task.surface.quadratic.x.to").set_value(-5.0)
    healthy(test.run())
    assert any("two numbers, the lower first" in caption.value for caption in test.caption)
    assert test.session_state["surfaces.plain"]["task"].get("surface", "quadratic") in (
        "quadratic",
        {"use": "quadratic"},
    )


def test_another_surface_has_its_own_start(visit: Visit) -> None:
    task = {"surface": "quadratic", "start": [-1.9, 1.9], "steps": 9}
    test = healthy(visit("surfaces", surfaces__plain={"kind": "descent", "title": "x", "task": task}))
    healthy(test.selectbox(key="surfaces.0.task.surface").set_value("rosenbrock").run())
    assert "start" not in test.session_state["surfaces.plain"]["task"]
    rosenbrock = registry.current().get("surface", "rosenbrock")
    assert test.slider(key="surfaces.0.task.start.rosenbrock.x").value == rosenbrock.start[0]


def test_a_formula_that_cannot_be_read_stays_typed_and_the_last_picture_stays(visit: Visit) -> None:
    task = {"surface": {"use": "formula", "expression": "x**2 + y**2"}, "steps": 9}
    test = healthy(visit("surfaces", surfaces__plain={"kind": "descent", "title": "x", "task": task}))
    healthy(test.text_area(key="surfaces.0.task.surface.formula.expression").set_value("x**2 + foo*y").run())
    assert test.text_area(key="surfaces.0.task.surface.formula.expression").value == "x**2 + foo*y"
    assert any("foo" in caption.value for caption in test.caption)
    assert test.session_state["surfaces.plain"]["task"]["surface"]["expression"] == "x**2 + y**2"
    healthy(test.text_area(key="surfaces.0.task.surface.formula.expression").set_value("x**2 + 3*y**2").run())
    assert test.session_state["surfaces.plain"]["task"]["surface"]["expression"] == "x**2 + 3*y**2"


def test_an_optimizer_that_cannot_descend_is_not_offered_on_surfaces(visit: Visit) -> None:
    off = [one for one in registry.current().all("optimizer") if one.off_surface]
    assert off, "muon at least"
    test = healthy(visit("surfaces"))
    offered_titles = test.selectbox(key="surfaces.0.base.optimizer").options
    assert not {one.title for one in off} & set(offered_titles)
    assert "more only train networks" in (test.selectbox(key="surfaces.0.base.optimizer").proto.help)
    training = visit("training", training__plain={"kind": "training", "title": "x", "task": {"epochs": 0}})
    assert {one.title for one in off} <= set(training.selectbox(key="training.0.base.optimizer").options)


def test_one_that_was_written_elsewhere_is_named_with_the_reason(visit: Visit) -> None:
    [name, *_] = [one.name for one in registry.current().all("optimizer") if one.off_surface]
    test = visit("rates", rates__plain=plain(base={"optimizer": name}))
    assert not test.exception
    assert any(name in error.value and "dimensions" in error.value for error in test.error)


def test_trials_of_a_tuning_are_composed(visit: Visit) -> None:
    small = {"kind": "tune", "title": "x", "task": {"steps": 9}, "tune": {"trials": 4}}
    test = healthy(visit("tuning", tuning__plain=small))
    healthy(test.number_input(key="tuning.0.tune.trials").set_value(6).run())
    assert test.session_state["tuning.plain"]["tune"] == {"trials": 6}


def test_a_large_map_is_computed_by_the_workers_and_then_shown(visit: Visit) -> None:
    axis = {"low": 0.001, "high": 0.1, "scale": "log", "count": 128}
    big = plain(task={"steps": 100}, sweep=axis | {"second": {"parameter": "momentum", "high": 0.9, "count": 128}})
    test = visit("rates", rates__plain=big)
    deadline = time.monotonic() + 120
    while not test.dataframe and time.monotonic() < deadline:
        time.sleep(0.5)
        healthy(test.run())
    assert "of 16,384 cells" in words(test)
