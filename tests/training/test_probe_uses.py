"""Probes on networks that are no plain chain: layers used several times, shortcuts, parametrized weights, closures."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from workbench import Block
from workbench.training.network import Network, weight_of
from workbench.training.probes import STATISTICS, Probe
from workbench.training.probes.slopes import slope


def measure(network: Network, x: torch.Tensor, y: torch.Tensor, step: int = 3) -> dict[tuple[int, str], float]:
    probe = Probe(network, step)
    functional.cross_entropy(network(x), y).backward()
    probe.gradients()
    probe.update()
    return {(row["index"], row["statistic"]): row["value"] for row in probe.rows}


class Loop(nn.Module):
    """Lets one Linear layer pass over its own output again and again."""

    def __init__(self, width: int, times: int) -> None:
        super().__init__()
        self.cell, self.times = nn.Linear(width, width), times
        self.kept: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.kept = []
        for _ in range(self.times):
            z = self.cell(x)
            if z.requires_grad:
                z.retain_grad()
            self.kept.append(z)
            x = torch.tanh(z)
        return x


def test_a_layer_that_is_used_again_and_again():
    torch.manual_seed(0)
    loop = Loop(6, 4)
    network = Network([Block(loop), Block(nn.Linear(6, 3))])
    x, y = torch.randn(20, 6), torch.randint(3, (20,))
    found = measure(network, x, y)
    signals = torch.stack([z.grad for z in loop.kept])
    assert found[1, "signal_grad_norm"] == pytest.approx(float(signals.norm()), rel=1e-5)
    every = torch.stack([z.detach() for z in loop.kept]).double()  # (uses, batch, units)
    assert found[1, "activation_mean"] == pytest.approx(float(every.mean()), rel=1e-6)
    assert found[1, "activation_std"] == pytest.approx(float(every.std(correction=0)), rel=1e-6)
    r = torch.corrcoef(every.transpose(0, 1).flatten(1))
    assert found[1, "activation_correlation"] == pytest.approx(float((r.abs().sum() - 20) / 380), rel=1e-6)
    assert found[1, "dead_fraction"] == found[1, "saturated_fraction"] == 0


class Shared(nn.ReLU):
    """One activation that several blocks use."""


def test_blocks_that_share_their_layer_and_their_activation():
    torch.manual_seed(0)
    layer, activation = nn.Linear(5, 5), Shared()
    network = Network([Block(layer, activation), Block(layer, activation), Block(nn.Linear(5, 2), Shared())])
    x, y = torch.randn(30, 5), torch.randint(2, (30,))
    found = measure(network, x, y)
    z1 = layer(x)
    z2 = layer(z1.relu())
    h = torch.stack([z1, z2]).detach().relu().double()
    assert found[1, "activation_mean"] == pytest.approx(float(h.mean()), rel=1e-6)
    assert found[1, "saturated_fraction"] == pytest.approx(float((h == 0).double().mean()))
    assert found[1, "dead_fraction"] == pytest.approx(float((h == 0).flatten(0, 1).all(0).double().mean()))
    z3 = network.stages[2].layer(z2.relu())
    assert found[2, "activation_mean"] == pytest.approx(z3.relu().mean().item(), rel=1e-5)


def test_different_layers_that_share_one_activation():
    torch.manual_seed(0)
    shared = nn.Sigmoid()
    blocks = [Block(nn.Linear(4, 4), shared), Block(nn.Linear(4, 4), shared), Block(nn.Linear(4, 2))]
    network = Network(blocks)
    x, y = torch.randn(9, 4), torch.randint(2, (9,))
    found = measure(network, x, y)
    h1 = torch.sigmoid(blocks[0].layer(x))
    h2 = torch.sigmoid(blocks[1].layer(h1))
    assert found[1, "activation_mean"] == pytest.approx(h1.mean().item(), rel=1e-6)
    assert found[2, "activation_mean"] == pytest.approx(h2.mean().item(), rel=1e-6)


def test_a_shortcut_that_is_added_before_the_activation():
    torch.manual_seed(1)
    halve = nn.Linear(6, 6, bias=False)
    with torch.no_grad():
        halve.weight.copy_(torch.eye(6) / 2)
    blocks = [
        Block(nn.Linear(4, 6), nn.ReLU(inplace=True)),
        Block(nn.Linear(6, 6), nn.Tanh(), norm=[nn.BatchNorm1d(6)]),
        Block(nn.Linear(6, 6), nn.ReLU(inplace=True), skip=2, branch=[nn.Dropout(0.0)], shortcut=halve),
        Block(nn.Linear(6, 3)),
    ]
    network = Network(blocks)
    x, y = torch.randn(40, 4), torch.randint(3, (40,))
    found = measure(copy.deepcopy(network), x, y)
    h1 = torch.relu(blocks[0].layer(x))
    h2 = torch.tanh(functional.batch_norm(blocks[1].layer(h1), None, None, training=True))
    own = blocks[2].layer(h2)
    z = own + h1 / 2
    logits = blocks[-1].layer(torch.relu(z))
    signal = torch.autograd.grad(functional.cross_entropy(logits, y), own)[0]
    assert [layer.module for layer in network.weight_layers][2:4] == [blocks[2].layer, halve]
    assert found[3, "signal_grad_norm"] == pytest.approx(float(signal.norm()), rel=1e-5)
    assert found[3, "activation_mean"] == pytest.approx(torch.relu(z).mean().item(), rel=1e-5)
    assert found[3, "saturated_fraction"] == pytest.approx(float((z <= 0).double().mean()))
    assert found[4, "activation_mean"] == pytest.approx(h1.mean().item() / 2, rel=1e-5)  # what the shortcut brings


def test_convolutions_by_channel():
    torch.manual_seed(2)
    blocks = [Block(nn.Conv2d(1, 4, 3), nn.ReLU()), Block(nn.Linear(4 * 36, 3), before=[nn.Flatten()])]
    with torch.no_grad():
        blocks[0].layer.bias[0] = -100.0  # one dead channel
    x, y = torch.randn(10, 1, 8, 8), torch.randint(3, (10,))
    found = measure(Network(blocks), x, y)
    h = torch.relu(blocks[0].layer(x)).detach().double()
    assert found[1, "dead_fraction"] == 0.25
    assert found[1, "saturated_fraction"] == pytest.approx(float((h == 0).double().mean()))
    assert found[1, "activation_std"] == pytest.approx(float(h.std(correction=0)), rel=1e-6)
    r = torch.corrcoef(h.flatten(1))
    assert found[1, "activation_correlation"] == pytest.approx(float((r.abs().sum() - 10) / 90), rel=1e-6)


def test_the_weight_under_a_parametrization():
    torch.manual_seed(3)
    layer = parametrizations.spectral_norm(nn.Linear(5, 5))
    network = Network([Block(layer, nn.ReLU()), Block(nn.Linear(5, 2))])
    x, y = torch.randn(12, 5), torch.randint(2, (12,))
    probe = Probe(network, 3)
    functional.cross_entropy(network(x), y).backward()
    weight = weight_of(layer)
    before = weight.detach().clone()
    vectors = [buffer.clone() for buffer in network.buffers()]
    probe.gradients()
    with torch.no_grad():
        weight += 0.01
    probe.update()
    found = {(row["index"], row["statistic"]): row["value"] for row in probe.rows}
    assert found[1, "weight_norm"] == pytest.approx(float(before.norm()), rel=1e-6)
    assert found[1, "weight_grad_norm"] == pytest.approx(float(weight.grad.norm()), rel=1e-6)
    assert found[1, "update_ratio"] == pytest.approx(0.05 / float(before.norm()), rel=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(network.buffers(), vectors, strict=True))


def test_only_the_first_forward_pass_of_a_step_counts():
    torch.manual_seed(4)
    network = Network([Block(nn.Linear(4, 4), nn.Tanh()), Block(nn.Linear(4, 2))])
    x, y = torch.randn(8, 4), torch.randint(2, (8,))
    once = measure(network, x, y)
    network.zero_grad()
    probe = Probe(network, 3)
    functional.cross_entropy(network(x), y).backward()
    probe.gradients()
    with torch.no_grad():
        network(100 * x)
    functional.cross_entropy(network(100 * x), y).backward()  # as a closure would
    probe.update()
    found = {(row["index"], row["statistic"]): row["value"] for row in probe.rows}
    assert found == once


def test_a_layer_that_is_never_reached():
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.used(x)

    found = measure(Network([Block(Aside()), Block(nn.Linear(3, 2))]), torch.randn(6, 3), torch.zeros(6).long())
    assert {statistic for index, statistic in found if index == 2} == {"weight_norm", "update_ratio"}
    assert found[2, "update_ratio"] == 0


def test_an_activation_below_which_all_is_frozen():
    torch.manual_seed(5)
    network = Network([Block(nn.Linear(4, 50), nn.ReLU(inplace=True)), Block(nn.Linear(50, 2))])
    network.stages[0].layer.requires_grad_(False)
    x = torch.randn(8, 4)
    found = measure(network, x, torch.zeros(8).long())
    z = network.stages[0].layer(x)
    assert found[1, "saturated_fraction"] == pytest.approx(float((z <= 0).double().mean()))
    assert found[1, "dead_fraction"] == pytest.approx(float((z <= 0).all(0).double().mean()))


ACTIVATIONS = [
    nn.ReLU(inplace=True),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.SiLU(inplace=True),
    nn.PReLU(),
    nn.Softplus(),
    nn.GELU(),
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda each: type(each).__name__)
def test_slopes_taken_in_passing_are_those_of_a_pass_of_its_own(activation):
    torch.manual_seed(6)
    layer = nn.Linear(7, 200)
    network = Network([Block(layer, activation), Block(nn.Linear(200, 2))])
    x, y = 3 * torch.randn(16, 7), torch.randint(2, (16,))
    found = measure(network, x, y)
    slopes = slope(activation, layer(x))
    assert found[1, "saturated_fraction"] == pytest.approx(float((slopes.abs() < 0.01).double().mean()))
    assert found[1, "dead_fraction"] == pytest.approx(float((slopes == 0).all(0).double().mean()))


def test_measuring_changes_no_gradient():
    def gradients(with_probe: bool) -> list[torch.Tensor]:
        torch.manual_seed(7)
        blocks = [
            Block(nn.Linear(6, 6), nn.PReLU(), norm=[nn.BatchNorm1d(6)], residual=True, after=[nn.Dropout(0.5)]),
            Block(nn.Linear(6, 6), nn.RReLU()),
            Block(nn.Linear(6, 2)),
        ]
        network = Network(blocks)
        probe = Probe(network, 0, "full") if with_probe else None
        functional.cross_entropy(network(torch.randn(10, 6)), torch.zeros(10).long()).backward()
        if probe is not None:
            probe.gradients()
        return [*(p.grad for p in network.parameters()), *network.buffers(), torch.rand(3)]

    for with_probe, without in zip(gradients(True), gradients(False), strict=True):
        assert torch.equal(with_probe, without)


def test_what_is_not_finite_is_a_result():
    network = Network([Block(nn.Linear(3, 3), nn.ReLU()), Block(nn.Linear(3, 2))])
    x = torch.randn(5, 3)
    x[0, 0] = math.inf
    found = measure(network, x, torch.zeros(5).long(), step=0)
    assert {statistic for index, statistic in found if index == 2} >= set(STATISTICS)
    assert not math.isfinite(found[2, "activation_mean"])
    assert math.isnan(found[2, "weight_grad_norm"])
