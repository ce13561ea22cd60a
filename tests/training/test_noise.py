"""The gradient noise scale against gradients of single samples."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from workbench.training.probes.noise import from_squares, noise_scale


def net(samples: int) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    return network, torch.randn(samples, 4), torch.randint(3, (samples,))


def single_gradients(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(samples, parameters), by torch.func."""
    weights = {name: p.detach() for name, p in network.named_parameters()}

    def loss(weights: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(functional_call(network, weights, x[None]), y[None])

    found = vmap(grad(loss), in_dims=(None, 0, 0))(weights, x, y)
    return torch.cat([found[name].flatten(1) for name in weights], dim=1).double()


def test_pairs_of_samples_give_the_unbiased_estimates_of_their_covariance():
    network, x, y = net(40)
    means = single_gradients(network, x, y).reshape(20, 2, -1).mean(dim=1)  # of the parts that are compared
    noise = 2 * means.var(dim=0).sum()  # a part's covariance is that of a sample divided by 2; unbiased, as var is
    signal = means.mean(dim=0).square().sum() - noise / 40

    def objective(part: slice) -> torch.Tensor:
        return functional.cross_entropy(network(x[part]), y[part])

    found = noise_scale(objective, list(network.parameters()), 40, parts=20)
    assert signal > 0
    assert found == pytest.approx(float(noise / signal), rel=1e-4)


def test_a_large_batch_agrees_with_all_its_single_gradients():
    network, x, y = net(4096)
    single = single_gradients(network, x, y)
    expected = single.var(dim=0).sum() / single.mean(dim=0).square().sum()

    def objective(part: slice) -> torch.Tensor:
        return functional.cross_entropy(network(x[part]), y[part])

    found = noise_scale(objective, list(network.parameters()), len(x), parts=256)
    assert found == pytest.approx(float(expected), rel=0.2)


def test_the_estimate_from_two_batch_sizes():
    # E|G_b|^2 = |G|^2 + tr(Sigma) / b with |G|^2 = 3 and tr(Sigma) = 12
    assert from_squares(3 + 12 / 64, 3 + 12 / 8, 64, 8) == pytest.approx(4)
    assert math.isnan(from_squares(0.0, 1.0, 64, 8))  # as noise alone gives: no signal to be seen


def test_the_rest_of_a_batch_is_left_out_and_small_ones_say_nothing():
    network, x, y = net(19)
    seen = []

    def objective(part: slice) -> torch.Tensor:
        seen.append((part.start, part.stop))
        return functional.cross_entropy(network(x[part]), y[part])

    noise_scale(objective, list(network.parameters()), 19)
    assert seen == [(n, n + 2) for n in range(0, 16, 2)]
    assert math.isnan(noise_scale(objective, list(network.parameters()), 3))


def test_a_gradient_without_noise():
    weight = torch.ones(2, requires_grad=True)
    assert noise_scale(lambda part: (3 * weight).sum(), [weight, torch.ones(1, requires_grad=True)], 16) == 0
