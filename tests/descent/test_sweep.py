"""Sweeps against plain runs, and the limits against closed forms and simulation."""

import numpy as np
import pytest
import torch

from workbench import Optimizer, Param, Remedy
from workbench.descent import batch
from workbench.descent.simulate import execute as descend
from workbench.descent.sweep import critical_rate, execute, settings_of
from workbench.errors import WorkbenchError
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder
from workbench.registry import Plugin


@pytest.fixture
def sweep(registry, run_of):
    def go(optimizer, low=0.0, high=0.5, count=17, parameter="lr", steps=60, surface="quadratic", **base):
        recorder = MemoryRecorder()
        keys = {"parameter": parameter, "low": low, "high": high, "count": count}
        run = run_of(
            "sweep", task={"steps": steps, "surface": surface}, base={"optimizer": optimizer, **base}, sweep=keys
        )
        return execute(run, registry, recorder), recorder.table("sweep"), run

    return go


def one_by_one(registry, run, setting):
    optimizer = run.base["optimizer"] | {run.sweep["parameter"]: setting}
    plain = {"kind": "descent", "task": run.task, "base": run.base | {"optimizer": optimizer}}
    recorder = MemoryRecorder()
    return descend(resolve(parse(plain), registry)[0], registry, recorder), recorder.table("path").iloc[-1]


@pytest.mark.parametrize("schedule", [{"use": "constant"}, {"use": "step", "every": 9, "factor": 0.5}])
@pytest.mark.parametrize(
    ("optimizer", "parameter"),
    [
        ({"use": "sgd"}, "lr"),
        ({"use": "sgd", "momentum": 0.9}, "lr"),
        ({"use": "sgd", "momentum": 0.9, "nesterov": True}, "lr"),
        ({"use": "sgd", "lr": 0.01, "dampening": 0.2}, "momentum"),
        ({"use": "sgd", "lr": 0.01}, "weight_decay"),
        ({"use": "adagrad"}, "lr"),
        ({"use": "rmsprop", "momentum": 0.5, "centered": True}, "lr"),
        ({"use": "rmsprop", "lr": 0.1}, "alpha"),
        ({"use": "adadelta"}, "eps"),
        ({"use": "adam", "amsgrad": True}, "lr"),
        ({"use": "adam", "lr": 0.1}, "beta1"),
        ({"use": "adamw"}, "lr"),
        ({"use": "adamw", "lr": 0.1}, "weight_decay"),
    ],
)
def test_rows_equal_plain_runs(registry, sweep, optimizer, parameter, schedule):
    summary, table, run = sweep(optimizer, parameter=parameter, schedule=schedule)
    assert "one by one" not in summary["message"]
    for row in table.itertuples():
        alone, last = one_by_one(registry, run, row.setting)
        assert alone["outcome"] == row.outcome
        for ours, theirs in ((row.value, last["value"]), (row.x, last["x"]), (row.y, last["y"])):
            assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-12, nan_ok=True)


def test_rows_that_overflow_end_where_the_plain_run_does(registry, sweep):
    _, table, run = sweep({"use": "sgd"}, low=1.0, high=5.0, count=5, steps=300)
    assert not np.isfinite(table["value"]).any()
    for row in table.itertuples():
        _, last = one_by_one(registry, run, row.setting)
        assert (row.x, row.y) == pytest.approx((last["x"], last["y"]), rel=1e-5)


def test_steps_to_tolerance_equal_those_of_the_plain_run(registry, sweep):
    _, table, run = sweep({"use": "sgd"}, low=0.01, high=0.045, count=8, steps=200)
    assert (table["outcome"] == "converged").all()
    for row in table.itertuples():
        assert one_by_one(registry, run, row.setting)[0]["steps"] == row.steps_to_tolerance


def test_settings_out_of_bounds_are_left_out(sweep):
    summary, table, _ = sweep({"use": "sgd"}, low=-0.5, high=0.5, count=11, steps=5)
    assert table["setting"].min() == 0
    assert len(table) == 6
    assert "5 outside the allowed range left out" in summary["message"]


def test_no_allowed_setting_is_an_error_that_says_so(registry, run_of):
    run = run_of("sweep", base={"optimizer": "sgd"}, sweep={"low": -2.0, "high": -1.0})
    with pytest.raises(WorkbenchError, match="lr of optimizer 'sgd' allows a number from 0 to 1000000"):
        settings_of(run, registry)


def test_settings_on_a_log_scale(registry, run_of):
    run = run_of("sweep", base={"optimizer": "sgd"}, sweep={"low": 1e-4, "high": 1.0, "count": 5, "scale": "log"})
    assert settings_of(run, registry) == pytest.approx([1e-4, 1e-3, 1e-2, 0.1, 1])


def test_memory_is_bounded_by_parts(monkeypatch, sweep):
    whole = sweep({"use": "adam"}, count=16)[1]
    monkeypatch.setattr("workbench.descent.sweep.CELLS", 61 * 5)
    assert sweep({"use": "adam"}, count=16)[1].equals(whole)


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({}, 0.05),
        ({"momentum": 0.9}, 0.095),
        ({"momentum": 0.5, "dampening": 0.5}, 2 * 1.5 / 0.5 / 40),
        ({"momentum": 0.9, "nesterov": True}, 2 * 1.9 / 2.8 / 40),
        ({"weight_decay": 10.0}, 0.04),
    ],
)
def test_limit_parts_convergence_from_divergence(registry, run_of, sweep, settings, limit):
    optimizer = {"use": "sgd", **settings}
    run = run_of("sweep", base={"optimizer": optimizer}, sweep={})
    assert critical_rate(run, registry) == pytest.approx(limit, rel=1e-12)
    _, table, _ = sweep(optimizer, low=0.98 * limit, high=1.02 * limit, count=2, steps=1500)
    assert (table["outcome"] == "diverged").tolist() == [False, True]


def test_no_limit_where_none_is_known(registry, run_of):
    def limit(kind="sweep", **keys):
        return critical_rate(run_of(kind, **keys), registry)

    assert limit(base={"optimizer": "adam"}) is None
    assert limit(base={"optimizer": "sgd"}, task={"surface": "ripples"}) is None
    assert limit(base={"optimizer": "sgd", "schedule": "step"}) is None
    assert limit(base={"optimizer": "sgd"}, sweep={"parameter": "momentum"}) is None
    assert limit("descent", base={"optimizer": "sgd"}) == pytest.approx(0.05)


class Converts(torch.optim.SGD):
    """Reads its rate as one number."""

    def step(self, closure=None):
        self.param_groups[0]["lr"] = float(self.param_groups[0]["lr"])
        return super().step(closure)


class Roots(torch.optim.SGD):
    """Reads its rate behind Python's back."""

    def step(self, closure=None):
        import math

        kept = self.param_groups[0]["lr"]
        self.param_groups[0]["lr"] = math.sqrt(kept)
        super().step(closure)
        self.param_groups[0]["lr"] = kept


class Couples(torch.optim.SGD):
    """Its step depends on the norm of the whole gradient."""

    def step(self, closure=None):
        for parameter in self.param_groups[0]["params"]:
            parameter.grad /= parameter.grad.norm() + 1
        return super().step(closure)


class Noisy(torch.optim.SGD):
    """Adds noise to the gradient."""

    def step(self, closure=None):
        for parameter in self.param_groups[0]["params"]:
            parameter.grad += torch.randn_like(parameter.grad)
        return super().step(closure)


class Branches(torch.optim.SGD):
    """Does one thing or another; that can go in two passes."""

    def step(self, closure=None):
        for parameter in self.param_groups[0]["params"]:
            if self.param_groups[0]["lr"] > 0.2:
                parameter.grad.mul_(0.5)
        return super().step(closure)


@pytest.mark.parametrize(
    ("made", "batched"), [(Converts, False), (Roots, False), (Couples, False), (Noisy, False), (Branches, True)]
)
def test_unruly_optimizers_give_the_numbers_of_plain_runs(registry, sweep, made, batched):
    name = made.__name__.lower()
    component = Optimizer(name, made, params=[Param("lr", 0.01, low=0.0)])
    registry.add("optimizer", component, Plugin(name, "test", ""))
    try:
        summary, table, run = sweep({"use": name}, count=9, steps=20)
        assert ("one by one" not in summary["message"]) is batched
        for row in table.itertuples():
            _, last = one_by_one(registry, run, row.setting)
            assert row.value == pytest.approx(last["value"], rel=1e-5)
    finally:
        registry._components["optimizer"].pop(name)


def test_remedies_are_run_one_by_one(registry, sweep):
    class Halve(Remedy):
        name = "halve"

        def before_step(self, parameters, clock):
            parameters[0].grad.mul_(0.5)

    registry.add("remedy", Halve, Plugin("halve", "test", ""))
    try:
        summary, table, _ = sweep({"use": "sgd"}, low=0.09, high=0.11, count=2, steps=200, remedies=["halve"])
    finally:
        registry._components["remedy"].pop("halve")
    assert "one by one" in summary["message"]
    assert table["outcome"].tolist() == ["converged", "diverged"]  # the limit has doubled


def test_stopping_a_sweep(registry, run_of):
    class Stop(MemoryRecorder):
        def asked(self):
            return "stopped"

    recorder = Stop()
    assert execute(run_of("sweep", base={"optimizer": "sgd"}), registry, recorder)["outcome"] == "stopped"
    assert recorder.table("sweep").empty


def test_verdicts_are_remembered(registry, sweep, monkeypatch):
    sweep({"use": "adagrad"})
    monkeypatch.setattr(batch, "compare", lambda *arguments: pytest.fail("compared twice"))
    sweep({"use": "adagrad"})
