"""Initializers against their formulas, and those that look at the whole network against plain torch."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pandas
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from workbench import Block, registry
from workbench.errors import WorkbenchError
from workbench.training.network import Network

known = registry.current()
SHAPE = (128, 784)


def filled(name: str, shape: tuple[int, ...] = SHAPE, **given: Any) -> Tensor:
    weight = torch.full(shape, math.nan)
    torch.manual_seed(0)
    known.get("initializer", name).factory(weight, **known.settings("initializer", name, given))
    return weight.double()


def spread(weight: Tensor) -> float:
    return weight.std(correction=0).item()


def finish(name: str, network: nn.Module, inputs: Tensor, **given: Any) -> None:
    """Fill every layer, biases with 0, and finish: as the bench does before a training."""
    component, settings = known.get("initializer", name), known.settings("initializer", name, given)
    torch.manual_seed(0)
    with torch.no_grad():
        for layer in network.weight_layers:
            component.factory(layer.module.weight, **settings)
            if layer.module.bias is not None:
                layer.module.bias.zero_()
        component.finish(network, inputs, **settings)


def test_sizes_of_xavier_and_kaiming():
    assert spread(filled("kaiming_normal")) == pytest.approx(0.0505076, rel=0.01)
    assert spread(filled("kaiming_normal", mode="fan_out")) == pytest.approx(math.sqrt(2 / 128), rel=0.01)
    assert spread(filled("kaiming_uniform")) == pytest.approx(0.0505076, rel=0.01)
    assert filled("kaiming_uniform").abs().max().item() <= math.sqrt(6 / 784)
    assert filled("xavier_uniform").abs().max().item() == pytest.approx(0.0811107, rel=1e-3)
    assert filled("xavier_uniform").abs().max().item() <= 0.0811108
    assert filled("xavier_uniform", gain=4.0).abs().max().item() == pytest.approx(4 * 0.0811107, rel=1e-3)
    assert spread(filled("xavier_normal")) == pytest.approx(math.sqrt(2 / 912), rel=0.01)
    assert spread(filled("lecun_normal")) == pytest.approx(1 / 28, rel=0.01)
    assert spread(filled("lecun_normal", (64, 32, 5, 5))) == pytest.approx(1 / math.sqrt(800), rel=0.01)


def test_a_truncated_bell_has_no_tails_and_the_spread_that_remains():
    """Var = std^2 (1 - 2 c phi(c) / (2 Phi(c) - 1)), from integrating by parts."""
    for cut in (0.5, 1.0, 2.0, 3.0):
        weight = filled("truncated_normal", (1000, 400), mean=0.3, std=0.1, cut=cut)
        density = math.exp(-(cut**2) / 2) / math.sqrt(2 * math.pi)
        expected = 0.1 * math.sqrt(1 - 2 * cut * density / math.erf(cut / math.sqrt(2)))
        assert (weight - 0.3).abs().max().item() <= 0.1 * cut + 1e-6
        assert weight.mean().item() == pytest.approx(0.3, abs=1e-3)
        assert spread(weight) == pytest.approx(expected, rel=0.005)


def test_constants():
    assert (filled("zeros") == 0).all()
    assert (filled("constant", value=-0.25) == -0.25).all()


def test_the_identity_hands_on_what_it_is_given():
    x = torch.randn(5, 6, dtype=torch.float64)
    assert torch.equal(F.linear(x, filled("identity", (6, 6))), x)
    assert torch.equal(F.linear(x, filled("identity", (4, 6), scale=2.0)), 2 * x[:, :4])
    assert torch.equal(F.linear(x, filled("identity", (8, 6))), F.pad(x, (0, 2)))
    picture = torch.randn(2, 3, 7, 7, dtype=torch.float64)
    assert torch.equal(F.conv2d(picture, filled("identity", (3, 3, 3, 3)), padding=1), picture)
    sound = torch.randn(2, 3, 9, dtype=torch.float64)
    assert torch.equal(F.conv1d(sound, filled("identity", (2, 3, 5)), padding=2), sound[:, :2])
    noisy = filled("identity", (300, 300), noise=0.1) - torch.eye(300, dtype=torch.float64)
    assert spread(noisy) == pytest.approx(0.1, rel=0.02)


def moments(initializer: str, activation: str, bench: Any, depth: int = 8) -> Tensor:
    """E[h^2] after each hidden layer, measured by plain torch on the weights of an untrained network."""
    task = {
        "dataset": {"use": "gaussian", "samples": 512, "features": 512},
        "model": {"use": "mlp", "depth": depth, "width": 512},
        "epochs": 0,
    }
    run = bench.run(task, {"initializer": initializer, "activation": activation})
    _, recorder = bench.execute(run)
    h, found = torch.randn(512, 512, generator=torch.Generator().manual_seed(1)), []
    weights = [tensor for name, tensor in recorder.weights.items() if name.endswith("weight")]
    biases = [tensor for name, tensor in recorder.weights.items() if name.endswith("bias")]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        h = known.make("activation", {"use": activation} | known.settings("activation", activation, {}))(
            h @ weight.T + bias
        )
        found.append((h**2).mean())
    return torch.stack(found)


@pytest.mark.parametrize(
    ("initializer", "factor"), [("kaiming_normal", 1.0), ("xavier_normal", 0.5), ("lecun_normal", 0.5)]
)
def test_what_a_relu_layer_makes_of_second_moments(bench, initializer, factor):
    found = moments(initializer, "relu", bench)
    assert (found[-1] / found[0]).item() ** (1 / 7) == pytest.approx(factor, rel=0.03)


def test_torch_default_keeps_a_sixth(bench):
    found = moments("torch_default", "relu", bench, depth=2)  # deeper down the biases count
    assert (found[0]).item() == pytest.approx(1 / 6, rel=0.05)


def test_selu_with_lecun_normal_stays_where_it_is(bench):
    found = moments("lecun_normal", "selu", bench)
    assert torch.allclose(found, torch.ones(8), atol=0.1)


def test_a_zero_network_has_no_gradient_but_the_last_bias(bench):
    _, recorder = bench.train(
        {"dataset": "digits", "epochs": 1, "batch_size": 480}, {"initializer": "zeros", "activation": "relu"}
    )
    norms = {name: tensor.abs().max().item() for name, tensor in recorder.weights.items()}
    moved = {name for name, size in norms.items() if size > 0}
    assert moved == {"stages.2.layer.bias"}


# -- LSUV ------------------------------------------------------------------------------------------------------


def mlp(*sizes: int, activation: type[nn.Module] = nn.ReLU) -> list[Block]:
    pairs = list(pairwise(sizes))
    return [Block(nn.Linear(a, b), activation()) for a, b in pairs[:-1]] + [Block(nn.Linear(*pairs[-1]))]


@pytest.mark.parametrize("activation", [torch.relu, torch.tanh, torch.sigmoid])
def test_lsuv_gives_each_layer_variance_one(activation):
    module = {torch.relu: nn.ReLU, torch.tanh: nn.Tanh, torch.sigmoid: nn.Sigmoid}[activation]
    network = Network(mlp(20, 50, 40, 30, 10, activation=module))
    x = 5 + 3 * torch.randn(64, 20)
    finish("lsuv", network, x, tolerance=1e-4)
    h = x
    for layer in network.weight_layers:
        z = h @ layer.module.weight.T
        assert z.var(correction=0).item() == pytest.approx(1, abs=1e-4)
        h = activation(z)


def test_lsuv_only_scales_orthogonal_weights():
    network = Network(mlp(30, 20, 10))
    finish("lsuv", network, torch.randn(64, 30))
    for layer in network.weight_layers:
        weight = layer.module.weight.detach().double()
        gram = weight @ weight.T
        scale = gram.diagonal().mean()
        assert torch.allclose(gram, scale * torch.eye(len(weight), dtype=torch.float64), atol=1e-4 * scale.item())
        assert (layer.module.bias == 0).all()


def test_lsuv_leaves_running_means_and_random_numbers_alone():
    """With dropout and batch norm in the way: every pass draws and averages, and nobody may see it afterwards."""
    blocks = [
        Block(nn.Conv2d(1, 4, 3), nn.ReLU(), norm=[nn.BatchNorm2d(4)], after=[nn.Dropout(0.5)]),
        Block(nn.Linear(4 * 6 * 6, 10), before=[nn.Flatten()]),
    ]
    network = Network(blocks)
    kept = {name: buffer.clone() for name, buffer in network.named_buffers()}
    x = torch.rand(32, 1, 8, 8)
    component = known.get("initializer", "lsuv")
    torch.manual_seed(5)
    with torch.no_grad():
        component.finish(network, x, tolerance=0.01, iterations=5)
    here = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(here, torch.rand(3))
    assert all(torch.equal(buffer, kept[name]) for name, buffer in network.named_buffers())
    assert all(not module._forward_hooks for module in network.modules())
    made = F.conv2d(x, blocks[0].layer.weight, blocks[0].layer.bias)
    assert made.var(correction=0).item() == pytest.approx(1, abs=0.01)


def test_lsuv_stops_where_nothing_varies():
    network = Network(mlp(6, 5, 4))
    with pytest.raises(ValueError, match="the output of linear 1 has variance 0 on the first batch"):
        finish("lsuv", network, torch.zeros(8, 6))

    class Dead(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return z * 0

    with pytest.raises(ValueError, match="the output of linear 2 has variance 0"):
        finish("lsuv", Network(mlp(6, 5, 4, activation=Dead)), torch.randn(8, 6))
    with pytest.raises(ValueError, match="variance nan"):
        finish("lsuv", Network(mlp(6, 5, 4)), torch.full((8, 6), 3e38) * torch.tensor([[1.0], [-1.0]]).repeat(4, 1))


class Twice(nn.Module):
    """One layer that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.tanh(self.linear(x)))


def test_lsuv_of_a_layer_that_is_used_twice_takes_all_its_outputs():
    network = Network([Block(Twice()), Block(nn.Linear(8, 3))])
    x = 10 * torch.randn(64, 8)
    finish("lsuv", network, x, tolerance=1e-3)
    linear = network.weight_layers[0].module
    first = x @ linear.weight.T
    both = torch.cat([first, torch.tanh(first) @ linear.weight.T])
    assert both.var(correction=0).item() == pytest.approx(1, abs=1e-3)
    with pytest.raises(ValueError, match=r"linear 1 still has variance .* after 1 rescalings"):
        finish("lsuv", Network([Block(Twice()), Block(nn.Linear(8, 3))]), x, tolerance=1e-5, iterations=1)


def test_lsuv_looks_once_for_each_layer_and_once_more():
    network, passes = Network(mlp(20, *[30] * 9, 10)), []
    network.stages[0].register_forward_hook(lambda module, given, made: passes.append(1))
    finish("lsuv", network, 3 * torch.randn(64, 20))
    assert len(passes) == 1 + len(network.weight_layers)


def test_lsuv_says_when_a_layer_is_never_used():
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    with pytest.raises(ValueError, match="linear 2 takes no part in the forward pass"):
        finish("lsuv", Network([Block(Idle()), Block(nn.Linear(6, 3))]), torch.randn(8, 6))


def test_lsuv_reaches_the_weight_beneath_a_parametrization():
    blocks = mlp(20, 30, 10)
    network = Network(blocks)
    parametrizations.weight_norm(blocks[0].layer)
    x = 7 * torch.randn(64, 20)
    with torch.no_grad():
        known.get("initializer", "lsuv").finish(network, x, tolerance=0.01, iterations=5)
    assert F.linear(x, blocks[0].layer.weight, blocks[0].layer.bias).var().item() == pytest.approx(1, abs=0.02)


def test_lsuv_in_a_training(bench):
    task = {"dataset": "digits", "model": {"use": "mlp", "depth": 10, "width": 32}, "epochs": 0}
    summary, recorder = bench.train(task, {"initializer": "lsuv", "activation": "sigmoid"})
    assert summary["outcome"] == "finished"
    layers = recorder.table("layers")
    first = layers[(layers["layer"] == "linear 1") & (layers["statistic"] == "weight_norm")]
    assert len(first) == 1
    _, again = bench.train(task, {"initializer": "lsuv", "activation": "sigmoid"})
    assert all(torch.equal(tensor, again.weights[name]) for name, tensor in recorder.weights.items())


# -- Fixup -----------------------------------------------------------------------------------------------------


def shortcuts(count: int, layers: int, width: int = 64) -> list[Block]:
    """A first layer, ``count`` branches of ``layers`` layers each, and a head."""
    blocks = [Block(nn.Linear(20, width), nn.ReLU())]
    for _ in range(count):
        blocks += [Block(nn.Linear(width, width), nn.ReLU()) for _ in range(layers)]
        blocks[-1].skip = layers
    return [*blocks, Block(nn.Linear(width, 10))]


@pytest.mark.parametrize(("count", "layers"), [(1, 2), (4, 2), (3, 3), (5, 4)])
def test_fixup_shrinks_a_branch_as_in_the_paper(count, layers):
    blocks = shortcuts(count, layers, width=256)
    finish("fixup", Network(blocks), torch.randn(16, 20))
    he, factor = math.sqrt(2 / 256), count ** (-1 / (2 * layers - 2))
    assert spread(blocks[0].layer.weight.detach().double()) == pytest.approx(math.sqrt(2 / 20), rel=0.03)
    for number, block in enumerate(blocks[1:-1]):
        found = spread(block.layer.weight.detach().double())
        assert found == pytest.approx(0 if number % layers == layers - 1 else he * factor, rel=0.03)
    assert (blocks[-1].layer.weight == 0).all()


def test_a_network_begins_as_its_first_layer_and_guesses_evenly():
    network = Network(shortcuts(6, 2))
    x = torch.randn(16, 20)
    finish("fixup", network, x)
    seen: list[Tensor] = []
    network.blocks[-1].layer.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    loss = F.cross_entropy(network(x), torch.arange(16) % 10)
    assert loss.item() == pytest.approx(math.log(10), abs=1e-6)
    assert torch.equal(seen[0], torch.relu(network.blocks[0].layer(x)))


def step_of(initializer: str, count: int) -> float:
    """How far the outputs move in one step of gradient descent, at a small rate and relative to it."""
    network = Network(shortcuts(count, 2))
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(128, 20, generator=generator), torch.randint(10, (128,), generator=generator)
    if initializer == "fixup":
        finish("fixup", network, x)
    else:
        torch.manual_seed(0)
        for layer in network.weight_layers:
            nn.init.kaiming_normal_(layer.module.weight)
            nn.init.zeros_(layer.module.bias)
    outputs = []
    for _ in range(2):  # the first only gives Fixup's zero head its weights
        optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
        before = network(x)
        optimizer.zero_grad()
        F.cross_entropy(before, y).backward()
        optimizer.step()
        outputs.append((network(x) - before).norm().item())
    return outputs[-1]


def test_with_fixup_depth_does_not_make_the_first_steps_longer():
    assert step_of("fixup", 32) / step_of("fixup", 2) < 2
    assert not step_of("he", 32) < 10 * step_of("he", 2)  # ten times as long, or no longer finite


def test_fixup_with_the_remedy_residual_zeroes_what_is_added(bench):
    task = {"dataset": "digits", "model": {"use": "mlp", "depth": 5, "width": 32}, "epochs": 0}
    base = {"initializer": "fixup", "activation": "leaky_relu", "remedies": ["residual"]}
    summary, recorder = bench.train(task, base)
    assert summary["final_loss"] == pytest.approx(math.log(10), abs=1e-6)
    sizes = [tensor.abs().max().item() for name, tensor in recorder.weights.items() if name.endswith("weight")]
    assert sizes[0] > 0, "64 inputs, 32 outputs: nothing is added there"
    assert sizes[1:] == [0] * 5


def test_fixup_trains_a_deep_residual_network(bench):
    task = {"dataset": "digits", "model": {"use": "mlp", "depth": 30, "width": 32}, "epochs": 10, "batch_size": 64}
    base = {"initializer": "fixup", "activation": "leaky_relu", "remedies": ["residual"]}
    summary, recorder = bench.train(task, base | {"optimizer": {"use": "sgd", "lr": 0.3}})
    assert summary["final_accuracy"] > 0.85
    moved = [tensor.abs().max().item() for name, tensor in recorder.weights.items() if name.endswith("weight")]
    assert min(moved) > 0, "every branch has left 0"


def test_fixup_refuses_a_branch_that_would_stay_zero(bench):
    task = {"dataset": "digits", "model": {"use": "mlp", "depth": 5, "width": 32}, "epochs": 0}
    for activation in ("relu", "squared_relu"):
        with pytest.raises(WorkbenchError, match=r"block 2 ends in .*ReLU, whose slope at 0 is 0"):
            bench.train(task, {"initializer": "fixup", "activation": activation, "remedies": ["residual"]})


def test_fixup_refuses_a_network_without_branches(bench):
    task = {"dataset": "digits", "model": {"use": "mlp", "depth": 5, "width": 32}, "epochs": 0}
    with pytest.raises(WorkbenchError, match="initializer 'fixup': this network adds nothing"):
        bench.train(task, {"initializer": "fixup"})
    blocks = mlp(6, 5, 4)
    blocks[0].residual = True  # but six inputs cannot be added to five outputs
    with pytest.raises(ValueError, match="this network adds nothing"):
        finish("fixup", Network(blocks), torch.randn(8, 6))


def test_fixup_leaves_a_shortcut_of_its_own_alone():
    blocks = [Block(nn.Linear(8, 16), nn.ReLU(), skip=0), Block(nn.Linear(16, 16), nn.ReLU())]
    blocks[1].skip, blocks[1].shortcut = 2, nn.Linear(8, 16)
    finish("fixup", Network([*blocks, Block(nn.Linear(16, 3))]), torch.randn(4, 8))
    assert blocks[1].shortcut.weight.std() > 0
    assert (blocks[1].layer.weight == 0).all()
    assert blocks[0].layer.weight.std() > 0


@pytest.mark.parametrize("model", ["rnn", "lstm"])
def test_lsuv_settles_where_a_layer_feeds_itself(bench, model):
    base = {"initializer": "lsuv", "activation": "relu"}
    _, recorder = bench.train({"model": model, "epochs": 0}, base)
    found = recorder.table("layers").query("statistic == 'activation_std' and index > 0")
    assert found["value"].to_numpy() == pytest.approx(1.0, abs=0.01)  # the layers inside hand on z itself


def test_fixup_refuses_branches_that_are_multiplied_by_nothing(bench):
    task = {"model": {"use": "residual_cnn", "depth": 7, "width": 4}, "epochs": 0}
    with pytest.raises(WorkbenchError, match="multiplied by 0 at the start already"):
        bench.train(task, {"initializer": "fixup", "remedies": ["rezero"]})


def test_rezero_that_starts_at_1_is_the_multiplier_of_fixups_paper(bench):
    model = {"use": "residual_cnn", "depth": 7, "width": 4}
    task = {"dataset": "digits", "model": model, "epochs": 2, "batch_size": 32}
    base = {"initializer": "fixup", "activation": "relu", "optimizer": {"use": "sgd", "lr": 0.5}}
    multiplied = base | {"remedies": [{"use": "rezero", "start": 1.0}]}
    untrained = [bench.train(task | {"epochs": 0}, given)[1].table("layers") for given in (base, multiplied)]
    pandas.testing.assert_frame_equal(*untrained)  # a factor of 1 changes nothing
    _, recorder = bench.train(task, multiplied)
    factors = [tensor.item() for name, tensor in recorder.weights.items() if name.endswith("alpha")]
    assert len(factors) == 3
    assert min(abs(factor - 1) for factor in factors) > 1e-3, "every one of them has learnt"
