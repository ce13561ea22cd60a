"""Initializers, data sets and the multilayer perceptron, each against its formula."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from workbench import registry
from workbench.components import KINDS
from workbench.errors import WorkbenchError


def filled(name: str, shape: tuple[int, ...], seed: int = 0, **given: object) -> torch.Tensor:
    known = registry.current()
    weight = torch.full(shape, math.nan)
    settings = known.settings("initializer", name, given)
    torch.manual_seed(seed)
    known.get("initializer", name).factory(weight, **settings)
    return weight


def spread(weight: torch.Tensor) -> float:
    return weight.double().std(correction=0).item()


def test_initializers_have_the_size_of_their_formulas():
    shape = (128, 784)
    assert spread(filled("kaiming_normal", shape)) == pytest.approx(0.0505076, rel=0.01)
    assert filled("xavier_uniform", shape).abs().max().item() == pytest.approx(0.0811107, rel=1e-3)
    assert filled("xavier_uniform", shape).abs().max().item() <= 0.0811108
    assert spread(filled("xavier_normal", shape)) == pytest.approx(math.sqrt(2 / 912), rel=0.01)
    assert filled("xavier_uniform", shape, gain=4.0).abs().max().item() == pytest.approx(4 * 0.0811107, rel=1e-3)
    assert spread(filled("kaiming_uniform", shape)) == pytest.approx(math.sqrt(2 / 784), rel=0.01)
    assert filled("kaiming_uniform", shape).abs().max().item() <= math.sqrt(6 / 784)
    assert spread(filled("kaiming_normal", shape, mode="fan_out")) == pytest.approx(math.sqrt(2 / 128), rel=0.01)
    assert spread(filled("kaiming_normal", shape, nonlinearity="tanh")) == pytest.approx(5 / 3 / 28, rel=0.01)
    leaky = filled("kaiming_normal", shape, nonlinearity="leaky_relu", negative_slope=0.5)
    assert spread(leaky) == pytest.approx(math.sqrt(2 / 1.25 / 784), rel=0.01)


def test_plain_initializers():
    normal = filled("normal", (400, 400), mean=1.0, std=2.0)
    assert normal.mean().item() == pytest.approx(1.0, abs=0.02)
    assert spread(normal) == pytest.approx(2.0, rel=0.01)
    uniform = filled("uniform", (400, 400), low=-1.0, high=3.0)
    assert uniform.min() >= -1
    assert uniform.max() <= 3
    assert uniform.mean().item() == pytest.approx(1.0, abs=0.02)
    assert (filled("zeros", (3, 4)) == 0).all()


def test_orthogonal_rows_are_orthogonal_and_gain_long():
    weight = filled("orthogonal", (20, 30), gain=2.0).double()
    assert torch.allclose(weight @ weight.T, 4 * torch.eye(20, dtype=torch.float64), atol=1e-5)


def test_uniform_with_crossed_bounds_names_the_plugin(bench):
    base = {"initializer": {"use": "uniform", "low": 1.0, "high": 0.0}}
    with pytest.raises(WorkbenchError, match="initializer 'uniform': low = 1 must not lie above"):
        bench.train({"epochs": 0}, base)


def test_torch_default_draws_like_nn_linear():
    known = registry.current()
    torch.manual_seed(5)
    linear = nn.Linear(40, 30)
    weight, bias = torch.empty(30, 40), torch.empty(30)
    torch.manual_seed(5)
    component = known.get("initializer", "torch_default")
    component.factory(weight)
    component.fill_bias(bias, weight)
    assert torch.equal(weight, linear.weight)
    assert torch.equal(bias, linear.bias)


def test_digits_are_split_by_class_and_the_same_every_time():
    known = registry.current()
    data = known.make("dataset", {"use": "digits"}, Path("nowhere"))
    again = known.make("dataset", {"use": "digits"}, Path("nowhere"))
    assert data.train_x.shape == (1437, 1, 8, 8)
    assert data.test_x.shape == (360, 1, 8, 8)
    assert data.train_x.min() == 0
    assert data.train_x.max() == 1
    shares = data.train_y.bincount() / (data.train_y.bincount() + data.test_y.bincount())
    assert torch.allclose(shares, torch.full((10,), 0.8), atol=0.01)
    assert torch.equal(data.train_x, again.train_x)
    pictures = {bytes(picture.numpy().tobytes()) for picture in data.train_x}
    assert not any(bytes(picture.numpy().tobytes()) in pictures for picture in data.test_x)


def test_gaussian_noise_has_its_numbers_and_no_leak():
    known = registry.current()
    settings = {"use": "gaussian", "samples": 4000, "features": 50, "classes": 7, "seed": 3, "correlation": 0.0}
    data = known.make("dataset", settings, Path("nowhere"))
    assert data.train_x.shape == data.test_x.shape == (4000, 50)
    assert data.train_x.mean().abs() < 0.01
    assert abs(data.train_x.std() - 1) < 0.01
    assert set(data.train_y.tolist()) == set(range(7))
    assert not torch.equal(data.train_x, data.test_x)
    assert not torch.equal(data.train_y, data.test_y)


def test_mnist_without_data_and_network_says_what_to_do(tmp_path, monkeypatch):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])  # nobody listens there
    with pytest.raises(WorkbenchError, match="connect to the internet, or set WORKBENCH_DATA to a folder that holds"):
        registry.current().make("dataset", {"use": "mnist"}, tmp_path)


def test_damaged_mnist_says_which_folder_to_delete(tmp_path):
    from torchvision.datasets import MNIST

    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, _ in MNIST.resources:
        (raw / name.removesuffix(".gz")).write_bytes(b"\x00\x00\x08\x01\x00\x00\x00\x02\x01\x02")
    with pytest.raises(WorkbenchError, match=r"damaged: delete that folder"):
        registry.current().make("dataset", {"use": "mnist"}, tmp_path)


def test_the_real_mnist(mnist_folder):
    data = registry.current().make("dataset", {"use": "mnist"}, mnist_folder)
    assert data.train_x.mean().item() == pytest.approx(0.130660, abs=1e-6)
    assert data.train_x.double().std(correction=0).item() == pytest.approx(0.308108, abs=1e-6)
    assert data.train_y.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    shares = data.train_y.bincount().double() / 60_000
    assert -(shares * shares.log()).sum().item() == pytest.approx(2.301159, abs=1e-6)


@pytest.mark.parametrize(("depth", "sizes"), [(0, [(6, 4)]), (2, [(6, 5), (5, 5), (5, 4)])])
def test_an_mlp_has_depth_hidden_layers(depth, sizes):
    model = {"use": "mlp", "depth": depth, "width": 5}
    blocks = registry.current().make("model", model, (1, 2, 3), 4, nn.ReLU)
    assert [(block.layer.in_features, block.layer.out_features) for block in blocks] == sizes
    assert [block.activation is None for block in blocks] == [False] * depth + [True]


def test_a_truncated_file_of_mnist_is_called_damaged(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte").write_bytes(b"\x00\x00\x08\x03" + b"\x00\x00\x00\x05" * 3 + b"\x01\x02")
    with pytest.raises(WorkbenchError, match=r"damaged: delete that folder"):
        registry.current().make("dataset", {"use": "mnist"}, tmp_path)


def test_a_year_beside_an_arxiv_number_is_that_numbers():
    known = registry.current()
    named = [(name, known.get(kind, name).reference) for kind in KINDS if kind != "page" for name in known.names(kind)]
    found = [
        (name, *pair) for name, text in named for pair in re.findall(r"(\d{4}), arXiv:(\d\d)\d\d\.\d{4,5}\b", text)
    ]
    assert len(found) > 50
    assert [(name, year) for name, year, number in found if year != f"20{number}"] == []
