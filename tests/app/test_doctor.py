"""The doctor's tab: what it says, and what one click does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from waiting import until

from workbench.experiment import parse
from workbench.runs.job import plan
from workbench_ui.bench import open_bench

PAGE = '''
"""The doctor alone, on a page of its own."""
from workbench_ui.body import experiment_page
from workbench_ui.doctor import doctor
from workbench_ui.tables import training_table

experiment_page(
    "training",
    default="ten-sigmoid-layers",
    sentence="What is wrong?",
    finding=lambda result: "",
    views={"Doctor": doctor},
    table=training_table,
)
'''
ILL = {
    "kind": "training",
    "title": "ill",
    "task": {"dataset": "digits", "model": {"use": "mlp", "depth": 10}, "epochs": 2, "batch_size": 64},
    "base": {"activation": "sigmoid", "initializer": "xavier_uniform"},
}


@pytest.fixture
def page(tmp_path: Path) -> Callable[[dict], AppTest]:
    def run(plain: dict) -> AppTest:
        script = tmp_path / "doctor_page.py"
        script.write_text(PAGE)
        test = AppTest.from_file(str(script), default_timeout=120)
        test.session_state["training.plain"] = plain
        return healthy(test.run())

    return run


def healthy(test: AppTest) -> AppTest:
    assert not test.exception, test.exception
    assert not test.error, [error.value for error in test.error]
    return test


def settle(test: AppTest) -> AppTest:
    open_bench().wait(plan(parse(test.session_state["training.plain"])))
    return healthy(test.run())


def text(test: AppTest) -> str:
    return " ".join(element.value for element in (*test.markdown, *test.success, *test.caption))


def names(test: AppTest) -> list[str]:
    return [variant["name"] for variant in test.session_state["training.plain"].get("variants", [])]


def test_one_click_adds_the_cure_runs_it_and_shows_before_and_after(page: Callable[[dict], AppTest]) -> None:
    test = settle(page(ILL))
    assert "**Vanishing gradient**" in text(test)
    assert "the norm of the signal's gradient in layer 1 is" in text(test)
    assert "Before and after" not in [element.value for element in test.subheader]
    button = test.button(key="training.doctor.base.vanishing.1")
    assert button.label == "batch norm"
    button.click()
    healthy(test.run())
    assert names(test) == ["base", "base + batch norm"]
    settle(test)
    assert "Before and after" in [element.value for element in test.subheader]
    assert "Batch norm: layer 1's gradient goes from" in text(test)
    assert "nothing found" in text(test)
    assert test.get("vega_lite_chart") or test.get("arrow_vega_lite_chart")
    assert test.button(key="training.doctor.base.vanishing.1").disabled, "it has been tried"
    generation = test.session_state["training.generation"]
    test.button(key=f"training.{generation}.undo").click()
    healthy(test.run())
    assert names(test) == []


def test_a_running_training_is_diagnosed_and_forked_where_it_is(page: Callable[[dict], AppTest]) -> None:
    plain = ILL | {
        "title": "running",
        "task": ILL["task"] | {"epochs": 4000, "model": {"use": "mlp", "depth": 2}},
        "base": {"initializer": "kaiming_normal", "optimizer": {"use": "adam", "lr": 1.0}},
    }
    [job] = plan(parse(plain))
    test = page(plain)
    try:
        until(lambda: open_bench().records([job])["layers"]["step"].max() > 100)
        healthy(test.run())
        assert "**Learning rate too high**" in text(test)
        fork = test.button(key="training.doctor.base.rate_too_high.0.fork")
        assert fork.label.startswith("learning rate 0.1 from step ")
        step = int(fork.label.split()[-1])
        fork.click()
        healthy(test.run())
        last = test.session_state["training.plain"]["variants"][-1]
        assert last["fork"] == {"step": step, "variant": "base"}
        assert last["optimizer"] == {"lr": 0.1}
        jobs = plan(parse(test.session_state["training.plain"]))
        assert all(open_bench().status(each).live for each in jobs)
    finally:
        open_bench().stop(plan(parse(test.session_state["training.plain"])))
        open_bench().wait(plan(parse(test.session_state["training.plain"])))


def test_a_healthy_training_is_told_so(page: Callable[[dict], AppTest]) -> None:
    test = settle(page(ILL | {"title": "healthy", "base": {"initializer": "kaiming_normal"}, "task": {"epochs": 2}}))
    assert "base: nothing found by" in text(test)
    assert not [button for button in test.button if str(button.key).startswith("training.doctor.")]


def test_what_could_not_be_looked_at_is_no_success(page: Callable[[dict], AppTest]) -> None:
    task = ILL["task"] | {"model": {"use": "mlp", "depth": 2}, "probes": "off"}
    test = settle(page(ILL | {"title": "blind", "base": {"initializer": "kaiming_normal"}, "task": task}))
    assert not test.success
    assert [info.value for info in test.info if "probes = off" in info.value] == [
        "base: nothing found, but its layers were not measured (probes = off): only the curve was looked at."
    ]


def test_a_variant_that_is_gone_is_refused_with_a_word(page: Callable[[dict], AppTest]) -> None:
    test = settle(page(ILL | {"variants": [{"name": "one"}, {"name": "two", "activation": "relu"}]}))
    changed = ILL | {"variants": [{"name": "three", "activation": "tanh"}]}
    test.session_state["training.plain"] = changed
    test.button(key="training.doctor.one.vanishing.0").click()
    test.run()
    assert names(test) == ["three"]
    assert any("no variant 'one' any more" in warning.value for warning in test.warning)
