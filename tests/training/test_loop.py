"""The training loop against a plain torch loop, and what it does when things go wrong."""

from __future__ import annotations

import math

import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional

from workbench import Clock, Remedy, registry
from workbench.errors import WorkbenchError
from workbench.records import MemoryRecorder
from workbench.training import goal, log, loop, memory, parts, refusals
from workbench.training.data import prepare
from workbench.training.seeds import generator

SMALL = {"model": {"use": "mlp", "depth": 2, "width": 16}, "epochs": 2, "batch_size": 128}


def plain_loop(bench, run, make_optimizer, factor=lambda step: 1.0, max_norm=None):
    """The same training in a few lines of torch: only the start and the order of the samples are taken over."""
    start = bench.execute(bench.run(run.task | {"epochs": 0}, run.base, seed=run.seed))[1].weights
    data = prepare(run.task, run.seed, bench.registry)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 10))
    network.load_state_dict(dict(zip(network.state_dict(), start.values(), strict=True)))
    optimizer = make_optimizer(network.parameters())
    rate, losses = optimizer.param_groups[0]["lr"], []
    for epoch in range(run.task["epochs"]):
        order = torch.randperm(len(data.train_y), generator=generator(run.seed, "order", epoch))
        for at in range(0, len(order), run.task["batch_size"]):
            index = order[at : at + run.task["batch_size"]]
            optimizer.param_groups[0]["lr"] = rate * factor(len(losses))
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(data.train_x[index]), data.train_y[index])
            loss.backward()
            if max_norm is not None:
                nn.utils.clip_grad_norm_(network.parameters(), max_norm)
            optimizer.step()
            losses.append((loss.item(), len(index)))
    with torch.no_grad():
        logits = network(data.test_x)
    return network, losses, (logits.argmax(1) == data.test_y).double().mean().item()


@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        ({"use": "sgd", "lr": 0.1, "momentum": 0.9}, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        ({"use": "adam", "lr": 0.01}, lambda p: torch.optim.Adam(p, lr=0.01)),
    ],
)
def test_it_is_the_plain_torch_loop(bench, optimizer, make):
    run = bench.run(SMALL, {"optimizer": optimizer})
    summary, recorder = bench.execute(run)
    network, losses, accuracy = plain_loop(bench, run, make)
    for ours, theirs in zip(recorder.weights.values(), network.state_dict().values(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
    curve = recorder.table("curve")
    train = curve[curve.split == "train"]
    assert train.loss.to_numpy() == pytest.approx([loss for loss, _ in losses], abs=1e-6)
    assert summary["steps"] == len(losses) == 24  # 1,437 samples: eleven whole batches and a short one
    last = losses[12:]
    assert summary["final_loss"] == pytest.approx(sum(a * n for a, n in last) / sum(n for _, n in last), abs=1e-6)
    assert summary["final_accuracy"] == pytest.approx(accuracy, abs=1e-9)
    assert summary["outcome"] == "finished"


@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        ({"use": "sgd", "lr": 0.1, "momentum": 0.9}, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        ({"use": "rmsprop", "lr": 0.01}, lambda p: torch.optim.RMSprop(p, lr=0.01)),
        ({"use": "adam", "lr": 0.01}, lambda p: torch.optim.Adam(p, lr=0.01, fused=True)),
        ({"use": "adamw", "lr": 0.01}, lambda p: torch.optim.AdamW(p, lr=0.01, fused=True)),
    ],
)
def test_it_is_the_plain_torch_loop_bit_for_bit_where_the_operations_are_the_same(bench, optimizer, make):
    run = bench.run(SMALL, {"optimizer": optimizer})
    _, recorder = bench.execute(run)
    network, _, _ = plain_loop(bench, run, make)
    for ours, theirs in zip(recorder.weights.values(), network.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_numbers_that_fade_below_single_precision_change_no_weight(bench):
    """A third of the pixels of digits are nearly always black: their averages in Adam fade below 1e-38."""
    run = bench.run(SMALL | {"epochs": 120, "probes": "off"}, {"optimizer": {"use": "adam", "lr": 0.001}})
    _, recorder = bench.execute(run)
    network, _, _ = plain_loop(bench, run, lambda p: torch.optim.Adam(p, lr=0.001, fused=True))
    for ours, theirs in zip(recorder.weights.values(), network.state_dict().values(), strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)
    assert not torch.tensor([1e-42]).mul(0.5).eq(0), "outside of the step they are kept"


def test_warmup_schedule_and_clipping_are_those_of_the_plain_loop(bench):
    base = {
        "optimizer": {"use": "sgd", "lr": 0.5},
        "schedule": {"use": "step", "every": 1, "factor": 0.5},
        "remedies": [{"use": "warmup", "steps": 5}, {"use": "clip_norm", "max_norm": 0.3}],
    }
    run = bench.run(SMALL, base)
    _, recorder = bench.execute(run)

    def factor(step: int) -> float:
        return min(1, (step + 1) / 5) * (0.5 if step >= 12 else 1)

    network, _, _ = plain_loop(bench, run, lambda p: torch.optim.SGD(p, lr=0.5), factor, max_norm=0.3)
    for ours, theirs in zip(recorder.weights.values(), network.state_dict().values(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
    train = recorder.table("curve").query("split == 'train'")
    assert train.lr.to_numpy() == pytest.approx([0.5 * factor(step) for step in range(24)])
    assert train.grad_norm.max() > 0.3  # measured before it was clipped


def test_the_same_run_gives_the_same_bits(bench):
    task = SMALL | {"normalize": True}
    first, second = (bench.train(task, {"remedies": ["batch_norm"]}) for _ in range(2))
    for table in ("curve", "layers"):
        pd.testing.assert_frame_equal(first[1].table(table), second[1].table(table), check_exact=True)
    assert all(torch.equal(a, b) for a, b in zip(first[1].weights.values(), second[1].weights.values(), strict=True))
    assert {k: v for k, v in first[0].items() if k != "seconds"} == {
        k: v for k, v in second[0].items() if k != "seconds"
    }
    other = bench.train(task, {"remedies": ["batch_norm"]}, seed=1)
    assert not torch.equal(first[1].weights["stages.0.layer.weight"], other[1].weights["stages.0.layer.weight"])


def test_the_global_random_state_is_left_alone(bench):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    bench.train(SMALL, {})
    assert torch.equal(torch.rand(3), expected)


def test_variants_of_a_seed_start_from_the_same_weights(bench):
    plain = bench.train(SMALL | {"epochs": 0}, {})[1].weights
    normed = bench.train(SMALL | {"epochs": 0}, {"remedies": ["batch_norm", "residual"], "activation": "tanh"})[
        1
    ].weights
    assert plain.keys() < normed.keys()
    assert all(torch.equal(plain[name], normed[name]) for name in plain)
    deeper = {"model": {"use": "mlp", "depth": 3, "width": 16}, "epochs": 0}
    more = bench.train(deeper, {})[1].weights
    assert torch.equal(plain["stages.1.layer.weight"], more["stages.1.layer.weight"])
    biased = bench.train(SMALL | {"epochs": 0}, {"initializer": "kaiming_normal"})[1].weights
    assert all((tensor == 0).all() for name, tensor in biased.items() if name.endswith("bias"))


def test_measuring_changes_nothing(bench, monkeypatch):
    base = {"remedies": ["batch_norm"], "activation": "leaky_relu"}
    measured = bench.train(SMALL, base)[1]
    monkeypatch.setattr(loop, "probe_steps", lambda steps: set())
    unmeasured = bench.train(SMALL, base)[1]
    assert unmeasured.table("layers").empty
    assert not measured.table("layers").empty
    for ours, theirs in zip(measured.weights.values(), unmeasured.weights.values(), strict=True):
        assert torch.equal(ours, theirs)


def test_test_rows_stand_before_the_first_step_and_after_each_epoch(bench):
    summary, recorder = bench.train(SMALL, {})
    test = recorder.table("curve").query("split == 'test'")
    assert test.step.tolist() == [0, 12, 24]
    assert test.epoch.tolist() == [0, 1, 2]
    assert summary["final_accuracy"] == test.accuracy.iloc[-1]
    assert summary["best_accuracy"] == test.accuracy.max()
    timing = recorder.table("timing")
    assert timing.step.tolist() == [0, 12, 24]
    assert timing.seconds.is_monotonic_increasing


def test_zero_epochs_measure_and_change_nothing(bench):
    summary, recorder = bench.train(SMALL | {"epochs": 0}, {})
    curve = recorder.table("curve")
    assert curve[["step", "split"]].to_numpy().tolist() == [[0, "test"], [0, "train"]]
    assert summary["outcome"] == "finished"
    assert summary["steps"] == 0
    assert summary["final_loss"] == curve.loss.iloc[1]
    statistics = set(recorder.table("layers").statistic)
    assert "weight_grad_norm" in statistics
    assert "update_ratio" not in statistics
    again = bench.train(SMALL | {"epochs": 0, "batch_size": 7}, {})[1]
    assert all(torch.equal(a, b) for a, b in zip(recorder.weights.values(), again.weights.values(), strict=True))


def test_divergence_is_a_result_with_its_step(bench):
    summary, recorder = bench.train(SMALL | {"epochs": 3}, {"optimizer": {"use": "sgd", "lr": 1e6}})
    assert summary["outcome"] == "diverged"
    train = recorder.table("curve").query("split == 'train'")
    last = train.iloc[-1]
    assert not math.isfinite(last.loss)
    assert summary["message"] == f"the loss is {last.loss} at step {last.step}"
    assert summary["steps"] == last.step < 36
    assert train.loss.iloc[:-1].map(math.isfinite).all()
    assert not math.isfinite(summary["final_loss"])
    assert recorder.table("curve").query("split == 'test'").step.iloc[-1] == last.step


def test_predictions_that_are_not_numbers_are_wrong():
    logits = torch.tensor([[float("nan"), 0.0], [1.0, 0.0], [float("inf"), 0.0]])
    assert goal.right(logits, torch.tensor([0, 0, 0])) == 1


def test_a_weight_that_leaves_the_numbers_at_the_last_step_is_noticed(bench, monkeypatch):
    class Burst(Remedy):
        name = "burst"

        def after_step(self, parameters, clock):
            if clock.step == clock.steps - 1:
                with torch.no_grad():
                    parameters[0].fill_(math.inf)

    training = loop.Training(bench.run(SMALL, {}), bench.registry, MemoryRecorder())
    training.after_step = [("clip_norm", Burst())]
    summary = training.execute()
    assert summary["outcome"] == "diverged"
    assert summary["message"] == "a weight is not finite after step 23"


def test_stop_keeps_what_was_done(bench):
    class Stopper(MemoryRecorder):
        looks = 0

        def asked(self) -> str:
            self.looks += 1
            return "stopped" if self.looks > 14 else ""

    summary, recorder = bench.execute(bench.run(SMALL, {}), Stopper())
    assert summary["outcome"] == "stopped"
    assert summary["message"] == "stopped at step 15 of 24"
    assert summary["steps"] == 15
    curve = recorder.table("curve")
    assert curve.query("split == 'train'").step.tolist() == list(range(15))
    assert curve.query("split == 'test'").step.tolist() == [0, 12, 15]
    assert math.isfinite(summary["final_loss"])
    assert recorder.weights == {}


def test_long_curves_are_thinned_but_keep_both_ends(bench, monkeypatch):
    monkeypatch.setattr(log, "LONGEST_CURVE", 10)
    train = bench.train(SMALL | {"epochs": 4}, {})[1].table("curve").query("split == 'train'")
    assert train.step.tolist() == [*range(20), 20, 25, 30, 35, 40, 45, 47]


def test_progress_is_told_at_every_step(bench):
    class Listener(MemoryRecorder):
        def __init__(self) -> None:
            super().__init__()
            self.heard: list[tuple[int, int]] = []

        def progress(self, done: int, total: int) -> None:
            self.heard.append((done, total))

    listener = Listener()
    bench.execute(bench.run(SMALL, {}), listener)
    assert listener.heard == [(step + 1, 24) for step in range(24)]


def test_a_guess_costs_ln_k_and_zero_weights_with_relu_learn_nothing_but_the_last_bias(bench):
    task = {"dataset": {"use": "gaussian", "classes": 10}, "epochs": 0}
    summary, recorder = bench.train(task, {"initializer": "zeros"})
    assert summary["final_loss"] == pytest.approx(math.log(10), abs=1e-6)
    layers = recorder.table("layers")
    assert (layers.query("statistic == 'weight_grad_norm'").value == 0).all()
    assert recorder.table("curve").query("split == 'train'").grad_norm.iloc[0] > 0
    trained = bench.train(task | {"epochs": 3}, {"initializer": "zeros"})[1].weights
    assert [name for name, tensor in trained.items() if (tensor != 0).any()] == ["stages.2.layer.bias"]


def test_a_batch_larger_than_the_data_is_refused_with_the_number_of_samples(bench):
    with pytest.raises(WorkbenchError, match=r"task\.batch_size = 1438 .* 1437 training samples .* allowed: 1 to 1437"):
        bench.train(SMALL | {"batch_size": 1438}, {})
    assert bench.train(SMALL | {"batch_size": 1437}, {})[0]["steps"] == 2


def test_a_network_that_cannot_fit_is_refused_with_the_figures(bench):
    wide = SMALL | {"model": {"use": "mlp", "depth": 200, "width": 8192}}
    weights = 5 * 4 * (199 * (8192 * 8192 + 8192) + 65 * 8192 + 8193 * 10)  # five copies of four bytes each
    assert 266.5e9 < weights < 267.5e9
    with pytest.raises(
        WorkbenchError, match=r"would need about 268\.8 GB of memory \(267\.1 GB for the weights.* are free"
    ):
        bench.train(wide, {})


def test_the_estimate_of_memory_counts_weights_and_activations(bench):
    run = bench.run(SMALL | {"model": {"use": "mlp", "depth": 2, "width": 50}}, {})
    data = prepare(run.task, run.seed, bench.registry)
    found = memory.estimate(run, data, (100, 100), bench.registry)
    assert found.weights == 20 * (65 * 50 + 51 * 50 + 51 * 10)
    flat, hidden, out = 64, 4 * 50, 10  # each hidden layer hands on z and f(z)
    assert found.activations == 4 * 100 * (flat + hidden + out) + 4 * 100 * flat
    few = memory.estimate(run, data, (1, 256), bench.registry)
    assert few.activations == 4 * 256 * (64 + 50 + 50), "then a test takes more: three things at once"


def test_what_an_optimizer_and_probes_keep_is_in_the_estimate(bench):
    task, count = SMALL | {"model": {"use": "mlp", "depth": 1, "width": 10}}, 65 * 10 + 11 * 10
    data = prepare(bench.run(task, {}).task, 0, bench.registry)

    def weights(optimizer: object, probes: str) -> int:
        run = bench.run(task | {"probes": probes}, {"optimizer": optimizer})
        return memory.estimate(run, data, (10, 10), bench.registry).weights

    assert weights("adam", "off") == 4 * 4 * count
    assert weights("adam", "full") == 15 * 4 * count
    assert weights({"use": "lbfgs", "history_size": 50}, "off") == 106 * 4 * count


def test_data_that_cannot_fit_are_refused_before_they_are_made(bench, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda device: 1e9)
    large = {"use": "gaussian", "samples": 100_000, "features": 1000}
    with pytest.raises(
        WorkbenchError, match=r"the data set 'gaussian' would need about 1\.2 GB .* 1\.0 GB are free; take"
    ):
        bench.train(SMALL | {"dataset": large}, {})


def test_a_test_takes_no_more_samples_at_once_than_it_was_given_memory_for(bench, monkeypatch):
    monkeypatch.setattr(refusals, "TEST_BATCH", (100, 150))
    sizes = []
    run = bench.run(SMALL, {})
    training = loop.Training(run, bench.registry, MemoryRecorder())
    training.network.register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
    training.test()
    assert sizes == [128, 128, 104]


@pytest.mark.parametrize("eps", [1e-30, 1e-20])
def test_with_an_eps_near_0_even_the_smallest_numbers_count(bench, eps):
    base = {
        "optimizer": {"use": "adam", "lr": 0.001, "eps": eps},
        "activation": "sigmoid",
        "initializer": {"use": "normal", "std": 1e-7},
    }
    run = bench.run(SMALL, base)
    training = loop.Training(run, bench.registry, MemoryRecorder())
    assert not training.flushes
    x, y = training.sample(training.order(0)[0])
    training.gradients(x, y)
    first = training.network.weight_layers[0].module.weight
    assert 0 < first.grad.abs().max() < 1e-10
    before = first.detach().clone()
    training.take_step(x, y, torch.zeros(()), Clock(0, 1, 0.0, 1.0))
    moved = (first.detach() - before)[first.grad.abs() > 1e-18].abs()
    assert moved.max() == pytest.approx(0.001, rel=1e-3), "Adam's first step is lr, whatever the gradient's size"
    assert loop.Training(bench.run(SMALL, {"optimizer": "adam"}), bench.registry, MemoryRecorder()).flushes
    wrapped = bench.run(SMALL, {"optimizer": "adam", "remedies": ["larc"]})
    assert not loop.Training(wrapped, bench.registry, MemoryRecorder()).flushes


@pytest.mark.parametrize("wanted", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(bench, wanted):
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if there[wanted]:
        pytest.skip(f"this machine has {wanted}")
    with pytest.raises(WorkbenchError, match=rf"task\.device = '{wanted}': there is none .* auto, cpu"):
        bench.train(SMALL | {"device": wanted}, {})


def test_batch_norm_refuses_a_batch_of_one_before_it_begins(bench):
    with pytest.raises(WorkbenchError, match=r"task\.batch_size = 359: .* batch norm needs two"):
        bench.train(SMALL | {"batch_size": 359}, {"remedies": ["batch_norm"]})
    assert bench.train(SMALL | {"batch_size": 359, "epochs": 1}, {})[0]["outcome"] == "finished"


TRANSFER = {
    "source": {"use": "digits", "classes": "0-4"},
    "dataset": {"use": "digits", "classes": "5-9"},
    "labels_per_class": 5,
    "model": {"use": "mlp", "depth": 2, "width": 16},
    "epochs": 0,
    "source_epochs": 2,
}


def test_a_transfer_takes_all_but_a_new_head(bench):
    run = bench.run(TRANSFER, {}, kind="transfer")
    _, source = bench.execute(run.source)
    summary, target = bench.execute(run)
    scratch, new = bench.train(TRANSFER | {"source": "none"}, {}, kind="transfer")
    assert summary["message"] == "2 of 3 weight layers taken over from the source, the last one is new"
    assert scratch["message"] == "from scratch: new weights in every layer"
    for name, tensor in target.weights.items():
        origin = new if name.startswith("stages.2") else source
        assert torch.equal(tensor, origin.weights[name]), name
    foreseen = [
        each.table("layers")["statistic"].str.startswith("theory").any().item() for each in (source, target, new)
    ]
    assert foreseen == [True, False, True], "what was learned is no draw of an initializer"


def test_the_new_head_is_not_the_one_the_source_started_from(bench):
    run = bench.run(TRANSFER, {}, kind="transfer")
    before = bench.train(run.source.task | {"epochs": 0}, run.source.base)[1].weights
    target = bench.execute(run)[1].weights
    assert not torch.equal(before["stages.2.layer.weight"], target["stages.2.layer.weight"])


def test_nothing_to_take_over_is_said(bench):
    linear = TRANSFER | {"model": {"use": "mlp", "depth": 0}}
    with pytest.raises(WorkbenchError, match="no layer of the source fits"):
        bench.train(linear, {}, kind="transfer")
    run = bench.run(TRANSFER, {}, kind="transfer")
    recorder = MemoryRecorder()
    recorder.sources[run.source.id(bench.registry)] = {"stages.0.layer.weight": torch.full((16, 64), math.nan)}
    with pytest.raises(WorkbenchError, match="the training on the source diverged"):
        loop.execute(run, bench.registry, recorder)


FAILING = """
import sys
import torch
from torch import nn
from workbench import Activation, Block, Initializer, Model, Optimizer, Remedy, Schedule, hookimpl

class Count:
    steps = 0
    def __call__(self):
        self.steps += 1
        if self.steps > 10:
            raise RuntimeError("eleven is too many")

class Act(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = Count()
    def forward(self, x):
        self.count()
        return x.relu()

class Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()
    @staticmethod
    def backward(ctx, g):
        raise RuntimeError("no way back")

class Act2(nn.Module):
    def forward(self, x):
        return Backward.apply(x)

class Opt(torch.optim.SGD):
    def step(self, closure=None):
        self.count = getattr(self, "count", Count())
        self.count()
        return super().step(closure)

class Rem(Remedy):
    name = "late_remedy"
    def before_step(self, parameters, clock):
        if clock.step == 10:
            raise RuntimeError("not now")

class Leaves(nn.Module):
    def forward(self, x):
        sys.exit(3)

class Grows(torch.optim.SGD):
    def step(self, closure=None):
        self.add_param_group({"params": [torch.zeros(1, requires_grad=True)]})
        return super().step(closure)

class Groupless(torch.optim.Optimizer):
    def __init__(self, params):
        pass

def forgetful(method):
    return type(method, (Remedy,), {"name": "no_" + method, method: lambda self, given: None})

class Brakes(Remedy):
    name = "broken_brakes"
    def edit_schedule(self, factor):
        return lambda clock: "slow"

def late(clock):
    if clock.step == 10:
        raise RuntimeError("no more")
    return 1.0

@hookimpl
def register_activations(register):
    register(Activation("late_activation", Act))
    register(Activation("one_way", Act2))
    register(Activation("no_module", lambda: 3))
    register(Activation("half", nn.GLU))
    register(Activation("leaves", Leaves))

@hookimpl
def register_optimizers(register):
    register(Optimizer("late_optimizer", lambda params: Opt(params, lr=0.1)))
    register(Optimizer("lbfgs", lambda params: torch.optim.LBFGS(params, lr=0.5, max_iter=4)))
    register(Optimizer("no_optimizer", lambda params: 3))
    register(Optimizer("grows", lambda params: Grows(params, lr=0.1)))
    register(Optimizer("groupless", Groupless))

@hookimpl
def register_remedies(register):
    register(Rem)
    register(Brakes)
    for method in ("edit_param_groups", "wrap_optimizer", "edit_schedule", "edit_loss"):
        register(forgetful(method))

@hookimpl
def register_schedules(register):
    register(Schedule("late_schedule", late))
    register(Schedule("wordy", lambda clock: "fast"))
    register(Schedule("leaving", lambda clock: sys.exit(1)))

@hookimpl
def register_initializers(register):
    register(Initializer("wrong_initializer", lambda weight: weight.add_("x")))

@hookimpl
def register_models(register):
    register(Model("no_blocks", lambda shape, classes, activation: nn.Linear(1, 1)))
    register(Model("three", lambda shape, classes, activation: [Block(nn.Linear(64, 3), before=[nn.Flatten()])]))
"""


@pytest.fixture
def failing(drop_in, bench):
    drop_in("failing.py", FAILING)
    bench.registry = registry.current()
    return bench


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ({"activation": "late_activation"}, "activation 'late_activation' of plugin 'failing' failed: .*eleven"),
        ({"activation": "one_way"}, "activation 'one_way' of plugin 'failing' failed: .*no way back"),
        ({"activation": "no_module"}, "activation 'no_module' of plugin 'failing' failed: .*nn.Module, not int"),
        ({"optimizer": "late_optimizer"}, "optimizer 'late_optimizer' of plugin 'failing' failed: .*eleven"),
        ({"optimizer": "no_optimizer"}, "optimizer 'no_optimizer' of plugin 'failing' failed: .*not int"),
        ({"remedies": ["late_remedy"]}, "remedy 'late_remedy' of plugin 'failing' failed: .*not now"),
        ({"schedule": "late_schedule"}, "schedule 'late_schedule' of plugin 'failing' failed: .*no more"),
        ({"initializer": "wrong_initializer"}, "initializer 'wrong_initializer' of plugin 'failing' failed"),
        ({"activation": "half"}, r"activation 'half' of plugin 'failing' failed: .*it gives \(2, 2\); it has to work"),
        ({"activation": "leaves"}, "activation 'leaves' of plugin 'failing' failed: SystemExit"),
        ({"optimizer": "groupless"}, "optimizer 'groupless' of plugin 'failing' failed: .*param_groups"),
        ({"schedule": "wordy"}, "schedule 'wordy' of plugin 'failing' failed: .*'fast'"),
        ({"schedule": "leaving"}, "schedule 'leaving' of plugin 'failing' failed: SystemExit"),
        ({"remedies": ["broken_brakes"]}, "remedy 'broken_brakes' of plugin 'failing' failed: .*'slow'"),
        ({"remedies": ["no_edit_schedule"]}, "remedy 'no_edit_schedule' of plugin 'failing' failed: .*returned None"),
        ({"remedies": ["no_edit_loss"]}, "remedy 'no_edit_loss' of plugin 'failing' failed: .*returned None"),
        ({"remedies": ["no_wrap_optimizer"]}, "remedy 'no_wrap_optimizer' of plugin 'failing' failed: .*returned None"),
        ({"remedies": ["no_edit_param_groups"]}, "remedy 'no_edit_param_groups' of plugin 'failing' failed: .*None"),
    ],
)
def test_a_component_that_fails_in_use_is_named(failing, base, words):
    recorder = MemoryRecorder()
    with pytest.raises(WorkbenchError, match=words):
        failing.execute(failing.run(SMALL, base), recorder)


def test_a_model_that_is_none_is_named(failing):
    with pytest.raises(WorkbenchError, match=r"model 'no_blocks' of plugin 'failing' failed: .*Block is wanted"):
        failing.train(SMALL | {"model": "no_blocks"}, {})


def test_a_model_with_too_few_outputs_is_named(failing):
    words = r"model 'three' of plugin 'failing' failed: .*shape \(360, 3\) for a batch of 360.*\(360, 10\)"
    with pytest.raises(WorkbenchError, match=words):
        failing.train(SMALL | {"model": "three"}, {})


def test_an_optimizer_may_add_groups_as_it_goes(failing):
    assert failing.train(SMALL, {"optimizer": "grows"})[0]["outcome"] == "finished"


def test_what_was_recorded_before_a_failure_is_kept(failing):
    recorder = MemoryRecorder()
    with pytest.raises(WorkbenchError):
        failing.execute(failing.run(SMALL, {"remedies": ["late_remedy"]}), recorder)
    assert recorder.table("curve").query("split == 'train'").step.tolist() == list(range(11))


def test_an_optimizer_that_needs_a_closure_gets_one(failing):
    task = SMALL | {"batch_size": 1437, "epochs": 8}
    summary, recorder = failing.train(task, {"optimizer": "lbfgs"})
    losses = recorder.table("curve").query("split == 'train'").loss
    assert summary["outcome"] == "finished"
    assert losses.iloc[-1] < losses.iloc[0] / 2


def test_groups_with_equal_settings_are_joined():
    groups = [{"params": [1]}, {"params": [2], "lr": 0.1}, {"params": [3]}, {"params": [4], "lr": 0.1}]
    assert parts.join(groups) == [{"params": [1, 3]}, {"lr": 0.1, "params": [2, 4]}]
