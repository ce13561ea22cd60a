"""The average of weights: against torch's own, and without a trace in the training."""

from __future__ import annotations

import pytest
import torch
from remedying import CLOCK, Pausing, known, made, mlp, remedy, run_of, same, trained
from torch import nn
from torch.optim.swa_utils import AveragedModel

from workbench.descent.simulate import execute as descend
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder
from workbench.runs import checkpoint
from workbench.stepping import has_modes, judged, needs_closure
from workbench.training.data import prepare
from workbench.training.loop import execute
from workbench.training.network import Network


def kept(decay: float, t: int) -> float:
    return min(decay, (1 + t) / (10 + t))


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.999])
def test_it_is_torchs_average_of_weights_and_of_batch_norms_statistics(decay):
    torch.manual_seed(0)
    network = Network(remedy("batch_norm").edit_blocks(mlp(5, 4, 3)))
    theirs = AveragedModel(
        network,
        avg_fn=lambda mean, new, t: kept(decay, int(t)) * mean + (1 - kept(decay, int(t))) * new,
        use_buffers=True,
    )
    ours = remedy("ema", decay=decay)
    ours.after_init(network, torch.zeros(1))
    optimizer = ours.wrap_optimizer(torch.optim.SGD(network.parameters(), lr=0.5, momentum=0.9))
    network.train()
    for _ in range(30):
        network.zero_grad()
        network(torch.randn(16, 5)).square().mean().backward()
        optimizer.step()
        ours.after_step(list(network.parameters()), CLOCK)
        theirs.update_parameters(network)
    fast = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with judged(optimizer):
        for name, tensor in network.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                torch.testing.assert_close(tensor, theirs.module.state_dict()[name], rtol=1e-4, atol=1e-6)
        x = torch.randn(7, 5)
        torch.testing.assert_close(network.eval()(x), theirs.module.eval()(x), rtol=1e-4, atol=1e-5)
        optimizer.eval()  # a second time changes nothing
    assert same(fast, network.state_dict())
    optimizer.train()
    assert same(fast, network.state_dict())


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs", "muon", "adafactor"])
def test_the_training_is_the_same_to_the_last_bit(optimizer):
    base = {"optimizer": {"use": "lbfgs", "lr": 0.1} if optimizer == "lbfgs" else optimizer}
    plain, averaged = (trained(base | {"remedies": ["batch_norm", *names]}) for names in ([], ["ema"]))
    one, other = (run.table("curve").query("split == 'train'").reset_index(drop=True) for run in (plain, averaged))
    assert one.equals(other)
    assert plain.table("layers").equals(averaged.table("layers"))
    assert not same(plain.weights, averaged.weights), "what is saved is the average"


def test_what_is_tested_is_what_is_saved():
    run = run_of({"remedies": ["batch_norm", "ema"], "optimizer": {"use": "adam", "lr": 0.01}})
    recorder = MemoryRecorder()
    summary = execute(run, known, recorder)
    data = prepare(run.task, run.seed, known)
    blocks = made("model", "mlp", (64,) if data.train_x.dim() == 2 else tuple(data.train_x.shape[1:]), 10,
                  lambda: made("activation", run.base["activation"]["use"]), depth=3, width=16)  # fmt: skip
    network = Network(remedy("batch_norm").edit_blocks(blocks))
    network.load_state_dict(recorder.weights)
    network.eval()
    with torch.no_grad():
        right = (network(data.test_x).argmax(1) == data.test_y).float().mean().item()
    assert summary["final_accuracy"] == pytest.approx(right, abs=1e-6)


def test_the_average_is_steadier_than_the_weights():
    base = {"optimizer": {"use": "sgd", "lr": 1.0}, "activation": "tanh"}
    task = {"epochs": 20, "batch_size": 16, "model": {"use": "mlp", "depth": 1, "width": 32}}
    spread = []
    for names in ([], ["ema"]):
        losses = trained(base | {"remedies": names}, task).table("curve").query("split == 'test'")["loss"].iloc[-8:]
        spread.append(losses.diff().abs().mean())
    assert spread[1] < spread[0] / 2


def test_a_pause_changes_nothing_and_the_average_is_in_the_checkpoint():
    base = {"remedies": ["batch_norm", "ema"]}
    assert same(trained(base, {"epochs": 2}).weights, trained(base, {"epochs": 2}, pause=9).weights)
    recorder = Pausing(9)
    execute(run_of(base), known, recorder)
    state = checkpoint.loads(recorder.kept)
    assert len(state["remedies"]["ema"]["running"]) == 6
    assert all("ema" in each for each in state["optimizer"]["state"].values())
    assert not same(state["judged"], state["network"])


@pytest.mark.parametrize("around", [["sam"], ["lookahead"], ["larc"], ["lamb"], []])
def test_it_goes_with_other_wrappers_and_has_the_modes(around):
    for names in (["ema", *around], [*around, "ema"]):
        parameters = [nn.Parameter(torch.ones(2, 2))]
        optimizer = made("optimizer", "sgd", parameters)
        for name in names:
            optimizer = remedy(name).wrap_optimizer(optimizer)
        assert has_modes(optimizer)
        assert needs_closure(optimizer) == ("sam" in around)
    asking = remedy("ema").wrap_optimizer(made("optimizer", "lbfgs", parameters))
    assert needs_closure(asking)


def test_it_refuses_what_keeps_two_sets_of_weights_already():
    with pytest.raises(ValueError, match="keeps two sets of weights of its own; use another"):
        remedy("ema").wrap_optimizer(made("optimizer", "schedule_free_adamw", [nn.Parameter(torch.ones(2))]))


def test_a_path_on_a_surface_is_averaged():
    base = {"optimizer": {"use": "sgd", "lr": 0.049}}
    paths = []
    for names in ([], [{"use": "ema", "decay": 0.6}]):
        [run] = resolve(parse({"kind": "descent", "task": {"steps": 25}, "base": base | {"remedies": names}}), known)
        recorder = MemoryRecorder()
        descend(run, known, recorder)
        paths.append(recorder.table("path"))
    x = paths[0]["x"].tolist()
    average = [x[0], x[1]]
    for t, here in enumerate(x[2:], start=1):
        average.append(kept(0.6, t) * average[-1] + (1 - kept(0.6, t)) * here)
    assert paths[1]["x"].tolist() == pytest.approx(average, rel=1e-9, abs=1e-12)
