"""Activations, each against a formula written out here, and what theory says of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from workbench import registry

known = registry.current()
Z = torch.linspace(-6, 6, 97, dtype=torch.float64)
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017, equation 14


def made(name: str, **given: Any) -> nn.Module:
    return known.make("activation", {"use": name} | known.settings("activation", name, given)).double()


def normal_below(z: Tensor) -> Tensor:
    """The share of the standard normal distribution below z."""
    return torch.tensor([math.erfc(-value / math.sqrt(2)) / 2 for value in z.tolist()], dtype=torch.float64)


def elu(z: Tensor, alpha: float) -> Tensor:
    return torch.where(z > 0, z, alpha * (torch.exp(z) - 1))


@pytest.mark.parametrize(
    ("name", "given", "formula"),
    [
        ("sigmoid", {}, lambda z: 1 / (1 + torch.exp(-z))),
        ("tanh", {}, lambda z: 1 - 2 / (1 + torch.exp(2 * z))),
        ("softsign", {}, lambda z: z / (1 + abs(z))),
        ("hardtanh", {"min_val": -0.5, "max_val": 2.0}, lambda z: z.clamp(-0.5, 2.0)),
        ("relu", {}, lambda z: z * (z > 0)),
        ("leaky_relu", {"negative_slope": 0.2}, lambda z: torch.where(z > 0, z, 0.2 * z)),
        ("prelu", {}, lambda z: torch.where(z > 0, z, 0.25 * z)),
        ("prelu", {"slope": -0.5}, lambda z: torch.where(z > 0, z, -0.5 * z)),
        ("elu", {"alpha": 0.3}, lambda z: elu(z, 0.3)),
        ("selu", {}, lambda z: SELU_SCALE * elu(z, SELU_ALPHA)),
        ("squared_relu", {}, lambda z: (z * (z > 0)) ** 2),
        ("softplus", {"beta": 2.0}, lambda z: torch.log(1 + torch.exp(2 * z)) / 2),
        ("gelu", {}, lambda z: z * normal_below(z)),
        (
            "gelu",
            {"approximate": "tanh"},
            lambda z: z / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))),
        ),
        ("silu", {}, lambda z: z / (1 + torch.exp(-z))),
        ("mish", {}, lambda z: z * torch.tanh(torch.log(1 + torch.exp(z)))),
        ("hardswish", {}, lambda z: torch.where(z > 3, z, torch.where(z < -3, 0.0, z * (z + 3) / 6))),
        ("sine", {"omega": 2.5}, lambda z: torch.sin(2.5 * z)),
        ("identity", {}, lambda z: z),
    ],
)
def test_an_activation_is_its_formula(name, given, formula):
    assert torch.allclose(made(name, **given)(Z), formula(Z), rtol=1e-7, atol=1e-7)  # torch rounds hardswish's sixth


def test_every_activation_was_tried():
    assert {component.name for component in known.all("activation")} == {
        "sigmoid", "tanh", "softsign", "hardtanh", "relu", "leaky_relu", "prelu", "elu", "selu", "squared_relu",
        "softplus", "gelu", "silu", "mish", "hardswish", "sine", "identity",
    }  # fmt: skip


def slopes(name: str, z: Tensor, **given: Any) -> Tensor:
    z = z.clone().requires_grad_()
    [slope] = torch.autograd.grad(made(name, **given)(z).sum(), z)
    return slope


def test_the_slope_of_a_sigmoid_is_a_quarter_at_most_and_float32_ends_at_one():
    assert slopes("sigmoid", Z).max().item() == pytest.approx(0.25, abs=1e-15)
    assert slopes("sigmoid", torch.zeros(1, dtype=torch.float64)).item() == 0.25
    sigmoid = known.make("activation", {"use": "sigmoid"})
    assert sigmoid(torch.tensor(16.7)).item() == 1.0
    assert sigmoid(torch.tensor(16.0)).item() < 1.0


def expected(values: Tensor, z: Tensor) -> float:
    """The mean over a standard normal z, by the trapezoidal rule on a fine grid."""
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return torch.trapezoid(values * density, z).item()


@pytest.mark.parametrize(
    ("name", "given", "factor"),
    [
        ("relu", {}, math.pi / (math.pi - 1)),
        ("tanh", {}, 1.1778),
        ("leaky_relu", {"negative_slope": 0.2}, 1.2436),
        ("identity", {}, 1.0),
    ],
)
def test_what_batch_norm_before_an_activation_multiplies_squared_gradients_by(name, given, factor):
    """E[f'(z)^2] / Var f(z) for standard normal z."""
    z = torch.linspace(-12, 12, 400_001, dtype=torch.float64)
    f, slope = made(name, **given)(z).detach(), slopes(name, z, **given)
    variance = expected(f**2, z) - expected(f, z) ** 2
    assert expected(slope**2, z) / variance == pytest.approx(factor, abs=5e-5)


def test_selu_keeps_mean_zero_and_variance_one():
    z = torch.linspace(-12, 12, 400_001, dtype=torch.float64)
    f = made("selu")(z)
    assert expected(f, z) == pytest.approx(0, abs=1e-7)
    assert expected(f**2, z) == pytest.approx(1, abs=1e-7)


def test_relu_halves_second_moments():
    z = torch.linspace(-12, 12, 400_001, dtype=torch.float64)
    assert expected(made("relu")(z) ** 2, z) == pytest.approx(0.5, abs=1e-9)


def test_softplus_becomes_relu_and_its_slope_is_a_sigmoid():
    assert torch.allclose(made("softplus", beta=1000.0)(Z), Z.clamp(min=0), atol=1e-3)
    assert torch.allclose(slopes("softplus", Z, beta=3.0), torch.sigmoid(3 * Z))


def test_prelu_learns_one_slope_in_each_layer(bench):
    task = {"dataset": "digits", "model": {"use": "mlp", "depth": 3, "width": 16}, "epochs": 2}
    _, recorder = bench.train(task, {"activation": "prelu", "optimizer": {"use": "sgd", "lr": 0.1}})
    learnt = [tensor for name, tensor in recorder.weights.items() if name.endswith("activation.weight")]
    assert [tensor.shape for tensor in learnt] == [(1,)] * 3
    assert all(tensor.item() != 0.25 for tensor in learnt)
    assert len({tensor.item() for tensor in learnt}) == 3
