"""A run that was interrupted and goes on is the run that never was: weights, records and all, to the last bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest
import torch

from workbench import Remedy, registry
from workbench.errors import WorkbenchError
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder
from workbench.runs import checkpoint
from workbench.training.loop import execute

known = registry.current()
TASK = {"dataset": "digits", "model": {"use": "mlp", "depth": 2, "width": 16}, "epochs": 2, "batch_size": 128}
STEPS = 24


class Interrupted(MemoryRecorder):
    """Pauses before some steps, or loses its process there, and goes on from what was kept."""

    def __init__(self, at: int, keep_every: int = 0) -> None:
        super().__init__()
        self.at, self.keep_every = at, keep_every
        self.done = 0
        self.kept: bytes | None = None

    def progress(self, done: int, total: int) -> None:
        self.done = done

    def asked(self) -> str:
        return "paused" if self.done == self.at else ""

    def due(self) -> bool:
        return bool(self.keep_every) and self.done % self.keep_every == 0

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        rows = {table: sum(map(len, parts)) for table, parts in self.parts.items()}
        self.kept = checkpoint.dumps({"rows": rows, "state": dict(state)})

    def resume(self) -> dict[str, Any] | None:
        if self.kept is None:
            return None
        kept = checkpoint.loads(self.kept)
        for table, count in kept["rows"].items():
            self.parts[table] = [self.table(table)[:count]]
        return kept["state"]


def run_of(base: dict[str, Any], task: dict[str, Any] | None = None, **more: Any) -> Any:
    return resolve(parse({"kind": "training", "task": TASK | (task or {}), "base": base, **more}), known)


def through(run: Any, *pauses: int) -> tuple[dict[str, Any], MemoryRecorder]:
    """Execute a run with pauses, each time built anew."""
    recorder = Interrupted(0)
    for at in pauses:
        recorder.at = at
        assert execute(run, known, recorder)["outcome"] == "paused"
    recorder.at = -1
    return execute(run, known, recorder), recorder


def assert_same(one: tuple[dict[str, Any], MemoryRecorder], other: tuple[dict[str, Any], MemoryRecorder]) -> None:
    for key in set(one[0]) - {"seconds"}:
        assert one[0][key] == other[0][key] or (one[0][key] != one[0][key] and other[0][key] != other[0][key]), key
    for table in ("curve", "layers"):
        pd.testing.assert_frame_equal(one[1].table(table), other[1].table(table), check_exact=True)
    assert one[1].table("timing")["step"].tolist() == other[1].table("timing")["step"].tolist()
    assert one[1].weights.keys() == other[1].weights.keys()
    for name, tensor in one[1].weights.items():
        assert torch.equal(tensor, other[1].weights[name]), name


def whole(run: Any) -> tuple[dict[str, Any], MemoryRecorder]:
    recorder = MemoryRecorder()
    return execute(run, known, recorder), recorder


@pytest.mark.parametrize(
    "name", [n for n in known.names("optimizer") if known.owner("optimizer", n).place == "built-in"]
)
def test_every_optimizer_goes_on_where_it_was(name):
    [run] = run_of({"optimizer": {"use": "lbfgs", "lr": 0.1} if name == "lbfgs" else name})  # at 1 it diverges
    assert_same(whole(run), through(run, 5, 17))


@pytest.mark.parametrize("name", known.names("remedy"))
def test_every_remedy_goes_on_where_it_was(name):
    [run] = run_of({"remedies": [name]})
    assert_same(whole(run), through(run, 7))


@pytest.mark.parametrize("name", known.names("activation"))
def test_every_activation_goes_on_where_it_was(name):
    [run] = run_of({"activation": name})
    assert_same(whole(run), through(run, 9))


@pytest.mark.parametrize("name", known.names("schedule"))
def test_every_schedule_goes_on_where_it_was(name):
    [run] = run_of({"schedule": name, "optimizer": {"use": "sgd", "momentum": 0.9}})
    assert_same(whole(run), through(run, 11))


@pytest.mark.parametrize("at", [1, 2, 11, 12, 13, 23, 24])
def test_a_pause_may_come_at_any_step_the_last_of_an_epoch_included(at):
    [run] = run_of({"remedies": ["batch_norm", "clip_norm", "warmup"], "schedule": "step"})
    assert_same(whole(run), through(run, at))


def test_a_pause_after_every_single_step():
    [run] = run_of({"remedies": ["batch_norm"]})
    assert_same(whole(run), through(run, *range(1, STEPS + 1)))


def test_a_run_that_diverges_diverges_at_the_same_step():
    [run] = run_of({"optimizer": {"use": "sgd", "lr": 1e6}}, {"epochs": 4})
    one = whole(run)
    assert one[0]["outcome"] == "diverged"
    assert_same(one, through(run, 1))


def test_a_kill_costs_only_what_came_after_the_last_checkpoint():
    class KilledError(BaseException):
        pass

    class Killed(Interrupted):
        def asked(self) -> str:
            if self.done == self.at:
                raise KilledError
            return ""

    [run] = run_of({"remedies": ["batch_norm"]})
    recorder = Killed(19, keep_every=5)
    with pytest.raises(KilledError):
        execute(run, known, recorder)
    recorder.at = -1
    summary = execute(run, known, recorder)
    assert_same(whole(run), (summary, recorder))


DROPOUT = """
import torch
from torch import nn
from workbench import Remedy, hookimpl

class Drop(Remedy):
    '''Dropout, and a count of the steps, and an average of the weights that is put into them at the end.'''
    name = "drop"
    def edit_blocks(self, blocks):
        for block in blocks[:-1]:
            block.after.append(nn.Dropout(0.5))
        return blocks
    def after_init(self, network, inputs):
        self.network = network
        self.average = [p.detach().clone() for p in network.parameters()]
        self.count = 0
    def after_step(self, parameters, clock):
        self.count += 1
        for mean, p in zip(self.average, parameters):
            mean.lerp_(p.detach(), 0.1)
        if self.count % 6 == 0:
            for mean, p in zip(self.average, parameters):
                p.data.copy_(mean)

class Odd(Remedy):
    '''Remembers what cannot be kept.'''
    name = "odd"
    def before_step(self, parameters, clock):
        self.seen = {clock.step}

class Thaw(Remedy):
    '''The first layer is frozen in the first epoch.'''
    name = "thaw"
    def on_epoch(self, network, epoch):
        network.blocks[0].layer.weight.requires_grad_(epoch > 0)

@hookimpl
def register_remedies(register):
    for remedy in (Drop, Odd, Thaw):
        register(remedy)
"""


@pytest.mark.parametrize("name", ["drop", "thaw"])
def test_what_a_strangers_remedy_keeps_goes_on_too(name, drop_in):
    drop_in("drop.py", DROPOUT)
    now = registry.current()
    [run] = resolve(parse({"kind": "training", "task": TASK, "base": {"remedies": [name]}}), now)
    recorder = MemoryRecorder()
    one = execute(run, now, recorder), recorder
    broken = Interrupted(8)
    assert execute(run, now, broken)["outcome"] == "paused"
    broken.at = -1
    assert_same(one, (execute(run, now, broken), broken))


def test_a_state_that_cannot_be_kept_is_named(drop_in):
    drop_in("drop.py", DROPOUT)
    now = registry.current()
    [run] = resolve(parse({"kind": "training", "task": TASK, "base": {"remedies": ["odd"]}}), now)
    with pytest.raises(TypeError, match=r"state\.remedies\.odd\.seen is a set"):
        execute(run, now, Interrupted(3))


# -- forks -----------------------------------------------------------------------------------------------------


class WithTrunk(MemoryRecorder):
    """Keeps every state that a branch may begin with, and the state with which it did begin."""

    def __init__(self, trunk: bytes | None = None) -> None:
        super().__init__()
        self.trunk = trunk
        self.asked_for: list[tuple[str, int]] = []

    def earlier(self, run_id: str, step: int) -> dict[str, Any] | None:
        self.asked_for.append((run_id, step))
        return None if self.trunk is None else checkpoint.loads(self.trunk)["state"]


def forked(step: int, **variant: Any) -> tuple[Any, Any]:
    return run_of(
        {"optimizer": {"use": "adam", "lr": 0.01}},
        variants=[{"name": "trunk"}, {"name": "branch", "fork": {"step": step, "variant": "trunk"}, **variant}],
    )


@pytest.mark.parametrize("step", [1, 7, 12, 13])
def test_a_branch_that_changes_nothing_is_its_trunk(step):
    trunk, branch = forked(step)
    one, other = whole(trunk), whole(branch)
    for name, tensor in one[1].weights.items():
        assert torch.equal(tensor, other[1].weights[name]), name
    rest = one[1].table("curve").query("step >= @step and split == 'train'").reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, other[1].table("curve").query("split == 'train'").reset_index(drop=True))
    assert other[1].table("curve")["step"].min() == step
    assert other[0]["steps"] == STEPS
    assert other[0]["message"] == f"forked from 'trunk' at step {step}, with its optimizer's state"


def test_a_branch_begins_with_the_bits_of_its_trunk_and_goes_its_own_way():
    trunk, branch = forked(10, optimizer={"use": "sgd", "lr": 0.5})
    recorder = Interrupted(10)
    execute(trunk, known, recorder)
    state = checkpoint.loads(recorder.kept)["state"]
    own = WithTrunk()

    class First(Interrupted):
        def earlier(self, run_id: str, step: int) -> None:
            return None

    first = First(11)
    execute(branch, known, first)
    before = checkpoint.loads(first.kept)["state"]
    assert (before["step"], before["epoch"], before["batch"]) == (11, 0, 11)
    summary = execute(branch, known, own)
    assert own.asked_for == [(trunk.id(known), 10)]
    assert summary["message"] == "forked from 'trunk' at step 10, new optimizer"
    # one step of plain SGD from the trunk's weights, by autograd
    curve = own.table("curve").query("split == 'train'")
    assert curve["lr"].iloc[0] == 0.5
    trunk_curve = whole(trunk)[1].table("curve").query("split == 'train' and step == 10")
    assert curve["loss"].iloc[0] == trunk_curve["loss"].iloc[0], "same weights, same batch: the same loss"
    assert curve["grad_norm"].iloc[0] == trunk_curve["grad_norm"].iloc[0]
    moved = {name: before["network"][name] - tensor for name, tensor in state["network"].items()}
    length = math.sqrt(sum(float(change.double().square().sum()) for change in moved.values()))
    assert length == pytest.approx(0.5 * curve["grad_norm"].iloc[0], rel=1e-5)


def test_a_checkpoint_of_the_trunk_shortens_the_way_and_changes_nothing():
    trunk, branch = forked(20, optimizer={"lr": 0.001})
    recorder = Interrupted(15)
    execute(trunk, known, recorder)
    short = WithTrunk(recorder.kept)
    assert_same(whole(branch), (execute(branch, known, short), short))


def test_a_branch_may_add_batch_norm_and_train_longer():
    trunk, branch = forked(12, remedies=["batch_norm"], task={"epochs": 3})
    summary, recorder = whole(branch)
    assert summary["steps"] == 36
    assert recorder.table("curve")["step"].min() == 12
    assert whole(trunk)[0]["steps"] == STEPS


def test_a_branch_of_a_branch():
    runs = run_of(
        {},
        variants=[
            {"name": "a", "fork": {"step": 5}, "optimizer": {"lr": 0.01}},
            {"name": "b", "fork": {"step": 9, "variant": "a"}, "optimizer": "sgd"},
        ],
    )
    summary, recorder = whole(runs[1])
    assert summary["outcome"] == "finished"
    assert recorder.table("curve")["step"].min() == 9
    assert_same(whole(runs[1]), through(runs[1], 12))


def test_a_fork_that_cannot_be_is_refused():
    _, branch = forked(STEPS + 1, task={"epochs": 3})
    with pytest.raises(WorkbenchError, match=r"fork\.step = 25: its trunk ends at step 24"):
        whole(branch)
    trunk, _ = run_of(
        {"optimizer": {"use": "sgd", "lr": 1e6}},
        variants=[{"name": "base"}, {"name": "late", "fork": {"step": 20}, "optimizer": "adam"}],
    )
    assert whole(trunk)[0]["outcome"] == "diverged"
    [run] = run_of(
        {"optimizer": {"use": "sgd", "lr": 1e6}}, variants=[{"name": "late", "fork": {"step": 20}, "optimizer": "adam"}]
    )
    with pytest.raises(WorkbenchError, match="its trunk diverged before"):
        whole(run)
    [run] = run_of({"remedies": ["batch_norm"]}, variants=[{"name": "bare", "fork": {"step": 3}, "remedies": []}])
    with pytest.raises(WorkbenchError, match="no place for"):
        whole(run)


def test_the_default_state_of_a_remedy_is_what_it_made():
    class Counts(Remedy):
        name = "counts"

    remedy = Counts()
    remedy.count = 3
    remedy.network = torch.nn.Linear(1, 1)
    remedy.hook = print
    assert remedy.state_dict() == {"count": 3}
    other = Counts()
    other.load_state_dict({"count": 3})
    assert other.count == 3


def test_a_checkpoint_at_the_very_step_of_the_fork():
    trunk, branch = forked(15, optimizer={"lr": 0.001})
    recorder = Interrupted(15)
    execute(trunk, known, recorder)
    there = WithTrunk(recorder.kept)
    assert_same(whole(branch), (execute(branch, known, there), there))


def test_a_branch_of_a_branch_at_the_step_where_that_begins():
    runs = run_of(
        {},
        variants=[
            {"name": "a", "fork": {"step": 5}, "optimizer": {"lr": 0.01}},
            {"name": "b", "fork": {"step": 5, "variant": "a"}},
        ],
    )
    one, other = whole(runs[0]), whole(runs[1])
    assert all(torch.equal(tensor, other[1].weights[name]) for name, tensor in one[1].weights.items())
    with pytest.raises(WorkbenchError, match="itself branches off at step 5; fork there or later"):
        run_of({}, variants=[{"name": "a", "fork": {"step": 5}}, {"name": "b", "fork": {"step": 4, "variant": "a"}}])


def test_a_branch_that_is_over_before_it_begins_is_refused():
    _, branch = forked(13, task={"epochs": 1})
    with pytest.raises(WorkbenchError, match="the branch is over at step 12; give it more epochs, or fork earlier"):
        whole(branch)


def test_a_stop_while_the_trunk_is_trained_says_nothing_of_the_branch():
    class Impatient(Interrupted):
        def asked(self) -> str:
            return "stopped" if self.done == self.at else ""

        def earlier(self, run_id: str, step: int) -> None:
            return None

    _, branch = forked(10, optimizer="sgd")
    recorder = Impatient(4)
    summary = execute(branch, known, recorder)
    assert summary["outcome"] == "stopped"
    assert summary["message"] == "stopped while its trunk was trained again"
    assert recorder.table("curve").empty
    assert math.isnan(summary["final_accuracy"])


KEEPERS = """
import torch
from workbench import Optimizer, Param, Remedy, hookimpl

class Keeper(torch.optim.SGD):
    # a setting in an attribute, running state in a group and in an attribute
    def __init__(self, params, lr, rho):
        super().__init__(params, lr=lr)
        self.rho, self.count = rho, 0
        for group in self.param_groups:
            group["k"] = 0
        self.defaults["k"] = 0
    def step(self, closure=None):
        self.count += 1
        for group in self.param_groups:
            group["k"] += 1
            for p in group["params"]:
                if p.grad is not None:
                    p.grad.mul_(1 + self.rho * group["k"] + 0.01 * self.count)
        return super().step(closure)

class Thaw(Remedy):
    name = "thaw"
    def after_init(self, network, inputs):
        network.blocks[0].layer.weight.requires_grad_(False)
    def on_epoch(self, network, epoch):
        network.blocks[0].layer.weight.requires_grad_(True)

@hookimpl
def register_optimizers(register):
    register(Optimizer("keeper", Keeper, params=[Param("lr", 0.05, low=0.0), Param("rho", 0.05, low=0.0)]))

@hookimpl
def register_remedies(register):
    register(Thaw)
"""


def test_a_branch_has_its_own_settings_and_its_trunks_state(drop_in):
    drop_in("keepers.py", KEEPERS)
    now = registry.current()

    def records(**variant: Any) -> tuple[list[MemoryRecorder], dict[str, Any]]:
        variants = [{"name": "trunk"}, {"name": "branch", "fork": {"step": 7, "variant": "trunk"}, **variant}]
        base = {"optimizer": "keeper", "remedies": ["thaw"]}
        runs = resolve(parse({"kind": "training", "task": TASK, "base": base, "variants": variants}), now)
        recorders = [MemoryRecorder() for _ in runs]
        for run, recorder in zip(runs, recorders, strict=True):
            execute(run, now, recorder)
        return recorders, runs[0].base

    (trunk, same), _ = records()
    assert all(torch.equal(tensor, same.weights[name]) for name, tensor in trunk.weights.items())
    (_, other), _ = records(optimizer={"rho": 0.0})
    first = [r.table("curve").query("split == 'train' and step >= 7")["loss"].tolist() for r in (same, other)]
    assert first[0][0] == first[1][0]
    assert first[0][1] != first[1][1], "the branch's own rho is used"
