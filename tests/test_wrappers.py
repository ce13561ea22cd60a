"""Remedies around an optimizer, SAM and lookahead by their equations and others' code, and what all promise."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from workbench import registry
from workbench.descent.simulate import execute as descend
from workbench.errors import WorkbenchError
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder
from workbench.stepping import has_modes, needs_closure
from workbench.training.loop import execute as train

known = registry.current()
STEPS = 60
SGD = ("sgd", {"lr": 0.02, "momentum": 0.9})
ADAM = ("adam", {"lr": 0.02})


def made(kind: str, name: str, *arguments: Any, **given: Any) -> Any:
    return known.make(kind, {"use": name} | known.settings(kind, name, given), *arguments)


def wrapped(name: str, inner: Any, **given: Any) -> Any:
    return made("remedy", name, **given).wrap_optimizer(inner)


def start() -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(*shape, dtype=torch.float64).requires_grad_() for shape in ((4, 3), (5,))]


class Bowl:
    """A function with curvature everywhere; remembers where it was asked, and how often."""

    def __init__(self, parameters: list[Tensor]) -> None:
        self.parameters, self.places = parameters, []

    def __call__(self) -> Tensor:
        self.places.append([p.detach().clone() for p in self.parameters])
        loss = torch.stack([((p - 1) ** 2 + 0.1 * p**4).sum() for p in self.parameters]).sum()
        for p, slope in zip(self.parameters, torch.autograd.grad(loss, self.parameters), strict=True):
            p.grad = slope
        return loss


def slope(w: Tensor) -> Tensor:
    return 2 * (w - 1) + 0.4 * w**3


def assert_close(ours: list[Tensor], theirs: list[Tensor], rtol: float) -> None:
    for p, q in zip(ours, theirs, strict=True):
        assert torch.isfinite(p).all()
        torch.testing.assert_close(p, q, rtol=rtol, atol=1e-12)


# -- SAM -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [0.05, 3.0])
def test_the_perturbation_of_sam_has_norm_rho(rho):
    parameters = start()
    bowl = Bowl(parameters)
    optimizer = wrapped("sam", made("optimizer", "sgd", parameters, lr=0.01), rho=rho)
    for _ in range(5):
        bowl.places.clear()
        optimizer.step(bowl)
        here, there = bowl.places  # two evaluations, no more
        away = torch.cat([(b - a).flatten() for a, b in zip(here, there, strict=True)])
        assert away.norm().item() == pytest.approx(rho, rel=1e-12)
        uphill = torch.cat([slope(place).flatten() for place in here])
        assert torch.dot(away, uphill).item() == pytest.approx(rho * uphill.norm().item(), rel=1e-12)


def test_the_adaptive_perturbation_has_norm_rho_in_units_of_the_weights():
    parameters = start()
    bowl = Bowl(parameters)
    wrapped("sam", made("optimizer", "sgd", parameters), rho=0.5, adaptive=True).step(bowl)
    here, there = bowl.places
    away = torch.cat([((b - a) / a).flatten() for a, b in zip(here, there, strict=True)])
    assert away.norm().item() == pytest.approx(0.5, rel=1e-12)


def test_sam_steps_with_the_gradient_from_there():
    parameters, twin = start(), [p.detach().clone() for p in start()]
    optimizer = wrapped("sam", made("optimizer", "sgd", parameters, lr=0.01), rho=0.3)
    for _ in range(STEPS):
        loss = optimizer.step(Bowl(parameters))
        assert loss.item() == pytest.approx(sum(((w - 1) ** 2 + 0.1 * w**4).sum().item() for w in twin), rel=1e-12)
        norm = math.sqrt(sum(slope(w).square().sum().item() for w in twin))
        twin = [w - 0.01 * slope(w + 0.3 * slope(w) / norm) for w in twin]
        assert_close([p.detach() for p in parameters], twin, 1e-12)


def test_sam_at_radius_zero_is_its_optimizer_to_the_last_bit():
    one, other = start(), start()
    ours, plain = wrapped("sam", made("optimizer", "adam", one), rho=0.0), made("optimizer", "adam", other)
    for _ in range(STEPS):
        ours.step(Bowl(one))
        plain.step(Bowl(other))
        assert all(map(torch.equal, one, other))


def test_sam_stays_where_the_gradient_is_zero():
    at = torch.zeros(2, requires_grad=True)

    def closure() -> Tensor:
        loss = (at**2).sum()
        [at.grad] = torch.autograd.grad(loss, [at])
        return loss

    wrapped("sam", made("optimizer", "sgd", [at])).step(closure)
    assert at.eq(0).all()


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize(("name", "given"), [SGD, ADAM], ids=["sgd", "adam"])
def test_sam_is_other_peoples_sam(name, given, adaptive):
    theirs = pytest.importorskip("pytorch_optimizer", reason="the other code to compare with is not installed")
    one, other = start(), start()
    ours = wrapped("sam", made("optimizer", name, one, **given), rho=0.3, adaptive=adaptive)
    base = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[name]
    twin = theirs.SAM(other, base, rho=0.3, adaptive=adaptive, **given)
    for _ in range(STEPS):
        ours.step(Bowl(one))
        Bowl(other)()
        twin.step(Bowl(other))
        for p, q in zip(one, other, strict=True):  # theirs takes the norm in single precision
            torch.testing.assert_close(p, q, rtol=0, atol=2e-7)


def test_sam_refuses_an_optimizer_that_evaluates_as_it_likes():
    with pytest.raises(ValueError, match="LBFGS asks for more"):
        wrapped("sam", made("optimizer", "lbfgs", start()))


# -- lookahead -------------------------------------------------------------------------------------------------------


def test_lookahead_on_a_slope_goes_the_alphath_part_of_the_way():
    at = torch.zeros(1, dtype=torch.float64).requires_grad_()
    optimizer = wrapped("lookahead", made("optimizer", "sgd", [at], lr=0.5), k=4, alpha=0.25)

    def closure() -> Tensor:
        at.grad = torch.ones(1, dtype=torch.float64)
        return at.sum()

    places = []
    for _ in range(8):
        closure()
        optimizer.step(closure)
        places.append(at.item())
    assert places == [-0.5, -1.0, -1.5, -0.5, -1.0, -1.5, -2.0, -1.0]


@pytest.mark.parametrize(("k", "alpha"), [(5, 0.5), (3, 0.8)])
@pytest.mark.parametrize(("name", "given"), [SGD, ADAM], ids=["sgd", "adam"])
def test_lookahead_is_other_peoples_lookahead(name, given, k, alpha):
    theirs = pytest.importorskip("pytorch_optimizer", reason="the other code to compare with is not installed")
    one, other = start(), start()
    ours = wrapped("lookahead", made("optimizer", name, one, **given), k=k, alpha=alpha)
    twin = theirs.Lookahead(made("optimizer", name, other, **given), k=k, alpha=alpha)
    for _ in range(STEPS):
        for optimizer, parameters in ((ours, one), (twin, other)):
            bowl = Bowl(parameters)
            bowl()
            optimizer.step(bowl)
        assert_close(one, other, 1e-9)


def test_lookahead_of_the_whole_way_is_its_optimizer():
    one, other = start(), start()
    ours = wrapped("lookahead", made("optimizer", "adam", one), alpha=1.0)
    plain = made("optimizer", "adam", other)
    for _ in range(STEPS):
        for optimizer, parameters in ((ours, one), (plain, other)):
            bowl = Bowl(parameters)
            bowl()
            optimizer.step(bowl)
        assert_close(one, other, 1e-12)


# -- what all promise ------------------------------------------------------------------------------------------------

AROUND = [name for name in known.names("optimizer") if not name.startswith("zoo_")]
WRAPS: dict[str, Callable[[Any], Any]] = {
    "sam": lambda inner: wrapped("sam", inner),
    "lookahead": lambda inner: wrapped("lookahead", inner, k=3),
    "lars": lambda inner: wrapped("lars", inner),
    "larc": lambda inner: wrapped("larc", inner),
    "lamb": lambda inner: wrapped("lamb", inner),
    "lookahead of sam": lambda inner: wrapped("lookahead", wrapped("sam", inner), k=3),
    "sam of lookahead": lambda inner: wrapped("sam", wrapped("lookahead", inner, k=3)),
}


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", AROUND)
def test_a_wrapped_optimizer_goes_on_from_its_state_bit_for_bit(name, wrap):
    if (name == "lbfgs" and wrap != "lookahead") or (known.get("optimizer", name).modes and wrap == "lamb"):
        with pytest.raises(ValueError, match="use another"):
            WRAPS[wrap](made("optimizer", name, start()))
        return

    def build(parameters: list[Tensor]) -> Any:
        optimizer = WRAPS[wrap](made("optimizer", name, parameters))
        for group in optimizer.param_groups:
            group["lr"] = min(group["lr"], 0.01)
        return optimizer

    whole, parted = ([p.detach().float().requires_grad_() for p in start()] for _ in range(2))
    one, other = build(whole), build(parted)
    assert isinstance(one, torch.optim.Optimizer)
    for index in range(8):
        if index in (4, 5):
            state = copy.deepcopy(other.state_dict())
            other = build(parted)
            other.load_state_dict(state)
        for optimizer, parameters in ((one, whole), (other, parted)):
            for group in optimizer.param_groups:
                group["lr"] *= 0.9
            bowl = Bowl(parameters)
            bowl()
            optimizer.step(bowl)
        assert all(map(torch.equal, whole, parted))
        assert all(torch.isfinite(p).all() for p in whole)


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_rate_that_is_written_into_the_groups_is_the_inner_ones(wrap):
    parameters = start()
    inner = made("optimizer", "sgd", parameters)
    optimizer = WRAPS[wrap](inner)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    bowl = Bowl(parameters)
    bowl()
    optimizer.step(bowl)
    assert inner.param_groups[0]["lr"] == 0.0
    assert all(map(torch.equal, parameters, start()))
    extra = torch.ones(2, requires_grad=True)
    optimizer.add_param_group({"params": [extra]})
    assert inner.param_groups[1]["params"][0] is extra
    optimizer.zero_grad()
    assert all(p.grad is None for p in parameters)


def test_a_wrapped_optimizer_has_the_modes_of_the_inner_one():
    for name in AROUND:
        optimizer = WRAPS["lookahead"](made("optimizer", name, start()))
        assert has_modes(optimizer) == known.get("optimizer", name).modes
        assert needs_closure(optimizer) == known.get("optimizer", name).needs_closure
    assert needs_closure(WRAPS["lookahead of sam"](made("optimizer", "sgd", start())))
    assert needs_closure(WRAPS["sam of lookahead"](made("optimizer", "sgd", start())))


class Counts(torch.optim.SGD):
    """Keeps a number in an attribute, as some do."""

    count = 0

    def step(self, closure=None):
        self.count += 1
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = p.grad * self.count
        return super().step(closure)


@pytest.mark.parametrize("wrap", WRAPS)
def test_numbers_in_attributes_go_on_too(wrap):
    parameters = start()
    inner = Counts(parameters, lr=0.1)
    inner.count = 5
    state = WRAPS[wrap](inner).state_dict()
    fresh = Counts(start(), lr=0.1)
    WRAPS[wrap](fresh).load_state_dict(state)
    assert fresh.count == 5


# -- on the bench ----------------------------------------------------------------------------------------------------


def test_sam_descends_a_surface_by_its_equation():
    base = {"optimizer": {"use": "sgd", "lr": 0.01}, "remedies": [{"use": "sam", "rho": 0.1}]}
    [run] = resolve(parse({"kind": "descent", "task": {"steps": 20, "start": [-1.5, 1.7]}, "base": base}), known)
    recorder = MemoryRecorder()
    descend(run, known, recorder)
    x, y = -1.5, 1.7
    for row in recorder.table("path").itertuples():
        assert (row.x, row.y) == pytest.approx((x, y), rel=1e-9)
        norm = math.hypot(40 * x, 4 * y)
        x, y = x - 0.01 * 40 * (x + 0.1 * 40 * x / norm), y - 0.01 * 4 * (y + 0.1 * 4 * y / norm)


@pytest.mark.parametrize("inner", ["sgd", "adam", "lbfgs", "schedule_free_sgd"])
def test_lookahead_descends_a_surface(inner):
    # a rate that converges: 2 / 40 is the limit of plain descent
    base = {"optimizer": {"use": inner, "lr": 0.02}, "remedies": ["lookahead"]}
    [run] = resolve(parse({"kind": "descent", "task": {"steps": 60}, "base": base}), known)
    recorder = MemoryRecorder()
    descend(run, known, recorder)
    values = recorder.table("path")["value"]
    assert values.iloc[-1] < values.iloc[0]


def test_sam_and_lookahead_train_a_network_together():
    task = {"dataset": "digits", "model": {"use": "mlp", "depth": 1, "width": 16}, "epochs": 10}
    base = {"optimizer": {"use": "sgd", "lr": 0.5}, "activation": "relu", "remedies": ["sam", "lookahead"]}
    [run] = resolve(parse({"kind": "training", "task": task, "base": base}), known)
    recorder = MemoryRecorder()
    summary = train(run, known, recorder)
    assert summary["outcome"] == "finished"
    assert summary["final_accuracy"] > 0.5


def test_a_network_is_trained_with_the_gradient_from_there():
    task = {"dataset": "digits", "model": {"use": "mlp", "depth": 1, "width": 8}, "epochs": 1, "batch_size": 1437}
    base = {"optimizer": {"use": "sgd", "lr": 0.5}, "activation": "tanh"}
    ends = []
    for rho in (0.0, 0.5):
        sam = base | {"remedies": [{"use": "sam", "rho": rho}]}
        [run] = resolve(parse({"kind": "training", "task": task, "base": sam}), known)
        recorder = MemoryRecorder()
        train(run, known, recorder)
        ends.append(recorder.weights)
    [run] = resolve(parse({"kind": "training", "task": task, "base": base}), known)
    recorder = MemoryRecorder()
    train(run, known, recorder)
    assert all(torch.equal(tensor, recorder.weights[name]) for name, tensor in ends[0].items())
    assert not all(torch.equal(tensor, recorder.weights[name]) for name, tensor in ends[1].items())


def test_sam_around_lbfgs_names_itself():
    base = {"optimizer": "lbfgs", "remedies": ["sam"]}
    [run] = resolve(parse({"kind": "descent", "base": base}), known)
    with pytest.raises(WorkbenchError, match=r"remedy 'sam': .* LBFGS asks"):
        descend(run, known, MemoryRecorder())
