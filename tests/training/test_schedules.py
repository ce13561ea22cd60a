"""Schedules, each against torch's scheduler of the same kind, and in real trainings."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler as torch_schedulers

from workbench import Clock, registry
from workbench.descent import simulate, sweep
from workbench.errors import WorkbenchError
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder

BATCHES = 7
known = registry.current()


def clock(step: int, batches: int, epochs: int, losses: tuple[float, ...] = ()) -> Clock:
    """As a training makes it."""
    return Clock(step, epochs * batches, step / batches, epochs, losses)


def factor(name: str, now: Clock, **given: Any) -> float:
    return known.make("schedule", {"use": name} | known.settings("schedule", name, given), now)


def epochs_of(name: str, epochs: int, **given: Any) -> list[float]:
    """The factor at the beginning of every epoch."""
    return [factor(name, clock(epoch * BATCHES, BATCHES, epochs), **given) for epoch in range(epochs)]


def torch_rates(make: Callable[[torch.optim.Optimizer], Any], count: int, losses: list[float] | None = None):
    """The rates that torch's scheduler gives an optimizer of rate 1, one for each of ``count`` calls of its step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for index in range(count):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step(*(() if losses is None else (losses[index],)))
    return rates


EPOCHS = st.integers(1, 60)
SHARE = st.floats(0.0, 1.0)


@given(EPOCHS, st.floats(0.01, 1.0), st.floats(0.0, 1.0))
@settings(deadline=None)
def test_linear_over_the_whole_run(epochs, start, end):
    expected = torch_rates(lambda o: torch_schedulers.LinearLR(o, start, end, epochs), epochs)
    assert epochs_of("linear", epochs, start_factor=start, end_factor=end) == pytest.approx(expected, abs=1e-9)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.01, 1.0), st.floats(0.0, 1.0))
@settings(deadline=None)
def test_linear_over_a_part_of_the_run(length, rest, start, end):
    epochs = length + rest
    found = epochs_of("linear", epochs, start_factor=start, end_factor=end, share=length / epochs)
    expected = torch_rates(lambda o: torch_schedulers.LinearLR(o, start, end, length), epochs)
    assert found == pytest.approx(expected, abs=1e-9)


@given(EPOCHS, SHARE)
@settings(deadline=None)
def test_cosine(epochs, end):
    expected = torch_rates(lambda o: torch_schedulers.CosineAnnealingLR(o, epochs, eta_min=end), epochs)
    assert epochs_of("cosine", epochs, end_factor=end) == pytest.approx(expected, abs=1e-9)


@given(EPOCHS, st.integers(1, 12), st.integers(1, 4), SHARE)
@settings(deadline=None)
def test_warm_restarts(epochs, first, mult, end):
    def scheduler(o):
        return torch_schedulers.CosineAnnealingWarmRestarts(o, first, mult, eta_min=end)

    found = epochs_of("warm_restarts", epochs, first=first, mult=mult, end_factor=end)
    assert found == pytest.approx(torch_rates(scheduler, epochs), abs=1e-9)


@given(EPOCHS, st.floats(0.0, 5.0))
@settings(deadline=None)
def test_polynomial(epochs, power):
    expected = torch_rates(lambda o: torch_schedulers.PolynomialLR(o, epochs, power), epochs)
    assert epochs_of("polynomial", epochs, power=power) == pytest.approx(expected, abs=1e-9)


@given(EPOCHS, st.sets(st.integers(1, 50), min_size=1, max_size=6), SHARE)
@settings(deadline=None)
def test_multi_step(epochs, milestones, by):
    text = ", ".join(map(str, sorted(milestones)))
    expected = torch_rates(lambda o: torch_schedulers.MultiStepLR(o, sorted(milestones), by), epochs)
    assert epochs_of("multi_step", epochs, milestones=text, factor=by) == pytest.approx(expected, abs=1e-12)


@given(EPOCHS, st.integers(1, 20), SHARE)
@settings(deadline=None)
def test_step_and_exponential(epochs, every, by):
    expected = torch_rates(lambda o: torch_schedulers.StepLR(o, every, by), epochs)
    assert epochs_of("step", epochs, every=every, factor=by) == pytest.approx(expected, abs=1e-12)
    expected = torch_rates(lambda o: torch_schedulers.ExponentialLR(o, by), epochs)
    assert epochs_of("exponential", epochs, factor=by) == pytest.approx(expected, abs=1e-12)


@given(
    st.integers(2, 80), st.integers(1, 8), st.floats(0.0, 0.5), st.floats(1.0, 100.0), st.floats(1.0, 1e5),
    st.sampled_from(["cos", "linear"]), st.booleans(),
)  # fmt: skip
@settings(deadline=None)
def test_one_cycle_step_by_step(steps, batches, start, div, final, anneal, three):
    chosen = {"pct_start": start, "div_factor": div, "final_div_factor": final, "anneal_strategy": anneal}
    chosen["three_phase"] = three

    def scheduler(o):
        return torch_schedulers.OneCycleLR(o, 1.0, total_steps=steps, cycle_momentum=False, **chosen)

    try:
        expected = torch_rates(scheduler, steps)
    except ZeroDivisionError:  # torch's phases of no length
        return
    found = [factor("one_cycle", Clock(n, steps, n / batches, steps / batches), **chosen) for n in range(steps)]
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("three", [False, True])
def test_one_cycle_where_torch_divides_by_zero(three):
    found = [factor("one_cycle", Clock(n, 10, n, 10), pct_start=0.1, three_phase=three) for n in range(10)]
    assert found[0] == 1, "the rise takes one step, so that step is the top"
    assert found[-1] == pytest.approx(1 / 25 / 1e4)


@given(
    st.lists(st.sampled_from([0.5, 0.9, 0.99, 0.99995, 1.0, 1.001, 1.5]), min_size=1, max_size=40),
    st.floats(0.0, 0.99), st.integers(0, 4), st.floats(0.0, 0.5), st.sampled_from(["rel", "abs"]),
    st.integers(0, 3), SHARE,
)  # fmt: skip
@settings(deadline=None)
def test_plateau(changes, by, patience, threshold, mode, cooldown, least):
    losses = [2.3 * math.prod(changes[: index + 1]) for index in range(len(changes))]
    chosen = {"factor": by, "patience": patience, "threshold": threshold, "threshold_mode": mode, "cooldown": cooldown}

    def scheduler(o):
        return torch_schedulers.ReduceLROnPlateau(o, min_lr=least, eps=0.0, **chosen)

    expected = torch_rates(scheduler, len(losses), losses)
    found = [
        factor(
            "plateau", clock(epoch * BATCHES, BATCHES, len(losses), tuple(losses[:epoch])), **chosen, min_factor=least
        )
        for epoch in range(len(losses))
    ]
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning")  # some versions of torch complain of their own SequentialLR
@pytest.mark.parametrize(("warmup", "decay"), [(0.05, 0.2), (0.1, 0.5), (0.25, 0.25), (0.5, 0.5)])
def test_wsd_in_straight_lines_is_three_of_torch_schedulers_in_a_row(warmup, decay):
    steps, end = 200, 0.1
    ramp, fall = round(warmup * steps), round(decay * steps)

    def scheduler(o):
        parts = [
            torch_schedulers.LinearLR(o, 1 / ramp, 1.0, ramp - 1),  # the first step takes one part, the last the whole
            torch_schedulers.ConstantLR(o, 1.0, 1),
            torch_schedulers.LinearLR(o, 1.0, end, fall),
        ]
        return torch_schedulers.SequentialLR(o, parts, [ramp, steps - fall])

    found = [
        factor("wsd", Clock(n, steps, n / 10, 20), warmup=warmup, decay=decay, shape="linear", end_factor=end)
        for n in range(steps)
    ]
    assert found == pytest.approx(torch_rates(scheduler, steps), abs=1e-9)


def test_the_shapes_of_wsd():
    def last(shape: str) -> list[float]:
        """Half of the way down, and at its end."""
        return [factor("wsd", Clock(n, 100, n, 100), decay=0.2, shape=shape, end_factor=0.04) for n in (90, 100)]

    assert last("exponential") == pytest.approx([0.2, 0.04])  # half of the way is the square root
    assert last("linear") == pytest.approx([0.52, 0.04])
    assert last("sqrt") == pytest.approx([0.04 + 0.96 * (1 - math.sqrt(0.5)), 0.04])
    assert factor("wsd", Clock(0, 100, 0, 100), warmup=0.0) == 1
    uneven = [factor("wsd", Clock(n, 50, n, 50), warmup=0.05) for n in range(5)]  # a ramp of two and a half steps
    assert uneven == pytest.approx([0.4, 0.8, 1, 1, 1])


@pytest.mark.parametrize("name", ["linear", "cosine", "polynomial", "exponential"])
def test_a_smooth_decay_goes_on_within_an_epoch(name):
    found = [factor(name, clock(step, BATCHES, 3)) for step in range(3 * BATCHES)]
    assert all(late < early for early, late in pairwise(found))


@pytest.mark.parametrize("text", ["", "5;8", "8, 5", "5, 5", "0, 3", "-1, 2", "nan", "3, inf", "five"])
def test_milestones_that_are_none_are_refused(bench, text):
    with pytest.raises(WorkbenchError, match="allowed: increasing times above 0, like 10, 20"):
        bench.run({"epochs": 1}, {"schedule": {"use": "multi_step", "milestones": text}})


def test_milestones_need_not_be_whole():
    assert [factor("multi_step", clock(s, 2, 3), milestones="0.5, 2") for s in (0, 1, 3, 4)] == pytest.approx(
        [1, 0.1, 0.1, 0.01]
    )


TASK = {"dataset": "digits", "epochs": 4, "batch_size": 480}  # three batches an epoch


def rates(recorder) -> list[float]:
    curve = recorder.table("curve")
    return curve.loc[curve["split"] == "train", "lr"].tolist()


def test_a_training_on_a_plateau_drops_its_rate_as_torch_does(bench):
    """No epoch halves the best loss at this rate, so the rate drops after every epoch but the first."""
    schedule = {"use": "plateau", "patience": 0, "factor": 0.5, "threshold": 0.5}
    _, recorder = bench.train(TASK, {"optimizer": {"use": "sgd", "lr": 1e-6}, "schedule": schedule})
    assert rates(recorder) == pytest.approx([1e-6] * 6 + [5e-7] * 3 + [2.5e-7] * 3, rel=1e-9)


def test_a_training_follows_cosine_and_one_cycle(bench):
    for name, make in (
        ("cosine", lambda o: torch_schedulers.CosineAnnealingLR(o, 12)),
        ("one_cycle", lambda o: torch_schedulers.OneCycleLR(o, 1.0, 12, cycle_momentum=False)),
    ):
        _, recorder = bench.train(TASK, {"optimizer": {"use": "sgd", "lr": 0.1}, "schedule": name})
        assert rates(recorder) == pytest.approx([0.1 * rate for rate in torch_rates(make, 12)], abs=1e-9)


def test_a_schedule_that_follows_the_loss_is_refused_on_a_surface(bench):
    with pytest.raises(WorkbenchError, match="plateau"):
        bench.runs("descent", base={"schedule": "plateau"})


SWEPT = [
    (schedule.name, param)
    for schedule in known.all("schedule")
    for param in schedule.params
    if type(param.default) is float and not schedule.needs_losses
]


@pytest.mark.parametrize(("name", "param"), SWEPT, ids=[f"{name}-{param.name}" for name, param in SWEPT])
def test_a_sweep_over_a_setting_equals_plain_descents(name, param):
    """A sweep hands over many settings as one number; a schedule has to give each of them its own rates."""
    task = {"surface": "quadratic", "start": [1.0, 1.0], "steps": 30}
    base = {"optimizer": {"use": "sgd", "lr": 0.02}, "schedule": name}
    low, high = param.search or (0.1, 0.9)
    axis = {"parameter": f"schedule.{param.name}", "low": low, "high": high, "count": 5}
    recorder = MemoryRecorder()
    [run] = resolve(parse({"kind": "sweep", "task": task, "base": base, "sweep": axis}), known)
    sweep.execute(run, known, recorder)
    found = recorder.table("sweep")
    for row in found.itertuples():
        schedule = {"use": name, param.name: row.setting}
        alone = MemoryRecorder()
        [run] = resolve(parse({"kind": "descent", "task": task, "base": base | {"schedule": schedule}}), known)
        simulate.execute(run, known, alone)
        assert row.value == pytest.approx(alone.table("path")["value"].iloc[-1], rel=1e-9)
    assert found["value"].nunique() > 1
