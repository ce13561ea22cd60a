"""How blocks become a network: shortcuts, parametrized weights, what an initializer does at the end."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from workbench import Block, registry
from workbench.errors import ExperimentError, WorkbenchError
from workbench.training.data import prepare
from workbench.training.network import Network, check, load_features, weight_of

TINY = {"epochs": 1, "batch_size": 128, "model": {"use": "mlp", "depth": 2, "width": 8}}


def scale(factor: float) -> nn.Module:
    layer = nn.Linear(3, 3, bias=False)
    nn.init.eye_(layer.weight)
    layer.weight.data.mul_(factor)
    return layer


def test_a_shortcut_over_two_layers_is_added_before_the_activation():
    torch.manual_seed(0)
    first, second, last = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2)
    x = torch.randn(5, 3)
    network = Network([Block(first, nn.ReLU()), Block(second, nn.ReLU(), branch=[scale(0.5)], skip=2), Block(last)])
    expected = last(torch.relu(0.5 * second(torch.relu(first(x))) + x))
    assert torch.allclose(network(x), expected)
    projected = Network([Block(first, nn.ReLU()), Block(second, nn.ReLU(), skip=2, shortcut=scale(3.0)), Block(last)])
    assert torch.allclose(projected(x), last(torch.relu(second(torch.relu(first(x))) + 3 * x)))


def test_a_branch_is_left_out_where_nothing_is_added():
    torch.manual_seed(0)
    widens, keeps, last = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)
    zero = [nn.Linear(4, 4, bias=False) for _ in range(2)]
    for each in zero:
        nn.init.zeros_(each.weight)
    x = torch.randn(5, 3)
    blocks = [
        Block(widens, nn.Tanh(), residual=True, branch=[zero[0]]),
        Block(keeps, nn.Tanh(), residual=True, branch=[zero[1]]),
        Block(last),
    ]
    assert torch.allclose(Network(blocks)(x), last(torch.tanh(widens(x))))


def test_a_shortcut_that_begins_before_the_network_is_refused():
    with pytest.raises(ValueError, match=r"block 1 has skip = 2; there are 1 to skip"):
        check([Block(nn.Linear(2, 2), nn.ReLU(), skip=2), Block(nn.Linear(2, 2))])


def test_the_weight_that_is_learned_lies_beneath_a_parametrization():
    layer = nn.Linear(4, 4)
    assert weight_of(layer) is layer.weight
    plain = layer.weight
    nn.utils.parametrizations.spectral_norm(layer)
    assert weight_of(layer) is plain
    assert weight_of(layer).is_leaf


def test_features_are_taken_over_from_a_network_with_parametrized_weights():
    torch.manual_seed(0)
    source = Network(
        [Block(nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)), nn.ReLU()), Block(nn.Linear(4, 2))]
    )
    target = Network([Block(nn.Linear(4, 4), nn.ReLU()), Block(nn.Linear(4, 2))])
    assert load_features(target, source.state_dict()) == {1}
    assert torch.equal(target.stages[0].layer.weight, weight_of(source.stages[0].layer))


def test_an_initializer_may_finish_when_all_layers_are_filled(tmp_path, bench, monkeypatch):
    (tmp_path / "finishing.py").write_text(
        "from torch import nn\n"
        "from workbench import Initializer, Param, hookimpl\n"
        "def finish(network, inputs, size):\n"
        "    assert inputs.shape == (128, 1, 8, 8)\n"
        "    for layer in network.weight_layers:\n"
        "        assert (layer.module.weight == size).all()\n"
        "    network.weight_layers[-1].module.weight.zero_()\n"
        "@hookimpl\n"
        "def register_initializers(register):\n"
        "    register(Initializer('finishing', lambda weight, size: nn.init.constant_(weight, size), finish=finish,\n"
        "                         params=[Param('size', 0.5, help='of all')], summary='For a test.'))\n"
    )
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(tmp_path))
    bench.registry = registry.load()
    summary, recorder = bench.train(TINY | {"epochs": 0}, {"initializer": "finishing"})
    assert summary["final_loss"] == pytest.approx(2.302585, abs=1e-6)  # ln 10: a last layer of zeros guesses evenly
    assert (recorder.weights["stages.0.layer.weight"] == 0.5).all()
    assert (recorder.weights["stages.2.layer.weight"] == 0).all()


def test_a_schedule_that_follows_the_loss_is_refused_on_a_surface(bench, tmp_path, monkeypatch):
    (tmp_path / "following.py").write_text(
        "from workbench import Schedule, hookimpl\n"
        "def factor(clock):\n"
        "    return 0.5 ** len(clock.losses)\n"
        "@hookimpl\n"
        "def register_schedules(register):\n"
        "    register(Schedule('following', factor, needs_losses=True, summary='Halves each epoch.'))\n"
    )
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(tmp_path))
    bench.registry = registry.load()
    with pytest.raises(ExperimentError, match=r"schedule 'following' does not work on a surface: .* no epochs"):
        bench.run({}, {"schedule": "following"}, kind="descent")
    base = {"schedule": "following", "optimizer": {"use": "sgd", "lr": 0.1}}
    _, recorder = bench.train(TINY | {"epochs": 3}, base)
    train = recorder.table("curve").query("split == 'train'")
    assert train.lr.to_numpy() == pytest.approx([0.1] * 12 + [0.05] * 12 + [0.025] * 12)


def test_a_model_that_reconstructs_is_trained_on_its_own_input(bench, tmp_path, monkeypatch):
    (tmp_path / "mirror.py").write_text(
        "import math\n"
        "from torch import nn\n"
        "from workbench import Block, Model, hookimpl\n"
        "def mirror(shape, classes, activation):\n"
        "    size = math.prod(shape)\n"
        "    return [Block(nn.Linear(size, 4), activation(), before=[nn.Flatten()]), Block(nn.Linear(4, size))]\n"
        "@hookimpl\n"
        "def register_models(register):\n"
        "    register(Model('mirror', mirror, reconstructs=True, summary='For a test.'))\n"
    )
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(tmp_path))
    bench.registry = registry.load()
    task = {"model": "mirror", "epochs": 2, "batch_size": 128}
    summary, recorder = bench.train(task, {"optimizer": {"use": "adam", "lr": 0.01}})
    tests = recorder.table("curve").query("split == 'test'")
    assert tests.accuracy.isna().all()
    assert tests.loss.iloc[-1] < tests.loss.iloc[0]
    assert summary["outcome"] == "finished"
    data = prepare(bench.run(task, {}).task, 0, bench.registry)
    w = recorder.weights
    hidden = torch.relu(data.test_x.flatten(1) @ w["stages.0.layer.weight"].T + w["stages.0.layer.bias"])
    back = hidden @ w["stages.1.layer.weight"].T + w["stages.1.layer.bias"]
    error = ((back - data.test_x.flatten(1)) ** 2).mean().item()
    assert tests.loss.iloc[-1] == pytest.approx(error, rel=1e-6)
    text = (tmp_path / "mirror.py").read_text().replace("reconstructs=True, ", "")
    (tmp_path / "mirror.py").write_text(text)
    bench.registry = registry.load()
    with pytest.raises(WorkbenchError, match=r"has to be of shape \(360, 10\)"):
        bench.train(task, {})
