"""The learning rate of a training: a schedule's, an optimizer's own, and what a branch begins from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from workbench import Optimizer, Param
from workbench.registry import Plugin
from workbench.stepping import Rates, judged


class Halves(torch.optim.SGD):
    """Halves its own rate at each step."""

    def step(self, closure: Any = None) -> Any:
        super().step(closure)
        for group in self.param_groups:
            group["lr"] /= 2


@pytest.fixture
def halves(bench: Any) -> Iterator[str]:
    component = Optimizer("halves", Halves, params=[Param("lr", 0.1, low=0.0)])
    bench.registry.add("optimizer", component, Plugin("stranger", "test", ""))
    yield "halves"
    bench.registry._components["optimizer"].pop("halves")
    bench.registry._owners.pop(("optimizer", "halves"))


def test_a_rate_that_the_optimizer_changes_stays_changed(bench: Any, halves: str) -> None:
    task = {"dataset": "digits", "epochs": 1, "batch_size": 480}
    _, recorder = bench.train(task, {"optimizer": {"use": halves, "lr": 0.1}})
    curve = recorder.table("curve")
    assert curve.loc[curve["split"] == "train", "lr"].tolist() == pytest.approx([0.1, 0.05, 0.025])


def test_the_schedule_multiplies_what_the_optimizer_has_made_of_the_rate() -> None:
    group: dict[str, Any] = {"lr": 1.0}
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], **group}])
    rates = Rates(optimizer)
    found = []
    for factor, own in ((1.0, 1.0), (0.5, 1.0), (0.5, 0.1), (0.5, 1.0), (0.0, 1.0), (1.0, 1.0)):
        rates.apply(factor)
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.param_groups[0]["lr"] *= own
    assert found == pytest.approx([1.0, 0.5, 0.5, 0.05, 0.0, 0.1])


def test_rates_go_on_where_they_were() -> None:
    def optimizer() -> torch.optim.Optimizer:
        return torch.optim.SGD([torch.zeros(1)], lr=1.0)

    whole, parted = optimizer(), optimizer()
    one, other = Rates(whole), Rates(parted)
    for index in range(6):
        if index == 3:
            state, kept = other.state_dict(), parted.state_dict()
            parted = optimizer()
            other = Rates(parted)
            parted.load_state_dict(kept)  # which makes new groups
            other.load_state_dict(state)
        for rates, its in ((one, whole), (other, parted)):
            rates.apply(0.9**index)
            its.param_groups[0]["lr"] *= 0.5 if index % 2 == 0 else 1.0
        assert whole.param_groups[0]["lr"] == parted.param_groups[0]["lr"]


def test_another_optimizer_branches_off_the_weights_that_were_judged(bench: Any) -> None:
    variants = [
        {"name": "trunk", "optimizer": {"use": "schedule_free_sgd", "lr": 1.0}},
        {"name": "branch", "fork": {"step": 3, "variant": "trunk"}, "optimizer": {"use": "sgd", "lr": 0.0}},
    ]
    task = {"dataset": "digits", "epochs": 2, "batch_size": 480}
    trunk, branch = bench.runs(task=task, variants=variants)
    tables = [bench.execute(run)[1].table("curve") for run in (trunk, branch)]
    tests = [table[table["split"] == "test"].set_index("step")["loss"] for table in tables]
    assert tests[1][6] == tests[0][3], "a branch that never moves stays where its trunk was judged"


def test_weights_are_the_same_to_the_last_bit_after_a_look_at_the_others(bench: Any) -> None:
    torch.manual_seed(0)
    weight = torch.randn(7, 5).requires_grad_()
    settings = bench.registry.settings("optimizer", "schedule_free_sgd", {"lr": 0.3})
    optimizer = bench.registry.make("optimizer", {"use": "schedule_free_sgd"} | settings, [weight])
    for _ in range(5):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        optimizer.step()
        before = weight.detach().clone()
        with judged(optimizer):
            other = weight.detach().clone()
        assert torch.equal(weight, before)
    assert not torch.equal(other, before)
