"""The Training page, without a browser: which views there are, and what they say."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from workbench.experiment import dump, parse
from workbench.runs import light
from workbench.runs.job import plan
from workbench_ui.bench import open_bench

Visit = Callable[..., AppTest]
MODEL = {"use": "mlp", "depth": 5, "width": 16}
TASK = {"dataset": {"use": "gaussian", "samples": 256, "features": 16}, "model": MODEL, "batch_size": 64, "epochs": 2}


def healthy(test: AppTest) -> AppTest:
    assert not test.exception, test.exception
    assert not test.error, [error.value for error in test.error]
    return test


def shown(visit: Visit, **changes: Any) -> AppTest:
    """The page with an experiment that has run."""
    plain = {"kind": "training", "title": "t", "task": TASK | changes.pop("task", {})} | changes
    experiment = parse(plain)
    jobs = plan(experiment)
    test = visit("training", training__plain=dump(experiment))
    open_bench().wait(jobs)
    return healthy(test.run())


def tabs(test: AppTest) -> list[str]:
    return [tab.label for tab in test.tabs]


def open_tab(test: AppTest, name: str) -> AppTest:
    assert name in tabs(test)
    test.session_state["training.tabs." + ".".join(tabs(test))] = name
    return healthy(test.run())


def captions(test: AppTest) -> str:
    return " ".join(caption.value for caption in test.caption)


BOTH: dict[str, Any] = {"variants": [{"name": "plain"}, {"name": "norm", "remedies": ["batch_norm"]}]}


@pytest.mark.parametrize(
    "name",
    ["Learning", "First / last layer", "Inside the layers", "Histograms", "At the start", "Curvature and noise",
     "Matrix", "Doctor"],
)  # fmt: skip
def test_every_view_draws_a_training_with_all_probes(visit: Visit, name: str) -> None:
    test = shown(visit, task={"probes": "full"}, base={"optimizer": {"use": "sgd", "lr": 0.05}}, **BOTH)
    test = open_tab(test, name)
    assert "No run got far enough" not in " ".join(info.value for info in test.info)


def charts(test: AppTest) -> list[bytes]:
    return [chart.proto.SerializeToString(deterministic=True) for chart in test.get("vega_lite_chart")]


@pytest.mark.parametrize("name", ["Learning", "At the start", "Matrix", "Doctor"])
def test_a_chart_that_is_kept_is_the_same_at_the_next_run_of_the_page(visit: Visit, name: str) -> None:
    variants = [{"name": "well"}, {"name": "diverges", "optimizer": {"lr": 1e6}}]
    test = open_tab(shown(visit, base={"optimizer": {"use": "sgd", "lr": 0.05}}, variants=variants), name)
    first = charts(test)
    assert first
    assert charts(healthy(test.run())) == first
    if name == "Learning":
        assert b"diverged at step" in first[0], "the crosses have their table"


def test_curvature_stands_beside_what_the_rate_can_bear(visit: Visit) -> None:
    test = shown(visit, task={"probes": "full"}, base={"optimizer": {"use": "sgd", "lr": 0.05}})
    assert "2/lr" in captions(open_tab(test, "Curvature and noise"))
    test = shown(visit, task={"probes": "full"}, base={"optimizer": "adam"})
    assert "none is known" in captions(open_tab(test, "Curvature and noise"))


def test_without_probes_only_the_curves_are_left(visit: Visit) -> None:
    test = shown(visit, task={"probes": "off"})
    assert tabs(test)[0] == "Learning"
    assert not {"First / last layer", "Histograms", "At the start", "Curvature and noise"} & set(tabs(test))


def test_an_untrained_network_begins_with_the_theory(visit: Visit) -> None:
    base = {"activation": "relu", "initializer": "kaiming_normal", "remedies": ["batch_norm"]}
    task = {"epochs": 0, "model": MODEL | {"depth": 8, "width": 128}, "batch_size": 256}
    test = shown(visit, task=task, base=base)
    assert tabs(test)[0] == "At the start"
    assert "Learning" not in tabs(test)
    assert "≈ π/(π - 1)" in captions(test)
    healthy(open_tab(test, "Inside the layers"))


def test_a_training_that_diverges_at_once_is_drawn(visit: Visit) -> None:
    large = {"use": "normal", "std": 100.0}
    test = shown(visit, base={"optimizer": {"use": "sgd", "lr": 10.0}, "initializer": large, "activation": "relu"})
    assert test.dataframe[0].value["outcome"].tolist() == ["diverged"]
    for name in tabs(test):
        open_tab(test, name)


def test_a_network_without_any_gradient_is_drawn(visit: Visit) -> None:
    test = shown(visit, base={"initializer": {"use": "normal", "std": 0.0}, "activation": "relu"})
    for name in tabs(test):
        open_tab(test, name)


@pytest.mark.parametrize("by", ["epoch", "step", "seconds"])
def test_every_axis_and_smoothing(visit: Visit, by: str) -> None:
    test = shown(visit, seeds=[0, 1])
    test.session_state["training.by"] = by
    test.session_state["training.log_x"] = True
    test.session_state["training.smooth"] = 0.5
    assert "Pale:" in captions(healthy(test.run()))


def test_what_measuring_costs_is_said(visit: Visit) -> None:
    assert "Measuring took" in captions(shown(visit))


def test_the_page_answers_quickly(visit: Visit) -> None:
    """A script run that is warm, five variants of sixteen layers; the bound is generous, machines differ."""
    variants = [{"name": f"v{n}", "optimizer": {"lr": 0.001 * 2**n}} for n in range(5)]
    test = shown(visit, task={"model": MODEL | {"depth": 15}, "epochs": 10}, variants=variants)
    times = []
    for _ in range(5):
        before = time.process_time()
        healthy(test.run())
        times.append(time.process_time() - before)
    assert min(times) < 1.5


def test_a_run_that_cannot_be_is_refused_before_it_begins(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light, "GLANCE", 120.0)
    experiment = parse({"kind": "training", "task": TASK | {"batch_size": 300}})
    test = visit("training", training__plain=dump(experiment))
    for _ in range(2):  # the first visit would run it by itself; then somebody clicks
        said = " ".join(warning.value for warning in healthy(test).warning)
        assert "task.batch_size = 300 is larger than the 256 training samples of 'gaussian'" in said
        assert [open_bench().status(job).state for job in plan(experiment)] == ["absent"]
        test.button(key="training.go").click().run()
