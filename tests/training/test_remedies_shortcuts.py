"""Shortcuts and what is done to the branches beside them."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from remedying import made, mlp, remedy, same, trained
from torch import nn

from workbench import Block
from workbench.training.network import Network

ON_BRANCH = ("rezero", "layer_scale", "stochastic_depth")


def skipping() -> list[Block]:
    """A model with a shortcut of its own over two layers, which passes through a layer."""
    blocks = mlp(5, 4, 4, 4, 3)
    blocks[2].skip, blocks[2].shortcut = 2, nn.Linear(4, 4)
    return blocks


def through(network: Network, x: torch.Tensor) -> torch.Tensor:
    """All stages but the last."""
    for stage in network.stages[:-1]:
        x = stage(x)
    return x


@pytest.mark.parametrize("depth", [1, 30, 300])
def test_rezero_passes_signal_and_gradient_with_a_factor_of_exactly_one(depth):
    network = Network(remedy("rezero").edit_blocks(mlp(*[6] * (depth + 2))))
    x = torch.randn(3, 6, requires_grad=True)
    h, g = through(network, x), torch.randn(3, 6)
    h.backward(g)
    assert torch.equal(h, x)
    assert torch.equal(x.grad, g)


def test_rezero_is_its_equation_and_learns_its_number():
    blocks = remedy("rezero", start=0.3).edit_blocks(mlp(6, 6, 6))
    x = torch.randn(7, 6)
    torch.testing.assert_close(Network(blocks).stages[0](x), x + 0.3 * torch.tanh(blocks[0].layer(x)))
    names = [f"stages.{i}.branch.0.alpha" for i in (1, 2)]
    after = trained({"remedies": ["rezero"]}).weights
    assert all(after[name] != 0 for name in names)
    assert "stages.0.branch.0.alpha" not in after, "64 inputs and 16 outputs: there is no shortcut"


def test_layer_scale_is_its_equation():
    blocks = remedy("layer_scale", start=0.1).edit_blocks(mlp(6, 6, 6))
    scale = blocks[0].branch[0].weight
    assert scale.tolist() == pytest.approx([0.1] * 6)
    nn.init.normal_(scale)
    x = torch.randn(7, 6)
    torch.testing.assert_close(Network(blocks).stages[0](x), x + scale * torch.tanh(blocks[0].layer(x)))


def test_layer_scale_of_a_convolution_has_one_number_a_channel():
    convolution = Block(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
    blocks = remedy("layer_scale").edit_blocks([convolution, *mlp(6, 3)])
    scale = blocks[0].branch[0].weight
    assert scale.shape == (4,)
    nn.init.normal_(scale)
    x = torch.randn(2, 4, 5, 5)
    expected = x + torch.einsum("c,bcij->bcij", scale, torch.relu(convolution.layer(x)))
    torch.testing.assert_close(Network(blocks).stages[0](x), expected)


@pytest.mark.parametrize("mode", ["batch", "row"])
def test_stochastic_depth_leaves_out_the_deeper_the_oftener_and_keeps_the_mean(mode):
    torch.manual_seed(0)
    blocks = remedy("stochastic_depth", p=0.6, mode=mode).edit_blocks(mlp(*[3] * 6))
    shares = []
    for block in blocks[:-1]:
        branch, x = block.branch[0], torch.ones(8, 3)
        drawn = torch.stack([branch(x) for _ in range(1500)])
        assert drawn.mean().item() == pytest.approx(1, abs=0.1)
        assert drawn.eq(drawn[:, :, :1]).all(), "a branch is left out as a whole"
        assert drawn.eq(drawn[:, :1]).all().item() == (mode == "batch")
        shares.append(drawn.eq(0).float().mean().item())
        assert torch.equal(branch.eval()(x), x), "in tests nothing is left out"
    assert shares == pytest.approx([0.15, 0.3, 0.45, 0.6], abs=0.05)


def test_a_branch_that_is_always_left_out_leaves_the_shortcut():
    network = Network(remedy("stochastic_depth", p=1.0).edit_blocks(mlp(6, 6, 6)))
    x = torch.randn(3, 6)
    assert torch.equal(network.stages[0](x), x)


@pytest.mark.parametrize("name", ON_BRANCH)
def test_a_model_with_shortcuts_of_its_own_keeps_them(name):
    blocks = remedy(name, **({"p": 1.0} if name == "stochastic_depth" else {"start": 0.25})).edit_blocks(skipping())
    assert [len(block.branch) for block in blocks] == [0, 0, 1, 0]
    assert not any(block.residual for block in blocks)
    x = torch.randn(7, 5)
    h = Network(blocks).stages[0](x)
    z = blocks[2].layer(torch.tanh(blocks[1].layer(h)))
    share = 0.0 if name == "stochastic_depth" else 0.25
    expected = blocks[3].layer(torch.tanh(share * z + blocks[2].shortcut(h)))  # the sum stands before the activation
    torch.testing.assert_close(Network(blocks)(x), expected)


def test_residual_refuses_a_model_with_shortcuts_of_its_own():
    with pytest.raises(ValueError, match="the model has shortcuts of its own already"):
        remedy("residual").edit_blocks(skipping())


@pytest.mark.parametrize("name", ["residual", *ON_BRANCH])
def test_a_model_without_two_layers_of_one_width_has_no_room_for_a_shortcut(name):
    with pytest.raises(ValueError, match="no hidden layer has as many outputs as inputs"):
        remedy(name).edit_blocks(mlp(5, 4, 3, 2))
    with pytest.raises(ValueError, match="no hidden layer has as many outputs as inputs"):
        remedy(name).edit_blocks([Block(nn.Sequential(nn.Linear(4, 4)), nn.Tanh()), *mlp(4, 3)])


@pytest.mark.parametrize("name", ["residual", *ON_BRANCH])
@pytest.mark.parametrize(
    ("shape", "model", "added"),
    [
        ((64,), {"use": "mlp", "depth": 3, "width": 64}, [0, 1, 2]),
        ((1, 8, 8), {"use": "mlp", "depth": 3, "width": 64}, [1, 2]),
        ((64,), {"use": "autoencoder", "depth": 2, "width": 64, "code": 8}, [0, 1, 4]),
        ((1, 8, 8), {"use": "autoencoder", "depth": 2, "width": 64, "code": 8}, [1, 4]),
        ((3, 8, 8), {"use": "deep_cnn", "depth": 5, "width": 3}, [0, 1, 2, 4]),
    ],
)
def test_what_is_done_to_branches_is_done_where_something_is_added_and_nowhere_else(name, shape, model, added):
    """64 pixels and 64 units agree in number, and still a picture cannot be added to a row."""
    settings = {key: value for key, value in model.items() if key != "use"}
    blocks = remedy(name).edit_blocks(made("model", model["use"], shape, 10, nn.Tanh, **settings))
    assert [n for n, block in enumerate(blocks) if block.branch] == (added if name in ON_BRANCH else [])
    if name == "stochastic_depth":
        shares = [block.branch[0].p for block in blocks if block.branch]
        assert shares == pytest.approx([0.5 * (n + 1) / len(added) for n in range(len(added))])
    x, found = torch.randn(2, *shape), []
    for n, stage in enumerate(Network(blocks).eval().stages):
        given, x = x, stage(x)
        stage.residual = False
        found += [] if torch.equal(stage(given), x) else [n]
    assert found == added


@pytest.mark.parametrize("name", ["residual", *ON_BRANCH])
@pytest.mark.parametrize(
    ("shape", "model"),
    [((1, 8, 8), {"use": "mlp", "depth": 1, "width": 64}), ((6, 12, 12), {"use": "cnn"})],
)
def test_a_block_that_flattens_or_pools_is_no_room_for_a_shortcut(name, shape, model):
    settings = {key: value for key, value in model.items() if key != "use"}
    with pytest.raises(ValueError, match="no hidden layer has as many outputs as inputs"):
        remedy(name).edit_blocks(made("model", model["use"], shape, 10, nn.Tanh, **settings))


@pytest.mark.parametrize("scale", ["rezero", "layer_scale"])
def test_the_order_of_remedies_on_branches_does_not_matter(scale):
    base = {"optimizer": {"use": "adam", "lr": 0.01}}
    first, *rest = (
        trained(base | {"remedies": list(order)}).weights
        for order in permutations(["residual", scale, "stochastic_depth"])
    )
    assert all(same(first, other) for other in rest)
    assert same(first, trained(base | {"remedies": [scale, "stochastic_depth"]}).weights), "they bring shortcuts along"


def test_dropout_sets_a_share_to_zero_and_keeps_the_mean():
    torch.manual_seed(0)
    blocks = remedy("dropout", p=0.3).edit_blocks([Block(nn.Conv2d(1, 2, 3), nn.ReLU()), *mlp(5, 4, 3)])
    assert [len(block.after) for block in blocks] == [1, 1, 0], "the logits are left alone"
    for x in (torch.ones(200, 500), torch.ones(50, 4, 20, 20)):
        [module] = blocks[0].after
        y = module.train()(x)
        assert y.eq(0).float().mean().item() == pytest.approx(0.3, abs=0.01)
        assert y[y != 0].unique().tolist() == pytest.approx([1 / 0.7])
        assert torch.equal(module.eval()(x), x)


def test_dropout_keeps_a_network_from_learning_by_heart():
    task = {"model": {"use": "mlp", "depth": 1, "width": 256}, "epochs": 40, "batch_size": 64}
    base = {"activation": "relu", "optimizer": {"use": "adam", "lr": 0.01}}
    plain, dropped = (trained(base | {"remedies": names}, task).summary["final_loss"] for names in ([], ["dropout"]))
    assert plain < 0.01 < dropped
