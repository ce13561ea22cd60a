"""The page Tuning, and the ways to it and from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from workbench import registry
from workbench.experiment import dump, parse, resolve
from workbench.runs.job import plan
from workbench_ui import state
from workbench_ui.bench import open_bench
from workbench_ui.state import lesson

Visit = Callable[..., AppTest]
SMALL: dict[str, Any] = {
    "kind": "tune",
    "title": "small",
    "seeds": [0, 1],
    "task": {"steps": 60, "start": [-1.5, 1.7]},
    "tune": {"trials": 8},
    "variants": [{"name": "R", "optimizer": "rmsprop"}, {"name": "M", "optimizer": "sgd"}],
}


@pytest.fixture(autouse=True)
def gone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that a script switched to: a page by itself has no router that could."""
    pages: list[str] = []
    monkeypatch.setattr(state, "go", pages.append)
    return pages


def healthy(test: AppTest) -> AppTest:
    assert not test.exception, test.exception
    assert not test.error, [error.value for error in test.error]
    return test


def sentences(test: AppTest) -> str:
    return " ".join(element.value for element in test.markdown)


def test_the_page_says_what_its_records_say(visit: Visit) -> None:
    test = healthy(visit("tuning"))
    trials = open_bench().measure(plan(lesson("tuned-equally")))["trials"]
    quickest = trials.loc[trials["steps_to_tolerance"].idxmin()]
    table = test.dataframe[0].value.set_index("variant")
    assert table.loc[quickest["variant"], "steps"] == quickest["steps_to_tolerance"]
    assert table.loc[quickest["variant"], "best settings"] == quickest["settings"]
    assert f"{quickest['variant']} reaches f - f_min ≤ 0.01 soonest" in sentences(test)
    assert quickest["settings"] in sentences(test)
    good = int((trials[trials["variant"] == "Rprop"]["outcome"] == "converged").sum())
    assert table.loc["Rprop", "converge"] == f"{good} of 96"


@pytest.mark.parametrize("tab", ["Best of k", "Cost", "Trials"])
def test_every_view_draws_with_every_switch(visit: Visit, tab: str) -> None:
    test = healthy(visit("tuning", tuning__plain=SMALL, tuning__tabs=tab))
    assert len(test.get("vega_lite_chart")) == 1
    choices = {
        "Best of k": [("measure", "gap"), ("by", "evaluations")],
        "Cost": [("cost", "microseconds"), ("cost", "state_bytes")],
        "Trials": [("trial", "gap")],
    }[tab]
    for key, value in choices:
        healthy(test.button_group(key=f"tuning.{key}").set_value(value).run())
        assert len(test.get("vega_lite_chart")) == 1


def test_a_setting_of_one_variant_only_can_be_looked_at(visit: Visit) -> None:
    test = healthy(visit("tuning", tuning__plain=SMALL, tuning__tabs="Trials"))
    assert test.selectbox(key="tuning.setting").options == ["lr", "alpha", "momentum"]
    healthy(test.selectbox(key="tuning.setting").set_value("alpha").run())


def test_at_their_best_is_laid_on_the_surfaces_page(visit: Visit, gone: list[str]) -> None:
    before = {"kind": "descent", "title": "before"}
    test = healthy(visit("tuning", tuning__plain=SMALL, surfaces__plain=before))
    healthy(test.button(key="tuning.action.Compare at their best").click().run())
    assert gone == ["surfaces"]
    made = parse(test.session_state["surfaces.plain"])
    assert made.kind == "descent"
    shown = parse(test.session_state["tuning.plain"])
    trials = open_bench().measure(plan(shown))["trials"]
    steps = trials.groupby("variant")["steps_to_tolerance"].min()
    summary = open_bench().measure(plan(made))["summary"].set_index("variant")
    assert (summary["outcome"] == "converged").all()
    assert summary["steps"].to_dict() == steps.to_dict()
    assert test.session_state["surfaces.undo"] == before


def test_a_comparison_is_tuned_equally_and_can_be_had_back(visit: Visit, gone: list[str]) -> None:
    plain = dump(lesson("nine-optimizers"))
    test = healthy(visit("surfaces", surfaces__plain=plain, tuning__plain=SMALL))
    healthy(test.button(key="surfaces.action.Tune each equally").click().run())
    assert gone == ["tuning"]
    made = parse(test.session_state["tuning.plain"])
    assert made.kind == "tune"
    known = registry.current()
    assert resolve(made, known)[0].task == resolve(parse(plain), known)[0].task
    assert "SGD at 0.049, SGD at 0.051 and Momentum differ only in what is tuned" in made.lesson
    assert test.session_state["tuning.undo"] == SMALL
    shown = healthy(visit("tuning", tuning__plain=dump(made), tuning__undo=SMALL))
    assert shown.title[0].value == "Each tuned equally: Nine optimizers in one valley"
    assert shown.dataframe[0].value["variant"].tolist() == [variant.name for variant in made.variants]
    assert resolve(parse(shown.session_state["tuning.plain"]), registry.current()) == resolve(made, registry.current())


def test_what_cannot_be_tuned_is_said_where_it_was_asked(
    visit: Visit, gone: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from workbench import Optimizer, Param
    from workbench.registry import Plugin

    known = registry.current()
    known.add(
        "optimizer", Optimizer("untuned", torch.optim.SGD, params=[Param("lr", 0.1, low=0.0)]), Plugin("u", "t", "")
    )
    try:
        monkeypatch.setattr(registry, "current", lambda: known)
        plain = {"kind": "descent", "title": "t", "base": {"optimizer": "untuned"}}
        test = visit("surfaces", surfaces__plain=plain)
        test = test.button(key="surfaces.action.Tune each equally").click().run()
        assert not gone
        assert any("says which range is worth trying" in warning.value for warning in test.warning)
    finally:
        known._components["optimizer"].pop("untuned")


def test_the_table_of_descents_says_what_a_step_costs(visit: Visit) -> None:
    plain = {
        "kind": "descent", "title": "cost", "task": {"steps": 50, "start": [-1.5, 1.7]},
        "variants": [
            {"name": "plain", "optimizer": {"use": "sgd", "lr": 0.01}},
            {"name": "Adam", "optimizer": {"use": "adam", "lr": 0.1}},
            {"name": "SAM", "optimizer": {"use": "sgd", "lr": 0.01}, "remedies": ["sam"]},
        ],
    }  # fmt: skip
    table = healthy(visit("surfaces", surfaces__plain=plain)).dataframe[0].value.set_index("variant")
    assert table["evaluations"].tolist() == [1, 1, 2]
    assert table.loc["plain", "state_bytes"] == 0
    assert table.loc["Adam", "state_bytes"] == 2 * 16 + 4  # two means in double precision, and torch's step counter
    assert (table["microseconds"] > 1).all()
