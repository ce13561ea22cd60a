"""Optimizers and remedies as strangers write them: one pass has to give what single runs give, or not be used."""

import math

import numpy as np
import pytest
import torch

from workbench import Optimizer, Param, Remedy, Schedule
from workbench.descent.simulate import execute as descend
from workbench.descent.sweep import execute
from workbench.descent.tune import draw
from workbench.experiment import parse, resolve
from workbench.experiment.axes import put
from workbench.records import MemoryRecorder
from workbench.registry import Plugin

RATE = Param("lr", 0.01, low=0.0, search=(1e-4, 1.0))


class Plain(torch.optim.Optimizer):
    """Gradient descent with a place for tricks."""

    def __init__(self, params, lr, **settings):
        super().__init__(params, {"lr": lr, **settings})
        self.count = 0

    @torch.no_grad()
    def step(self, closure=None):
        self.count += 1
        for group in self.param_groups:
            for p in group["params"]:
                self.move(p, p.grad, group)

    def move(self, p, g, group):
        p.sub_(g * group["lr"])


class LateNorm(Plain):
    def move(self, p, g, group):
        super().move(p, g, group)
        if self.count % 50 == 0:
            p.mul_(1 / (1 + p.norm()))


class SeesLikeness(Plain):
    def move(self, p, g, group):
        if not torch.allclose(g, torch.full_like(g, 3.0), atol=1e-3):
            super().move(p, g, group)


class ReadsNumpy(Plain):
    def move(self, p, g, group):
        super().move(p, g / 2 if np.abs(g.numpy()).max() > 20 else g, group)


class RarelyRandom(Plain):
    def move(self, p, g, group):
        super().move(p, g + torch.randn_like(p) * (g.abs() > 100), group)


class MixesLarge(Plain):
    def move(self, p, g, group):
        super().move(p, torch.where(g.abs() > 10, g * torch.sigmoid(g - g.flip(-1)), g), group)


class Masks(Plain):
    def move(self, p, g, group):
        super().move(p, torch.where(group["lr"] < g.abs(), g, g / 2), group)


class Divides(Plain):
    def move(self, p, g, group):
        super().move(p, g * min(1.0, 1.0 / group["lr"]) if type(group["lr"]) is float else g, group)


class Halves(Plain):
    """Changes its own rate, as some do when they switch to another method."""

    def move(self, p, g, group):
        super().move(p, g, group)
        group["lr"] = group["lr"] / 2


@pytest.fixture
def added(registry):
    names = []

    def add(kind, component):
        registry.add(kind, component, Plugin("stranger", "test", ""))
        names.append((kind, component.name))
        return component.name

    yield add
    for kind, name in names:
        registry._components[kind].pop(name, None)
        registry._owners.pop((kind, name), None)


@pytest.fixture
def compared(registry, run_of):
    """Sweep, and compare every row with the descent alone; returns what the summary says."""

    def go(base, sweep, **task):
        recorder = MemoryRecorder()
        run = run_of("sweep", base=base, sweep=sweep, task={"steps": 70} | task)
        summary = execute(run, registry, recorder)
        for row in recorder.table("sweep").itertuples():
            own, its_task = put(run.base, run.task, row.parameter, row.setting)
            alone = MemoryRecorder()
            plain = {"kind": "descent", "seeds": [run.seed], "task": its_task, "base": own}
            if row.outcome == "failed":
                continue
            found = descend(resolve(parse(plain), registry)[0], registry, alone)
            last = alone.table("path").iloc[-1]
            assert found["outcome"] == row.outcome, row.setting
            for ours, theirs in ((row.value, last["value"]), (row.x, last["x"]), (row.y, last["y"])):
                assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-12, nan_ok=True), row.setting
        return summary["message"]

    return go


@pytest.mark.parametrize("count", [2, 5, 9])
@pytest.mark.parametrize(
    ("made", "one_pass"),
    [
        (Plain, True),
        (Masks, True),
        (Halves, True),
        (LateNorm, False),
        (SeesLikeness, False),
        (ReadsNumpy, False),
        (RarelyRandom, False),
        (MixesLarge, False),
    ],
)
def test_one_pass_is_right_or_not_used(added, compared, made, one_pass, count):
    name = added("optimizer", Optimizer(made.__name__.lower(), made, params=[RATE]))
    message = compared({"optimizer": name}, {"low": 0.001, "high": 0.04, "count": count})
    assert ("one by one" not in message) is one_pass, message


def test_a_setting_that_fails_alone_fails_alone(added, compared):
    name = added("optimizer", Optimizer("divides", Divides, params=[RATE]))
    message = compared({"optimizer": name}, {"low": 0.0, "high": 0.04, "count": 5})
    assert "1 failed: optimizer 'divides'" in message


def test_a_number_of_a_remedy_goes_in_one_pass(added, compared):
    class Bound(Remedy):
        name = "bound"
        params = [Param("most", 1.0, low=0.0, help="largest size of a coordinate")]

        def before_step(self, parameters, clock):
            for parameter in parameters:
                parameter.grad.copy_(
                    torch.where(parameter.grad.abs() > self.most, parameter.grad * 0.1, parameter.grad)
                )

    added("remedy", Bound)
    base = {"optimizer": {"use": "sgd", "lr": 0.02}, "remedies": ["bound"]}
    message = compared(base, {"parameter": "bound.most", "low": 0.5, "high": 20.0, "count": 5})
    assert "one by one" not in message


def test_a_number_of_a_schedule_goes_in_one_pass(compared):
    base = {"optimizer": {"use": "sgd", "lr": 0.04}, "schedule": "exponential"}
    message = compared(base, {"parameter": "schedule.factor", "low": 0.9, "high": 1.0, "count": 5})
    assert "one by one" not in message


def test_noise_is_an_axis_whose_minimum_is_looked_for_once(compared, monkeypatch):
    from workbench.descent.surface import Landscape

    searches = []
    search = Landscape._search
    monkeypatch.setattr(Landscape, "_search", lambda self: searches.append(1) or search(self))
    surface = {"use": "formula", "expression": "20*x**2 + 2*y**2"}
    base = {"optimizer": {"use": "sgd", "lr": 0.02}}
    compared(base, {"parameter": "surface.noise", "low": 0.0, "high": 2.0, "count": 5}, surface=surface)
    assert len(searches) <= 1 + 5  # the sweep's, and one for each descent alone


def test_a_rate_that_the_optimizer_changes_stays_changed(registry, run_of, added):
    name = added("optimizer", Optimizer("halves", Halves, params=[RATE]))
    recorder = MemoryRecorder()
    base = {"optimizer": {"use": name, "lr": 0.08}, "schedule": {"use": "step", "every": 2, "factor": 0.5}}
    descend(run_of(task={"steps": 5}, base=base), registry, recorder)
    assert recorder.table("path")["lr"].tolist()[1:] == pytest.approx([0.08, 0.04, 0.01, 0.005, 0.00125])


class AsksTwice(torch.optim.Optimizer):
    """Asks for the loss here, there, and there again."""

    def __init__(self, params, lr, seen):
        super().__init__(params, {"lr": lr})
        self.seen = seen

    def step(self, closure):
        self.zero_grad()  # as many do before they ask
        [p] = self.param_groups[0]["params"]
        self.seen.append(float(closure()))
        with torch.no_grad():
            p.sub_(p.grad * self.param_groups[0]["lr"])
        self.seen += [float(closure()), float(closure())]


def test_a_closure_gives_the_loss_of_the_place_where_it_is_asked(registry, run_of, added):
    seen = []
    added("optimizer", Optimizer("asks_twice", lambda p, lr: AsksTwice(p, lr, seen), params=[RATE]))
    recorder = MemoryRecorder()
    run = run_of(task={"steps": 1, "start": [1.0, 1.0]}, base={"optimizer": "asks_twice"})
    summary = descend(run, registry, recorder)
    there = 20 * 0.6**2 + 2 * 0.96**2
    assert seen == pytest.approx([22.0, there, there])
    assert recorder.table("path")["x"].tolist() == pytest.approx([1.0, 0.6])
    assert summary["evaluations"] == 3  # a look, the one that it threw away, and one there


def test_long_lists_of_state_are_left_out_of_the_records(registry, run_of):
    recorder = MemoryRecorder()
    surface = {"use": "rosenbrock", "noise": 0.5}
    base = {"optimizer": {"use": "lbfgs", "lr": 0.01}}
    summary = descend(run_of(task={"steps": 60, "surface": surface}, base=base), registry, recorder)
    counts = recorder.table("state").groupby("step")["name"].count()
    assert counts.max() < 50
    assert summary["state_bytes"] > 100 * 16, "they take memory all the same"


def obey(value):
    if 0.35 < value < 0.65:
        raise ValueError(f"{value} lies in the middle")


def test_a_rule_is_obeyed_by_sweeps_and_tunings(registry, run_of, added):
    mix = Param("mix", 0.1, low=0.0, high=1.0, search=(0.0, 1.0), rule=obey)
    added("optimizer", Optimizer("ruled", lambda p, lr, mix: Plain(p, lr), params=[RATE, mix]))
    recorder = MemoryRecorder()
    sweep = {"parameter": "mix", "low": 0.0, "high": 1.0, "count": 11}
    summary = execute(run_of("sweep", base={"optimizer": "ruled"}, sweep=sweep), registry, recorder)
    assert recorder.table("sweep")["setting"].tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.7, 0.8, 0.9, 1.0])
    assert "3 outside the allowed range left out" in summary["message"]
    drawn = draw(mix, 200, np.random.default_rng(0))
    assert len(drawn) == 200
    assert not ((drawn > 0.35) & (drawn < 0.65)).any()


@pytest.mark.parametrize("name", ["zoo_asgd", "zoo_swats"])
def test_zoo_optimizers_that_choose_their_rate_give_the_numbers_they_give_alone(registry, run_of, name):
    if name not in registry.names("optimizer"):
        pytest.skip("pytorch_optimizer is not installed")
    recorder = MemoryRecorder()
    base = {"optimizer": {"use": name, "lr": 0.01}}
    descend(run_of(task={"steps": 40, "start": [-1.5, 1.7]}, base=base), registry, recorder)
    at = torch.tensor([-1.5, 1.7], dtype=torch.float64, requires_grad=True)
    settings = registry.settings("optimizer", name, {"lr": 0.01})
    alone = registry.make("optimizer", {"use": name} | settings, [at])
    for _ in range(40):
        alone.zero_grad()
        (20 * at[0] ** 2 + 2 * at[1] ** 2).backward()
        alone.step()
    assert recorder.table("path").loc[40, ["x", "y"]].tolist() == pytest.approx(at.tolist(), rel=1e-9)


def test_a_schedule_that_ends_at_zero_and_begins_again_keeps_the_rate(registry, run_of, added):
    added("schedule", Schedule("breath", lambda clock: float(clock.step % 2)))
    recorder = MemoryRecorder()
    base = {"optimizer": {"use": "sgd", "lr": 0.01}, "schedule": "breath"}
    descend(run_of(task={"steps": 4}, base=base), registry, recorder)
    assert recorder.table("path")["lr"].tolist()[1:] == [0.0, 0.01, 0.0, 0.01]
    assert math.isfinite(recorder.table("path")["value"].iloc[-1])
