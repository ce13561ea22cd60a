"""What stands between the parameters of a layer and the weights that it works with."""

from __future__ import annotations

import math

import pytest
import torch
from remedying import known, mlp, remedy, run_of, same, trained
from torch import nn
from torch.nn import functional

from workbench import Block
from workbench.errors import ExperimentError
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder
from workbench.training.loop import execute
from workbench.training.network import Network, weight_of

LAYERS = {
    "linear": (nn.Linear(7, 5), functional.linear, (11, 7)),
    "conv1d": (nn.Conv1d(3, 5, 3, padding=1), functional.conv1d, (4, 3, 9)),
    "conv2d": (nn.Conv2d(3, 5, 3, padding=1), functional.conv2d, (4, 3, 9, 9)),
    "conv3d": (nn.Conv3d(3, 5, 3, padding=1), functional.conv3d, (4, 3, 5, 5, 5)),
}


# -- weight standardisation ------------------------------------------------------------------------------------------


def standardised(layer: nn.Module, **settings: object) -> nn.Module:
    [block, _] = remedy("weight_standardization", **settings).edit_blocks([Block(layer, nn.ReLU()), *mlp(4, 4)])
    return block.layer


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("scaled", [False, True])
def test_a_layer_works_with_weights_of_mean_zero_and_variance_one(kind, scaled):
    torch.manual_seed(0)
    layer, function, shape = LAYERS[kind]
    given = type(layer)(**arguments(layer))
    given.load_state_dict(layer.state_dict())
    x, weight = torch.randn(shape), given.weight
    rows = functional.batch_norm(weight.reshape(1, len(weight), -1), None, None, training=True, eps=1e-5)
    rows = rows.reshape(weight.shape) / (math.sqrt(weight[0].numel()) if scaled else 1)
    padding = {} if kind == "linear" else {"padding": 1}
    expected = function(x, rows, given.bias, **padding)
    made = standardised(given, scaled=scaled)
    assert isinstance(made, type(layer))
    assert made.state_dict().keys() == layer.state_dict().keys()
    assert made.weight is weight
    torch.testing.assert_close(made(x), expected, rtol=1e-5, atol=1e-5)


def arguments(layer: nn.Module) -> dict[str, int]:
    if isinstance(layer, nn.Linear):
        return {"in_features": 7, "out_features": 5}
    return {"in_channels": 3, "out_channels": 5, "kernel_size": 3, "padding": 1}


def test_only_the_slope_along_the_standardised_weights_is_left():
    torch.manual_seed(0)
    layer = standardised(nn.Linear(7, 5).double(), eps=1e-12)
    layer(torch.randn(4, 7, dtype=torch.float64)).square().sum().backward()
    grad, weight = layer.weight.grad, layer.weight.detach()
    size = grad.abs().max().item()
    assert size > 1e-3
    assert grad.sum(1).abs().max().item() < 1e-10 * size, "moving a row as a whole changes nothing"
    assert (grad * weight).sum(1).abs().max().item() < 1e-9 * size, "nor does stretching it"


def test_the_last_layer_keeps_its_weights_and_a_shortcut_does_not():
    blocks = mlp(5, 4, 4, 3)
    blocks[1].skip, blocks[1].shortcut = 1, nn.Linear(4, 4)
    remedy("weight_standardization").edit_blocks(blocks)
    assert [type(block.layer) is nn.Linear for block in blocks] == [False, False, True]
    assert type(blocks[1].shortcut) is not nn.Linear


def test_a_layer_that_is_used_twice_is_changed_once():
    shared = nn.Linear(4, 4)
    blocks = [Block(shared, nn.Tanh()), Block(shared, nn.Tanh()), *mlp(4, 3)]
    remedy("weight_standardization").edit_blocks(blocks)
    assert blocks[0].layer is blocks[1].layer
    x = torch.randn(3, 4)
    rows = functional.batch_norm(shared.weight[None], None, None, training=True, eps=1e-5)[0]
    torch.testing.assert_close(shared(x), functional.linear(x, rows, shared.bias))


def test_units_with_one_input_cannot_be_standardised():
    with pytest.raises(ValueError, match="no variance to divide by"):
        remedy("weight_standardization").edit_blocks(mlp(1, 4, 3))


def test_the_bench_initialises_and_keeps_what_lies_beneath():
    task = {"epochs": 0}
    plain, other = trained({}, task), trained({"remedies": ["weight_standardization"]}, task)
    assert same(plain.weights, other.weights)
    weights = trained({"remedies": [{"use": "weight_standardization", "scaled": True}]}, {"epochs": 3})
    assert weights.summary["final_accuracy"] > weights.table("curve").query("split == 'test'")["accuracy"].iloc[0]


# -- spectral norm ---------------------------------------------------------------------------------------------------


def spectral(blocks: list[Block], **settings: int) -> Network:
    network = Network(blocks)
    remedy("spectral_norm", **settings).after_init(network, torch.zeros(1))
    return network


@pytest.mark.parametrize("kind", LAYERS)
def test_no_layer_stretches(kind):
    torch.manual_seed(0)
    layer, _, shape = LAYERS[kind]
    layer = type(layer)(**arguments(layer))
    before = layer.weight
    network = spectral([Block(layer)], iterations=100)
    network(torch.randn(shape))
    singular = torch.linalg.svdvals(before.detach().flatten(1))
    torch.testing.assert_close(layer.weight.detach(), before.detach() / singular[0], rtol=1e-4, atol=1e-6)
    assert weight_of(layer) is before, "what is learned is the same parameter"


def test_what_a_frozen_layer_is_divided_by_stays():
    for names in (["freeze", "spectral_norm"], ["spectral_norm", "freeze"]):
        network = Network(mlp(5, 4, 4, 3))
        for name in names:
            remedy(name).after_init(network, torch.zeros(1))
        network.train()
        kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        for _ in range(3):
            network(torch.randn(9, 5))
        moved = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, kept[name])}
        assert moved
        assert all(name.startswith("stages.2.layer.parametrizations.weight.0.") for name in moved), moved


def test_spectral_norm_and_weight_standardisation_exclude_each_other():
    with pytest.raises(ExperimentError, match="clash"):
        run_of({"remedies": ["spectral_norm", "weight_standardization"]})


def test_spectral_norm_goes_along_in_a_transfer():
    task = {
        "source": {"use": "digits", "classes": "0-4"},
        "dataset": {"use": "digits", "classes": "5-9"},
        "epochs": 1,
        "model": {"use": "mlp", "depth": 2, "width": 16},
    }
    base = {"remedies": ["spectral_norm", "freeze"]}
    [run] = resolve(parse({"kind": "transfer", "task": task, "base": base}), known)
    source, target = MemoryRecorder(), MemoryRecorder()
    execute(run.source, known, source)
    target.sources[run.source.id(known)] = source.weights
    summary = execute(run, known, target)
    assert summary["message"].startswith("2 of 3 weight layers taken over")
    for index in (0, 1):
        name = f"stages.{index}.layer.parametrizations.weight.original"
        assert torch.equal(source.weights[name], target.weights[name])


def test_the_seed_decides_where_power_iteration_begins():
    one, other = (trained({"remedies": ["spectral_norm"]}) for _ in range(2))
    assert same(one.weights, other.weights)
