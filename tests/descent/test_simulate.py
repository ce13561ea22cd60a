"""Paths against hand-written torch.optim loops and closed forms."""

import math

import numpy as np
import pytest
import torch

from workbench import Optimizer, Remedy, Surface
from workbench.descent.limits import limit
from workbench.descent.simulate import execute
from workbench.errors import WorkbenchError
from workbench.records import MemoryRecorder
from workbench.registry import Plugin

FUNCTIONS = {
    "quadratic": lambda x, y: 20 * x**2 + 2 * y**2,
    "ripples": lambda x, y: 2 * x**2 + 10 * y**2 + 10 * torch.sin(5 * y),
}
LOOPS = {
    "sgd": ({"lr": 0.004}, lambda p: torch.optim.SGD(p, lr=0.004)),
    "sgd momentum": (
        {"lr": 0.004, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.1},
        lambda p: torch.optim.SGD(p, lr=0.004, momentum=0.9, dampening=0.1, weight_decay=0.1),
    ),
    "sgd nesterov": (
        {"lr": 0.004, "momentum": 0.9, "nesterov": True},
        lambda p: torch.optim.SGD(p, lr=0.004, momentum=0.9, nesterov=True),
    ),
    "adagrad": (
        {"lr": 0.5, "lr_decay": 0.01, "initial_accumulator_value": 0.1},
        lambda p: torch.optim.Adagrad(p, lr=0.5, lr_decay=0.01, initial_accumulator_value=0.1),
    ),
    "rmsprop": (
        {"lr": 0.02, "momentum": 0.5, "centered": True},
        lambda p: torch.optim.RMSprop(p, lr=0.02, momentum=0.5, centered=True),
    ),
    "adadelta": ({"rho": 0.8, "eps": 1e-3}, lambda p: torch.optim.Adadelta(p, rho=0.8, eps=1e-3)),
    "adam": (
        {"lr": 0.1, "beta1": 0.8, "beta2": 0.99, "weight_decay": 0.1},
        lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.8, 0.99), weight_decay=0.1),
    ),
    "adam amsgrad": ({"lr": 0.1, "amsgrad": True}, lambda p: torch.optim.Adam(p, lr=0.1, amsgrad=True)),
    "adamw": ({"lr": 0.1, "weight_decay": 0.2}, lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.2)),
}
SCHEDULES = {
    "constant": ({"use": "constant"}, lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda t: 1.0)),
    "step": ({"use": "step", "every": 20, "factor": 0.5}, lambda o: torch.optim.lr_scheduler.StepLR(o, 20, 0.5)),
    "exponential": (
        {"use": "exponential", "factor": 0.97},
        lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.97),
    ),
}


@pytest.mark.parametrize("surface", FUNCTIONS)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loop", LOOPS)
def test_path_equals_a_plain_loop(descend, loop, schedule, surface):
    settings, make = LOOPS[loop]
    reference, make_scheduler = SCHEDULES[schedule]
    _, path = descend({"use": loop.split()[0], **settings}, 60, schedule=reference, task={"surface": surface})

    at = torch.tensor(path.loc[0, ["x", "y"]].to_numpy(dtype=float), requires_grad=True)
    optimizer = make([at])
    scheduler = make_scheduler(optimizer)
    rows = []
    for step in range(61):
        value = FUNCTIONS[surface](*at)
        rows.append((step, *at.tolist(), value.item()))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(path[["step", "x", "y", "value"]].to_numpy(), rows, rtol=1e-6, atol=1e-9)


def test_rates_are_recorded_and_the_start_has_none(descend):
    _, path = descend({"use": "sgd", "lr": 0.01}, 4, schedule={"use": "step", "every": 2, "factor": 0.5})
    assert path["lr"].tolist()[1:] == pytest.approx([0.01, 0.01, 0.005, 0.005])
    assert math.isnan(path["lr"][0])


@pytest.mark.parametrize(
    ("optimizer", "word"),
    [
        ({"use": "sgd", "lr": 0.049}, "converged"),
        ({"use": "sgd", "lr": 0.05}, "oscillating"),
        ({"use": "sgd", "lr": 0.051}, "diverged"),
        ({"use": "sgd", "lr": 0.094, "momentum": 0.9}, "converged"),
        ({"use": "sgd", "lr": 0.096, "momentum": 0.9}, "diverged"),
        ({"use": "sgd", "lr": 1e-7}, "stuck"),
        ({"use": "sgd", "lr": 1e-3}, "slow"),
    ],
)
def test_words_on_both_sides_of_the_limit(descend, optimizer, word):
    summary, _ = descend(optimizer, 400 if "momentum" in optimizer else 200)
    assert summary["outcome"] == word, summary["message"]


def test_best_fixed_rate_contracts_as_theory_says(descend):
    _, path = descend({"use": "sgd", "lr": 2 / 44}, 40)
    length = np.hypot(path["x"], path["y"])
    assert length[40] / length[0] == pytest.approx((9 / 11) ** 40, rel=1e-9)


def test_two_rates_hit_the_minimum_in_two_steps(descend):
    _, path = descend({"use": "sgd", "lr": 1 / 40}, 2, schedule={"use": "exponential", "factor": 10 / 10})
    assert path["x"][1] == pytest.approx(0, abs=1e-15)
    _, back = descend({"use": "sgd", "lr": 1 / 4}, 1, task={"start": path.loc[1, ["x", "y"]].tolist()})
    assert back["value"][1] == pytest.approx(0, abs=1e-25)


def test_overflow_ends_the_run_with_its_row(descend):
    summary, path = descend({"use": "sgd", "lr": 10.0}, 1000)
    assert summary["outcome"] == "diverged"
    assert not math.isfinite(path["value"].iloc[-1])
    assert np.isfinite(path["value"].iloc[:-1]).all()
    assert f"not finite at step {path['step'].iloc[-1]}" in summary["message"]
    assert not math.isfinite(summary["value"])


def test_local_minimum_is_stuck_and_named(descend):
    task = {"surface": "ripples", "start": [0.0, 0.9]}
    summary, path = descend({"use": "sgd", "lr": 0.003}, task=task)
    assert summary["outcome"] == "stuck"
    assert "local minimum (0, 0.871)" in summary["message"]
    assert path["value"].iloc[-1] == pytest.approx(-1.781734, abs=1e-6)


def test_too_fast_a_decay_is_stuck(descend):
    summary, _ = descend({"use": "sgd", "lr": 0.03}, schedule={"use": "exponential", "factor": 0.7})
    assert summary["outcome"] == "stuck"


def test_equal_runs_give_identical_bits(descend):
    paths = [descend({"use": "adam", "lr": 0.3})[1] for _ in range(2)]
    assert paths[0].equals(paths[1])


@pytest.fixture
def added(registry):
    """Register components for one test."""
    names = []

    def add(kind, component):
        registry.add(kind, component, Plugin("trial", "test", ""))
        names.append((kind, component.name))

    yield add
    for kind, name in names:
        registry._components[kind].pop(name, None)
        registry._owners.pop((kind, name), None)


class Late(torch.optim.SGD):
    """Fails at step 10."""

    calls = 0

    def step(self, closure=None):
        self.calls += 1
        if self.calls == 10:
            raise RuntimeError("out of luck")
        return super().step(closure)


def test_failing_optimizer_is_named_and_its_path_is_kept(registry, run_of, added):
    added("optimizer", Optimizer("late", lambda p: Late(p, lr=0.01)))
    recorder = MemoryRecorder()
    with pytest.raises(WorkbenchError, match="optimizer 'late' of plugin 'trial' failed: RuntimeError: out of luck"):
        execute(run_of(base={"optimizer": "late"}), registry, recorder)
    assert recorder.table("path")["step"].tolist() == list(range(10))  # it was at step 9 when it failed


def test_optimizers_that_need_their_closure(registry, run_of, added):
    added("optimizer", Optimizer("searching", lambda p: torch.optim.LBFGS(p, line_search_fn="strong_wolfe")))
    recorder = MemoryRecorder()
    summary = execute(run_of(task={"steps": 3}, base={"optimizer": "searching"}), registry, recorder)
    assert summary["outcome"] == "converged"

    at = torch.tensor([-1.5, 1.7], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([at], line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = FUNCTIONS["quadratic"](*at)
        value.backward()
        return value

    for _ in range(3):
        optimizer.step(closure)
    assert recorder.table("path").loc[3, ["x", "y"]].tolist() == pytest.approx(at.tolist(), rel=1e-9)


class NoClosure(torch.optim.Optimizer):
    """The simplest that people write."""

    def __init__(self, params):
        super().__init__(params, {"rate": 0.01})

    def step(self):
        with torch.no_grad():
            for parameter in self.param_groups[0]["params"]:
                parameter -= 0.01 * parameter.grad


def test_optimizers_without_closure_or_rate(registry, run_of, added, descend):
    added("optimizer", Optimizer("bare", NoClosure))
    recorder = MemoryRecorder()
    execute(run_of(base={"optimizer": "bare"}), registry, recorder)
    path = recorder.table("path")
    assert path["lr"].isna().all()
    np.testing.assert_allclose(path["value"], descend({"use": "sgd", "lr": 0.01})[1]["value"], rtol=1e-12)


def test_remedies_act_in_their_order(registry, run_of, added):
    seen = []

    class Witness(Remedy):
        name = "witness"

        def wrap_optimizer(self, optimizer):
            seen.append("wrap_optimizer")
            return optimizer

        def edit_schedule(self, factor):
            seen.append("edit_schedule")
            return lambda clock: factor(clock) * 0.5

        def before_step(self, parameters, clock):
            seen.append("before_step")
            parameters[0].grad.clamp_(-1, 1)

        def after_step(self, parameters, clock):
            seen.append("after_step")
            parameters[0].round_(decimals=2)

    added("remedy", Witness)
    recorder = MemoryRecorder()
    run = run_of(task={"steps": 1}, base={"optimizer": {"use": "sgd", "lr": 0.123}, "remedies": ["witness"]})
    execute(run, registry, recorder)
    assert seen == ["wrap_optimizer", "edit_schedule", "before_step", "after_step"]
    path = recorder.table("path")
    assert path.loc[1, ["x", "y"]].tolist() == pytest.approx([-1.44, 1.64])  # -1.5 + .0615, 1.7 - .0615, rounded
    assert path["lr"][1] == pytest.approx(0.0615)


def test_a_start_without_a_finite_value_is_a_result(descend, added):
    added("surface", Surface("hole", lambda x, y: x.log() ** 2 + y**2, start=(-1, 1), minima=[(1, 0)]))
    summary, path = descend({"use": "sgd", "lr": 0.01}, task={"surface": "hole"})
    assert (summary["outcome"], summary["steps"]) == ("diverged", 0)
    assert len(path) == 1


@pytest.mark.parametrize("method", ["wrap_optimizer", "edit_schedule"])
def test_a_remedy_that_returns_nothing_is_named(registry, run_of, added, method):
    added("remedy", type("Shy", (Remedy,), {"name": "shy", "params": (), method: lambda self, given: None}))
    with pytest.raises(WorkbenchError, match=f"remedy 'shy' of plugin 'trial' failed: .*{method} returned None"):
        execute(run_of(base={"remedies": ["shy"]}), registry, MemoryRecorder())


def test_a_remedy_that_breaks_the_schedule_is_named_and_not_the_schedule(registry, run_of, added):
    added("remedy", type("Wordy", (Remedy,), {"name": "wordy", "edit_schedule": lambda self, f: lambda clock: "fast"}))
    with pytest.raises(WorkbenchError, match=r"remedy 'wordy' of plugin 'trial' failed: .*'fast'"):
        execute(run_of(base={"remedies": ["wordy"]}), registry, MemoryRecorder())


def test_a_limit_that_a_plugin_fails_to_give_is_none(registry, run_of, added):
    added("optimizer", Optimizer("boundless", torch.optim.SGD, critical_rate=lambda curvature: 1 / 0))
    assert limit(run_of(base={"optimizer": "boundless"}), registry) is None


def test_stopping_leaves_a_path(registry, run_of):
    class Impatient(MemoryRecorder):
        done = 0

        def progress(self, done, total):
            self.done = done

        def asked(self):
            return "stopped" if self.done >= 5 else ""

    recorder = Impatient()
    summary = execute(run_of(base={"optimizer": {"use": "sgd", "lr": 0.01}}), registry, recorder)
    assert (summary["outcome"], summary["steps"]) == ("stopped", 5)
    assert recorder.table("path")["step"].tolist() == [0, 1, 2, 3, 4, 5]


def states(recorder, name):
    table = recorder.table("state")
    return table[table["name"] == name][["x", "y"]].to_numpy()


def test_what_the_optimizer_keeps_is_recorded_at_every_step(registry, run_of):
    recorder = MemoryRecorder()
    task = {"steps": 12, "start": [-1.5, 1.7]}
    summary = execute(run_of(task=task, base={"optimizer": {"use": "adam", "lr": 0.1}}), registry, recorder)
    path = recorder.table("path")[["x", "y"]].to_numpy()
    gradient = path[:-1] * [40, 4]
    np.testing.assert_allclose(states(recorder, "gradient"), gradient, rtol=1e-12)
    np.testing.assert_allclose(states(recorder, "move"), np.diff(path, axis=0), rtol=1e-9, atol=1e-15)
    mean, square = np.zeros(2), np.zeros(2)
    for index, slope in enumerate(gradient):
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope**2
        np.testing.assert_allclose(states(recorder, "exp_avg")[index], mean, rtol=1e-9)
        np.testing.assert_allclose(states(recorder, "exp_avg_sq")[index], square, rtol=1e-9)
    assert states(recorder, "step")[:, 0].tolist() == list(range(1, 13))  # Adam's own count
    assert (summary["evaluations"], summary["state_bytes"]) == (12, 2 * 16 + 4)  # two pairs of doubles, one count


def test_noise_is_the_same_for_every_variant_of_a_seed(registry, run_of):
    def gradients(optimizer, seed):
        recorder = MemoryRecorder()
        task = {"steps": 5, "start": [0.0, 0.0], "surface": {"use": "quadratic", "noise": 2.0}}
        execute(run_of(seeds=[seed], task=task, base={"optimizer": optimizer}), registry, recorder)
        path = recorder.table("path")[["x", "y"]].to_numpy()[:-1]
        return states(recorder, "gradient") - path * [40, 4]

    noise = gradients({"use": "sgd", "lr": 1e-3}, 1)
    np.testing.assert_allclose(noise, gradients({"use": "adam", "lr": 1e-3}, 1), atol=1e-12)
    assert not np.allclose(noise, gradients({"use": "sgd", "lr": 1e-3}, 2))


def test_noise_has_the_deviation_that_is_asked_for():
    from workbench.descent.simulate import noise_of

    noise = noise_of(20_000, 3).numpy()
    assert noise.mean(axis=0) == pytest.approx([0, 0], abs=4 / math.sqrt(20_000))
    assert noise.std(axis=0) == pytest.approx([1, 1], abs=4 / math.sqrt(40_000))


def test_a_random_start_is_drawn_from_the_domain_for_each_seed(registry, run_of):
    starts = set()
    for seed in range(20):
        recorder = MemoryRecorder()
        surface = {"use": "quadratic", "x": [-1, 0], "y": [1, 2]}
        run = run_of(seeds=[seed], task={"steps": 1, "start": "random", "surface": surface})
        execute(run, registry, recorder)
        x, y = recorder.table("path").loc[0, ["x", "y"]]
        assert -1 <= x <= 0
        assert 1 <= y <= 2
        starts.add((x, y))
    assert len(starts) == 20


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"start": [5, 0]}, r"start = \[5, 0\] lies outside .* allowed: x from -2 to 2, or draw more"),
        ({"steps": 1_000_000}, r"task.steps = 1000000: not allowed; allowed: a whole number from 1 to 100000"),
        ({"surface": {"use": "quadratic", "x": [1, 1]}}, "allowed: two numbers, the lower first"),
    ],
)
def test_absurd_tasks_are_refused(run_of, task, message):
    with pytest.raises(WorkbenchError, match=message):
        run_of(task=task)


@pytest.mark.parametrize("rate", [-0.1, 1e300])
def test_absurd_rates_are_refused(run_of, rate):
    with pytest.raises(WorkbenchError, match=r"optimizer.lr: .* allowed: a number from 0 to 1000000"):
        run_of(base={"optimizer": {"use": "sgd", "lr": rate}})


def test_a_rate_of_zero_is_stuck(descend):
    assert descend({"use": "sgd", "lr": 0})[0]["outcome"] == "stuck"
