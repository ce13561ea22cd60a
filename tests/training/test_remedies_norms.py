"""The norms, against their equations."""

from __future__ import annotations

import pytest
import torch
from remedying import mlp, remedy, run_of, trained
from torch import Tensor, nn

from workbench import Block
from workbench.errors import ExperimentError
from workbench.training.network import Network

EPS = 1e-5
NORMS = ("batch_norm", "layer_norm", "group_norm", "rms_norm")


def centred(z: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Mean 0 and variance 1 over some axes."""
    return (z - z.mean(axes, keepdim=True)) / (z.var(axes, correction=0, keepdim=True) + EPS).sqrt()


def grouped(z: Tensor, groups: int) -> Tensor:
    parted = z.reshape(len(z), groups, -1)
    return centred(parted, (2,)).reshape(z.shape)


def over_rms(z: Tensor) -> Tensor:
    return z / (z.flatten(1).square().mean(1).view(-1, *[1] * (z.dim() - 1)) + EPS).sqrt()


BY_HAND = {
    "batch_norm": lambda z: centred(z, (0, *range(2, z.dim()))),
    "layer_norm": lambda z: centred(z, tuple(range(1, z.dim()))),
    "group_norm": lambda z: grouped(z, 2),
    "rms_norm": over_rms,
}
SETTINGS = {"group_norm": {"groups": 2}}


def lively(norm: nn.Module) -> nn.Module:
    """Its scales and shifts as if something had been learned."""
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    return norm


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(5, 6), (64, 5)),
        (nn.Conv1d(2, 6, 3), (64, 2, 7)),
        (nn.Conv2d(2, 6, 3), (64, 2, 7, 7)),
        (nn.Conv3d(2, 6, 3), (32, 2, 5, 5, 5)),
    ],
    ids=["linear", "conv1d", "conv2d", "conv3d"],
)
def test_a_norm_does_what_its_equation_says(name, layer, shape):
    torch.manual_seed(0)
    [block] = remedy(name, **SETTINGS.get(name, {})).edit_blocks([Block(layer, nn.Tanh())])
    [norm] = block.norm
    lively(norm)
    z = block.layer(3 * torch.randn(shape) + 1)
    scale = norm.weight.view(-1, *[1] * (z.dim() - 2))
    shift = norm.bias.view(-1, *[1] * (z.dim() - 2)) if getattr(norm, "bias", None) is not None else 0.0
    assert norm.weight.shape == (6,), "one scale for each unit"
    torch.testing.assert_close(norm(z), BY_HAND[name](z) * scale + shift, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_stands_between_layer_and_activation_but_not_behind_the_last(name):
    blocks = remedy(name, **SETTINGS.get(name, {})).edit_blocks(mlp(5, 4, 4, 3))
    assert [len(block.norm) for block in blocks] == [1, 1, 0]
    x = torch.randn(64, 5)
    expected = torch.tanh(BY_HAND[name](blocks[0].layer(x)))
    torch.testing.assert_close(Network(blocks).stages[0](x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["layer_norm", "group_norm", "rms_norm"])
def test_these_look_at_one_sample_alone_in_training_and_in_tests(name):
    [block] = remedy(name, **SETTINGS.get(name, {})).edit_blocks([Block(nn.Conv2d(2, 6, 3), nn.Tanh())])
    [norm] = block.norm
    z = torch.randn(8, 6, 4, 4)
    together = norm.train()(z)
    torch.testing.assert_close(torch.cat([norm.eval()(z[i : i + 1]) for i in range(8)]), together)


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_refuses_what_it_does_not_know_and_what_is_normalised_already(name):
    with pytest.raises(ValueError, match="use Linear or Conv"):
        remedy(name).edit_blocks([Block(nn.Bilinear(2, 2, 2), nn.ReLU())])
    own = [Block(nn.Linear(8, 8), nn.ReLU(), norm=[nn.BatchNorm1d(8)])]
    with pytest.raises(ValueError, match="the model has a BatchNorm1d there already"):
        remedy(name).edit_blocks(own)


def test_a_norm_without_a_place_is_refused():
    with pytest.raises(ValueError, match="there is no place for a norm"):
        remedy("batch_norm").edit_blocks([Block(nn.Linear(4, 4)), Block(nn.Linear(4, 3))])


@pytest.mark.parametrize("name", NORMS)
def test_the_norms_exclude_one_another(name):
    for other in set(NORMS) - {name}:
        with pytest.raises(ExperimentError, match=f"'{name}' and '{other}' clash"):
            run_of({"remedies": [name, other]})


@pytest.mark.parametrize(
    ("count", "groups", "allowed"), [(6, 4, "1, 2, 3"), (6, 6, "1, 2, 3"), (5, 2, "1"), (1, 1, None)]
)
def test_group_norm_says_which_groups_there_can_be(count, groups, allowed):
    message = f"allowed: {allowed}$" if allowed else "it has to have more units"
    with pytest.raises(ValueError, match=message):
        remedy("group_norm", groups=groups).edit_blocks([Block(nn.Linear(3, count), nn.ReLU())])


def test_a_channel_may_be_a_group_of_its_own():
    [block] = remedy("group_norm", groups=6).edit_blocks([Block(nn.Conv2d(1, 6, 3), nn.ReLU())])
    z = torch.randn(4, 6, 5, 5)
    torch.testing.assert_close(block.norm[0](z), centred(z, (2, 3)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_keeps_a_signal_alive_that_dies_without(name):
    task = {"model": {"use": "mlp", "depth": 8, "width": 32}, "epochs": 0}
    base = {"activation": "tanh", "initializer": {"use": "normal", "std": 0.02}}
    plain, normed = (trained(base | {"remedies": names}, task).table("layers") for names in ([], [name]))
    deepest = "statistic == 'activation_std' and index == 8"
    assert plain.query(deepest)["value"].item() < 1e-6
    assert normed.query(deepest)["value"].item() > 0.4  # tanh of a standard normal number: 0.63
