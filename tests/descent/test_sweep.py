"""Sweeps against plain runs, and the limits against closed forms and simulation."""

import numpy as np
import pytest
import torch

from workbench import Optimizer, Param, Remedy
from workbench.descent import batch
from workbench.descent.limits import limit as critical_rate
from workbench.descent.simulate import execute as descend
from workbench.descent.sweep import execute, settings_of
from workbench.errors import WorkbenchError
from workbench.experiment import parse, resolve
from workbench.experiment.axes import put
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


def test_no_allowed_setting_is_an_error_that_says_so(run_of):
    with pytest.raises(WorkbenchError, match="sweep from -2 to -1: lr allows a number from 0 to 1000000"):
        run_of("sweep", base={"optimizer": "sgd"}, sweep={"low": -2.0, "high": -1.0})


def test_settings_on_a_log_scale(registry, run_of):
    run = run_of("sweep", base={"optimizer": "sgd"}, sweep={"low": 1e-4, "high": 1.0, "count": 5, "scale": "log"})
    assert settings_of(run, registry)["lr"] == pytest.approx([1e-4, 1e-3, 1e-2, 0.1, 1])


def test_memory_is_bounded_by_parts(monkeypatch, sweep):
    whole = sweep({"use": "adam"}, count=16)[1]
    monkeypatch.setattr("workbench.descent.rows.CHUNK", 5)
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
    def limit(kind="descent", **keys):
        return critical_rate(run_of(kind, **keys), registry)

    assert limit(base={"optimizer": "adam"}) is None
    assert limit(base={"optimizer": "sgd"}, task={"surface": "ripples"}) is None
    assert limit(base={"optimizer": "sgd", "schedule": "step"}) is None
    assert limit(base={"optimizer": "sgd"}, kind="sweep", sweep={"parameter": "momentum"}) is None
    assert limit(base={"optimizer": "sgd"}) == pytest.approx(0.05)


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


def test_remedies_go_along_in_one_pass(registry, sweep):
    class Halve(Remedy):
        name = "halve"

        def before_step(self, parameters, clock):
            parameters[0].grad.mul_(0.5)

    registry.add("remedy", Halve, Plugin("halve", "test", ""))
    try:
        summary, table, _ = sweep({"use": "sgd"}, low=0.09, high=0.11, count=2, steps=200, remedies=["halve"])
    finally:
        registry._components["remedy"].pop("halve")
    assert "one by one" not in summary["message"]
    assert table["outcome"].tolist() == ["converged", "diverged"]  # the limit has doubled


@pytest.mark.parametrize("most", [1.0, 1000.0])
def test_what_puts_rows_together_is_run_one_by_one_however_seldom_it_acts(registry, sweep, most):
    remedy = {"use": "clip_norm", "max_norm": most}
    summary, table, run = sweep({"use": "sgd"}, low=0.1, high=0.4, count=4, steps=30, remedies=[remedy])
    assert "one by one, because" in summary["message"]
    assert "several rows together" in summary["message"]
    for row in table.itertuples():
        assert row.value == pytest.approx(one_by_one(registry, run, row.setting)[1]["value"], rel=1e-9)


def descent_of(registry, run, **changes):
    """The plain descent of one cell."""
    task, base = run.task, run.base
    for name, value in changes.items():
        base, task = put(base, task, name.replace("__", "."), value)
    recorder = MemoryRecorder()
    plain = {"kind": "descent", "seeds": [run.seed], "task": task, "base": base}
    return descend(resolve(parse(plain), registry)[0], registry, recorder), recorder.table("path").iloc[-1]


def the_map(registry, run_of, first, second, **keys):
    recorder = MemoryRecorder()
    run = run_of("sweep", sweep=first | {"second": second}, **keys)
    return execute(run, registry, recorder), recorder.table("sweep"), run


def test_every_cell_of_a_map_equals_the_plain_run(registry, run_of):
    first = {"parameter": "lr", "low": 0.01, "high": 0.12, "count": 4}
    second = {"parameter": "momentum", "low": 0.0, "high": 0.9, "count": 3}
    summary, table, run = the_map(registry, run_of, first, second, task={"steps": 60})
    assert "one by one" not in summary["message"]
    assert table["setting"].tolist() == pytest.approx(list(np.linspace(0.01, 0.12, 4)) * 3)
    assert table["setting_2"].tolist() == pytest.approx(np.repeat([0.0, 0.45, 0.9], 4))
    for row in table.itertuples():
        alone, last = descent_of(registry, run, lr=row.setting, momentum=row.setting_2)
        assert alone["outcome"] == row.outcome
        assert (row.value, row.x, row.y) == pytest.approx(tuple(last[["value", "x", "y"]]), rel=1e-5)


def test_numbers_of_the_surface_are_axes_like_others(registry, run_of):
    first = {"parameter": "surface.condition", "low": 1.0, "high": 100.0, "count": 3, "scale": "log"}
    second = {"parameter": "surface.noise", "low": 0.0, "high": 1.0, "count": 2}
    base = {"optimizer": {"use": "rmsprop", "lr": 0.05}}
    summary, table, run = the_map(registry, run_of, first, second, task={"steps": 40}, base=base, seeds=[5])
    assert "one by one" not in summary["message"]
    for row in table.itertuples():
        alone, last = descent_of(registry, run, surface__condition=row.setting, surface__noise=row.setting_2)
        assert alone["outcome"] == row.outcome
        assert row.value == pytest.approx(last["value"], rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("optimizer", ["lbfgs", "sgd"])
def test_the_evaluations_of_the_gradient_are_those_of_the_plain_runs(registry, sweep, optimizer):
    summary, table, run = sweep({"use": optimizer}, low=0.1, high=5.0, count=3, steps=100)  # sgd overflows
    alone = [one_by_one(registry, run, setting)[0]["evaluations"] for setting in table["setting"]]
    assert summary["evaluations"] == sum(alone)
    assert len(set(alone)) > 1


@pytest.mark.parametrize(
    ("surface", "axis"),
    [
        ("rosenbrock", {"parameter": "surface.a", "low": 0.5, "high": 1.5, "count": 3}),
        ("quadratic", {"parameter": "surface.angle", "low": 0.0, "high": 90.0, "count": 3}),  # 0 takes a way of its own
    ],
)
def test_settings_that_move_the_minimum_or_part_the_ways(registry, run_of, surface, axis):
    recorder = MemoryRecorder()
    run = run_of("sweep", sweep=axis, task={"surface": surface, "steps": 50}, base={"optimizer": "rprop"})
    summary = execute(run, registry, recorder)
    assert "one by one" not in summary["message"]
    for row in recorder.table("sweep").itertuples():
        alone, last = descent_of(registry, run, **{axis["parameter"].replace(".", "__"): row.setting})
        assert alone["outcome"] == row.outcome
        assert row.value == pytest.approx(last["value"], rel=1e-5, abs=1e-12)


def test_a_setting_that_the_optimizer_refuses_fails_alone(registry, sweep):
    optimizer = {"use": "sgd", "lr": 0.01, "nesterov": True}  # torch refuses a momentum of 0 with it
    summary, table, _ = sweep(optimizer, parameter="momentum", low=0.0, high=0.9, count=4, steps=30)
    assert table["outcome"].tolist()[0] == "failed"
    assert "failed" not in table["outcome"].tolist()[1:]
    assert "1 failed: optimizer 'sgd'" in summary["message"]


def test_basins_name_the_minimum_that_a_start_leads_to(registry, run_of):
    low, high = -2.4, 2.4
    first = {"parameter": "start.x", "low": low, "high": high, "count": 3}
    second = {"parameter": "start.y", "low": low, "high": high, "count": 25}
    base = {"optimizer": {"use": "sgd", "lr": 0.002}}
    task = {"surface": "ripples", "steps": 3000}
    summary, table, _ = the_map(registry, run_of, first, second, base=base, task=task)
    assert "starts converge" in summary["message"]
    # gradient flow in y alone: 20 y + 50 cos 5y = 0 has maxima between the minima, found by bisection
    tops = [-1.0271, 0.3416, 1.7229]  # roots with negative curvature
    for top in tops:
        assert 20 * top + 50 * np.cos(5 * top) == pytest.approx(0, abs=0.05)
        assert 20 - 250 * np.sin(5 * top) < 0
    order = {0: 3, 1: 1, 2: 2, 3: 4}  # from below: -1.447 is the third lowest, -0.29 the lowest, 0.87, 2.01
    for row in table.itertuples():
        expected = order[int(np.searchsorted(tops, row.setting_2))]
        assert row.minimum == expected, (row.setting_2, row.y)
    assert (table["outcome"] == "converged").equals(table["minimum"] == 1)


def test_both_modes_of_an_optimizer_go_in_one_pass(registry, run_of):
    if "schedule_free_sgd" not in registry.names("optimizer"):
        pytest.skip("no optimizer with two modes is there")
    first = {"parameter": "lr", "low": 0.01, "high": 0.04, "count": 3}
    recorder = MemoryRecorder()
    run = run_of("sweep", sweep=first, task={"steps": 40}, base={"optimizer": "schedule_free_sgd"})
    summary = execute(run, registry, recorder)
    assert "one by one" not in summary["message"]
    for row in recorder.table("sweep").itertuples():
        alone, last = descent_of(registry, run, lr=row.setting)
        assert alone["outcome"] == row.outcome
        assert row.value == pytest.approx(last["value"], rel=1e-5)


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
