"""Tunings: what is drawn, and every trial against a single descent with its settings."""

import math

import numpy as np
import pytest

from workbench import Optimizer, Param
from workbench.descent.simulate import execute as descend
from workbench.descent.tune import best, draw, execute
from workbench.descent.tuned import settings_of
from workbench.errors import ExperimentError
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder, frame
from workbench.registry import Plugin


@pytest.fixture
def tune(registry, run_of):
    def go(optimizer, trials=12, steps=40, seed=0, surface="quadratic", **keys):
        recorder = MemoryRecorder()
        task = {"surface": surface, "steps": steps} | keys.pop("task", {})
        base = {"optimizer": optimizer, **keys}
        run = run_of("tune", seeds=[seed], task=task, base=base, tune={"trials": trials})
        return execute(run, registry, recorder), recorder.table("trials"), run

    return go


def alone(registry, run, settings):
    """The single descent with the settings of a trial."""
    base = run.base | {"optimizer": run.base["optimizer"] | settings}
    plain = {"kind": "descent", "seeds": [run.seed], "task": run.task, "base": base}
    recorder = MemoryRecorder()
    return descend(resolve(parse(plain), registry)[0], registry, recorder), recorder.table("path").iloc[-1]


def distance_from_uniform(shares):
    """The largest distance between the empirical distribution and that of the unit interval (Kolmogorov-Smirnov)."""
    ordered, count = np.sort(shares), len(shares)
    return max((np.arange(1, count + 1) / count - ordered).max(), (ordered - np.arange(count) / count).max())


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_settings_are_drawn_evenly_on_their_scale(scale):
    low, high = 1e-4, 10.0
    param = Param("lr", 0.1, low=0.0, scale=scale, search=(low, high))
    drawn = draw(param, 4000, np.random.default_rng(3))
    assert drawn.min() >= low
    assert drawn.max() <= high
    log = (np.log(drawn) - math.log(low)) / (math.log(high) - math.log(low))
    linear = (drawn - low) / (high - low)
    limit = 1.63 / math.sqrt(len(drawn))  # the 1 % point of Kolmogorov's distribution
    assert (distance_from_uniform(log) < limit) == (scale == "log")
    assert (distance_from_uniform(linear) < limit) == (scale == "linear")


@pytest.mark.parametrize(
    "optimizer",
    [
        {"use": "sgd"},
        {"use": "rmsprop", "centered": True},
        {"use": "adam", "amsgrad": True},
        {"use": "adamw"},
        {"use": "nadam"},
        {"use": "rprop"},
    ],
)
def test_trials_equal_single_descents(registry, tune, optimizer):
    _, table, run = tune(optimizer)
    params = registry.get("optimizer", optimizer["use"]).params
    ranges = {param.name: param.search for param in params if param.search}
    assert table["trial"].tolist() == list(range(1, 13))
    for row in table.itertuples():
        settings = settings_of(row.settings)
        assert list(settings) == list(ranges)
        assert all(ranges[name][0] <= value <= ranges[name][1] for name, value in settings.items())
        summary, last = alone(registry, run, settings)
        assert summary["outcome"] == row.outcome
        assert summary["evaluations"] == row.evaluations
        assert row.value == pytest.approx(last["value"], rel=1e-5, abs=1e-12, nan_ok=True)
        steps = summary["steps"] if summary["outcome"] == "converged" else math.nan
        assert row.steps_to_tolerance == pytest.approx(steps, nan_ok=True)


def test_noise_and_random_starts_are_those_of_the_single_descent(registry, tune):
    surface = {"use": "quadratic", "noise": 0.5}
    _, table, run = tune("rmsprop", seed=7, surface=surface, task={"start": "random"})
    for row in table.itertuples():
        assert row.value == pytest.approx(alone(registry, run, settings_of(row.settings))[1]["value"], rel=1e-5)


def test_remedies_and_schedules_take_part(registry, tune):
    if "sam" not in registry.names("remedy"):
        pytest.skip("no remedy that evaluates twice is there")
    keys = {"remedies": ["sam"], "schedule": {"use": "step", "every": 9, "factor": 0.5}}
    _, table, run = tune("sgd", trials=4, **keys)
    assert (table["evaluations"] == 2 * 40).all()
    for row in table.itertuples():
        assert row.value == pytest.approx(alone(registry, run, settings_of(row.settings))[1]["value"], rel=1e-5)


def test_every_optimizer_gets_the_same_number_of_trials_and_the_same_luck(registry, tune):
    for name in ("sgd", "adam", "rmsprop"):
        _, table, _ = tune(name, trials=9)
        assert len(table) == 9
        low, high = next(param.search for param in registry.get("optimizer", name).params if param.name == "lr")
        rates = np.array([settings_of(text)["lr"] for text in table["settings"]])
        shares = np.log(rates / low) / math.log(high / low)
        assert shares == pytest.approx(np.random.default_rng(0).random(9), abs=0.002)  # three digits of a rate


def test_the_same_seed_gives_the_same_trials_and_another_one_others(tune):
    table = tune("adam", seed=3)[1]
    assert tune("adam", seed=3)[1].equals(table)
    assert not set(tune("adam", seed=4)[1]["settings"]) & set(table["settings"])


def test_the_summary_is_that_of_the_best_trial(registry, tune):
    summary, table, run = tune("rmsprop", trials=32, steps=100)
    quickest = table.loc[table["steps_to_tolerance"].idxmin()]
    assert summary["outcome"] == "converged"
    assert summary["steps"] == table["steps_to_tolerance"].min()
    assert summary["value"] == quickest["value"]
    assert summary["evaluations"] == table["evaluations"].sum() == 32 * 100
    assert quickest["settings"] in summary["message"]
    assert alone(registry, run, settings_of(quickest["settings"]))[0]["steps"] == summary["steps"]


def test_best_is_the_fewest_steps_or_else_the_lowest_value():
    keys = ("trial", "outcome", "steps_to_tolerance", "value")
    rows = [(1, "slow", math.nan, 0.5), (2, "slow", math.nan, math.nan), (3, "slow", math.nan, 0.3)]
    table = frame("trials", [dict(zip(keys, row, strict=True)) for row in rows])
    assert best(table)["trial"] == 3
    rows += [(4, "converged", 9.0, 0.01), (5, "converged", 8.0, 0.02), (6, "converged", 8.0, 0.001)]
    table = frame("trials", [dict(zip(keys, row, strict=True)) for row in rows])
    assert best(table)["trial"] == 6


def test_nothing_to_tune_is_refused_with_the_reason(registry, run_of):
    import torch

    component = Optimizer("untuned", torch.optim.SGD, params=[Param("lr", 0.1, low=0.0)])
    registry.add("optimizer", component, Plugin("untuned", "test", ""))
    try:
        with pytest.raises(ExperimentError, match="no setting of optimizer 'untuned' says which range is worth trying"):
            run_of("tune", base={"optimizer": "untuned"})
    finally:
        registry._components["optimizer"].pop("untuned")


@pytest.mark.parametrize("optimizer", ["sgd", "nadam"])
def test_stopping_a_tuning(registry, run_of, optimizer):
    class Stop(MemoryRecorder):
        def asked(self):
            return "stopped"

    recorder = Stop()
    summary = execute(run_of("tune", base={"optimizer": optimizer}), registry, recorder)
    assert summary["outcome"] == "stopped"
    assert summary["steps"] == len(recorder.table("trials")) == 0


def test_what_was_tried_before_a_stop_stays(registry, run_of):
    class Soon(MemoryRecorder):
        done = 0

        def progress(self, done, total):
            self.done = done

        def asked(self):
            return "stopped" if self.done >= 3 else ""

    recorder = Soon()
    summary = execute(run_of("tune", base={"optimizer": "nadam"}, task={"steps": 5}), registry, recorder)
    assert summary["outcome"] == "stopped"
    assert len(recorder.table("trials")) == summary["steps"] == 3
