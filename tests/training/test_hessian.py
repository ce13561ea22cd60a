"""The largest Hessian eigenvalue against closed forms and whole Hessians."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from workbench.training.probes.hessian import top_eigenvalue


def test_the_quadratic_of_the_first_surface():
    at = torch.tensor([0.3, -0.7], requires_grad=True)
    assert top_eigenvalue(20 * at[0] ** 2 + 2 * at[1] ** 2, [at]) == pytest.approx(40, rel=1e-5)


def test_the_largest_not_the_largest_in_size():
    at = torch.ones(3, requires_grad=True)
    assert top_eigenvalue((torch.tensor([-50.0, 3.0, 1.0]) * at**2).sum(), [at]) == pytest.approx(6, rel=1e-4)
    assert top_eigenvalue(-(at**2).sum(), [at]) == pytest.approx(-2, rel=1e-5)


def test_a_spectrum_of_three_hundred():
    scale = torch.logspace(-3, 1, 300)
    at = torch.zeros(300, requires_grad=True)
    assert top_eigenvalue((scale * at**2).sum() / 2, [at]) == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize("activation", [nn.Tanh(), nn.ReLU(), nn.SiLU()], ids=lambda each: type(each).__name__)
def test_a_tiny_network_has_the_eigenvalue_of_its_whole_hessian(activation):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), activation, nn.Linear(4, 3))
    x, y = torch.randn(16, 3), torch.arange(16) % 3
    names, weights = zip(*network.named_parameters(), strict=True)

    def loss(*weights: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(functional_call(network, dict(zip(names, weights, strict=True)), x), y)

    blocks = torch.autograd.functional.hessian(loss, tuple(p.detach() for p in weights))
    sizes = [p.numel() for p in weights]
    rows = [[b.reshape(n, m) for b, m in zip(row, sizes, strict=True)] for row, n in zip(blocks, sizes, strict=True)]
    whole = torch.cat([torch.cat(row, dim=1) for row in rows]).double()
    expected = torch.linalg.eigvalsh(whole)[-1].item()
    assert top_eigenvalue(loss(*weights), weights) == pytest.approx(expected, rel=0.01)


def test_a_constant_gradient_has_no_curvature():
    at = torch.ones(2, requires_grad=True)
    assert top_eigenvalue((3 * at).sum(), [at, torch.ones(1, requires_grad=True)]) == 0


def test_what_cannot_be_differentiated_twice_is_nan():
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, gradient):
            return 2 * ctx.saved_tensors[0] * gradient

    at = torch.ones(2, requires_grad=True)
    assert math.isnan(top_eigenvalue(Once.apply(at).square().sum(), [at]))
    weight = torch.ones(2, requires_grad=True)  # of another layer, which by itself could be
    assert math.isnan(top_eigenvalue((Once.apply(at) * weight).square().sum(), [at, weight]))
    assert math.isnan(top_eigenvalue((at * math.inf).square().sum(), [at]))
