"""Every statistic against plain autograd, and the laws of gradient flow that are known in closed form."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from workbench import Block
from workbench.records import MemoryRecorder
from workbench.training.network import Network
from workbench.training.probes import STATISTICS, Probe, curvature_steps, norm, probe_steps
from workbench.training.probes.slopes import slope
from workbench.training.probes.statistics import Activations, activation_correlation


def test_the_steps_to_measure():
    assert probe_steps(0) == {0}
    assert probe_steps(1) == {0}
    assert probe_steps(30) >= {0, 1, 2, 29}
    steps = sorted(probe_steps(4690))
    assert steps[0] == 0
    assert steps[-1] == 4689
    assert 30 <= len(steps) <= 42
    assert len(probe_steps(469)) <= 469 / 15  # measuring is to stay a small part of a short run, too
    assert max(b - a for a, b in pairwise(steps)) <= 4690 / 20 + 1
    assert {1, 2, 4} <= set(steps)


def test_the_steps_for_what_is_dear():
    for steps in (0, 1, 7, 469, 4690):
        dear = curvature_steps(steps)
        assert dear <= probe_steps(steps)
        assert {0, max(steps - 1, 0)} <= dear
        assert len(dear) <= 8


def measured() -> tuple[Network, torch.Tensor, torch.Tensor, dict[tuple[int, str], float]]:
    torch.manual_seed(0)
    blocks = [
        Block(nn.Linear(6, 5), nn.Sigmoid(), norm=[nn.BatchNorm1d(5)]),
        Block(nn.Linear(5, 5), nn.ReLU(inplace=True), residual=True),
        Block(nn.Linear(5, 3)),
    ]
    network = Network(blocks)
    x, y = torch.randn(20, 6) * 3, torch.randint(3, (20,))
    probe = Probe(network, 7)
    functional.cross_entropy(network(x), y).backward()
    probe.gradients()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter -= 0.1 * parameter.grad
    probe.update()
    assert {row["step"] for row in probe.rows} == {7}
    return network, x, y, {(row["index"], row["statistic"]): row["value"] for row in probe.rows}


def test_every_statistic_is_what_plain_autograd_gives():
    network, x, y, found = measured()
    assert set(found) == {(index, statistic) for index in (1, 2, 3) for statistic in STATISTICS}
    stages = network.stages
    with torch.no_grad():  # back to the weights before the step
        for parameter in network.parameters():
            parameter += 0.1 * parameter.grad
    z1 = stages[0].layer(x)
    n1 = functional.batch_norm(z1, None, None, stages[0].norm[0].weight, stages[0].norm[0].bias, training=True)
    h1 = torch.sigmoid(n1)
    z2 = stages[1].layer(h1)
    h2 = torch.relu(z2)
    z3 = stages[2].layer(h2 + h1)
    loss = functional.cross_entropy(z3, y)
    weights = [stage.layer.weight for stage in stages]
    gradients = torch.autograd.grad(loss, [z1, z2, z3, *weights])
    slopes = (h1 * (1 - h1), (z2 > 0).float(), torch.ones_like(z3))
    for index, (h, f) in enumerate(zip((h1, h2, z3), slopes, strict=True), 1):
        signal, gradient, weight = gradients[index - 1], gradients[index + 2], weights[index - 1]
        expected = {
            "weight_norm": weight.norm(),
            "weight_grad_norm": gradient.norm(),
            "signal_grad_norm": signal.norm(),
            "update_ratio": 0.1 * gradient.norm() / weight.norm(),
            "activation_mean": h.mean(),
            "activation_std": h.std(correction=0),
            "saturated_fraction": (f < 0.01).float().mean(),
            "dead_fraction": (f == 0).all(0).float().mean(),
        }
        for statistic, value in expected.items():
            assert found[index, statistic] == pytest.approx(value.item(), rel=1e-4), (index, statistic)
        r = np.corrcoef(h.detach().double().numpy())
        size = np.abs(r[~np.eye(20, dtype=bool)]).mean()
        assert found[index, "activation_correlation"] == pytest.approx(size, rel=1e-6)


def test_slopes_come_from_the_activation_itself():
    z = torch.linspace(-6, 6, 25)
    assert torch.allclose(slope(nn.Tanh(), z), 1 - torch.tanh(z) ** 2, atol=1e-6)
    assert torch.equal(slope(nn.ReLU(inplace=True), z), (z > 0).float())
    assert torch.equal(slope(None, z), torch.ones(25))
    prelu = nn.PReLU()
    assert torch.equal(slope(prelu, z), torch.where(z > 0, 1.0, 0.25))
    assert prelu.weight.grad is None

    class Step(nn.Module):
        def forward(self, x):
            return (x > 0).float()

    assert torch.equal(slope(Step(), z), torch.zeros(25))
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    slope(nn.RReLU(), z)
    assert torch.equal(torch.rand(2), expected)


def said(layer: nn.Module, *uses: tuple[torch.Tensor, torch.Tensor | None]) -> dict[str, float]:
    activations = Activations(layer)
    for h, slopes in uses:
        activations.add(h, slopes)
    return {name: float(value) for name, value in activations.statistics().items()}


def test_fractions_count_what_they_say():
    slopes = torch.tensor([[0.0, 0.0, 1.0, 0.005], [0.0, 0.5, 1.0, -0.5]])
    found = said(nn.Linear(4, 4), (torch.ones(2, 4), slopes))
    assert found["dead_fraction"] == 0.25
    assert found["saturated_fraction"] == 0.5
    channels = torch.zeros(2, 2, 3, 3)
    channels[1, 1, 2, 2] = 1
    assert said(nn.Conv2d(1, 2, 3), (channels, channels))["dead_fraction"] == 0.5


def test_units_of_a_linear_layer_are_its_last_dimension():
    slopes = torch.zeros(5, 7, 4)  # (batch, time, units)
    slopes[:, 3, 1:] = 1
    assert said(nn.Linear(2, 4), (slopes, slopes))["dead_fraction"] == 0.25


def test_a_layer_that_says_the_same_of_everything():
    found = said(nn.Linear(3, 4), (torch.full((6, 4), 0.7), None))
    assert found["activation_std"] == 0
    assert math.isnan(found["activation_correlation"])


def test_correlations_at_their_ends():
    assert activation_correlation(torch.arange(6.0).double().repeat(4, 1)) == pytest.approx(1)
    opposite = torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    assert activation_correlation(opposite) == pytest.approx(1)
    assert activation_correlation(torch.tensor([[1.0, 0, -1, 0], [0.0, 1, 0, -1]])) == pytest.approx(0)
    assert math.isnan(activation_correlation(torch.ones(4, 3)))
    assert math.isnan(activation_correlation(torch.ones(1, 3)))
    first = torch.cat([torch.randn(64, 9), torch.full((50, 9), math.nan)])  # the first 64 samples count
    assert said(nn.Linear(9, 9), (first, None))["activation_correlation"] < 1


def test_norms_do_not_vanish_in_single_precision():
    tiny = torch.full((4,), 1e-30)
    assert (tiny * tiny == 0).all()
    assert norm(tiny) == pytest.approx(2e-30)
    assert norm(torch.full((4,), 1e30)) == pytest.approx(2e30)
    assert math.isnan(norm(torch.tensor([1.0, math.nan])))
    assert norm(torch.zeros(3)) == 0
    assert norm(torch.tensor([])) == 0
    assert norm(torch.full((3_000_000,), 0.1)) == pytest.approx(0.1 * math.sqrt(3e6), rel=1e-6)
    assert norm(torch.randn(50, 40).T[::3]) > 0  # not contiguous


@pytest.mark.parametrize("scale", [1e-25, 1e-14, 1e-11, 1.0, 1e14, 1e25])
def test_norms_agree_with_double_precision_at_every_size(scale):
    values = torch.randn(7, 90, generator=torch.Generator().manual_seed(0)) * scale
    assert norm(values) == pytest.approx(float(values.double().square().sum().sqrt()), rel=1e-6)


def test_what_is_not_computed_has_no_row(bench):
    task = {"model": {"use": "mlp", "depth": 2, "width": 8}, "epochs": 1}
    layers = bench.train(task, {"remedies": [{"use": "freeze", "layers": 2}]})[1].table("layers")
    seen = layers.groupby("index").statistic.agg(set)
    foreseen = {"theory_second_moment", "theory_signal_norm"}
    assert seen[3] == set(STATISTICS) | foreseen
    missing = {"weight_grad_norm", "signal_grad_norm", "theory_signal_norm"}
    assert seen[1] == seen[2] == (set(STATISTICS) | foreseen) - missing
    assert (layers.query("index < 3 and statistic == 'update_ratio'").value == 0).all()


def test_an_update_from_zero_weights():
    network = Network([Block(nn.Linear(2, 2))])
    nn.init.zeros_(network.weight_layers[0].module.weight)
    values = []
    for change in (0.0, 1.0):
        probe = Probe(network, 0)
        network(torch.ones(3, 2)).sum().backward()
        probe.gradients()
        with torch.no_grad():
            network.weight_layers[0].module.weight += change
        probe.update()
        values.append(probe.rows[-1]["value"])
        nn.init.zeros_(network.weight_layers[0].module.weight)
    assert math.isnan(values[0])
    assert values[1] == math.inf


# -- laws -------------------------------------------------------------------------------------------------


def untrained(bench, depth: int = 12, width: int = 512, **base) -> dict[str, np.ndarray]:
    """Statistics of the hidden layers of an untrained network on Gaussian inputs, the first layer first."""
    task = {
        "dataset": {"use": "gaussian", "samples": 1024, "features": 256},
        "model": {"use": "mlp", "depth": depth, "width": width},
        "epochs": 0,
        "batch_size": 1024,
    }
    layers = bench.train(task, base)[1].table("layers")
    wide = layers.query("index > 0").pivot(index="index", columns="statistic", values="value").sort_index()
    return {name: wide[name].to_numpy()[:depth] for name in wide}


def growth(values: np.ndarray) -> float:
    """Geometric mean factor from one layer to the next."""
    return float((values[-1] / values[0]) ** (1 / (len(values) - 1)))


@pytest.mark.parametrize(
    ("activation", "law"),
    [("relu", math.pi / (math.pi - 1)), ("tanh", 1.1778), ({"use": "leaky_relu", "negative_slope": 0.2}, 1.2436)],
)
@pytest.mark.parametrize("std", [0.01, 1.0])
def test_batch_norm_makes_gradients_explode_by_a_known_factor(bench, activation, law, std):
    base = {"activation": activation, "remedies": ["batch_norm"], "initializer": {"use": "normal", "std": std}}
    signal = untrained(bench, **base)["signal_grad_norm"][1:]  # the inputs of layer 1 are not activations
    assert growth(signal[::-1] ** 2) == pytest.approx(law, rel=0.03)


def test_that_law_in_numbers():
    assert math.pi / (math.pi - 1) == pytest.approx(1.466942, abs=1e-6)
    z, w = np.polynomial.hermite_e.hermegauss(80)
    w = w / w.sum()
    tanh = (w * (1 - np.tanh(z) ** 2) ** 2).sum() / (w * np.tanh(z) ** 2).sum()
    assert tanh == pytest.approx(1.1778, abs=1e-4)
    s = 0.2
    leaky = (1 + s**2) / 2 / ((1 + s**2) / 2 - (1 - s) ** 2 / (2 * math.pi))
    assert leaky == pytest.approx(1.2436, abs=1e-4)


@pytest.mark.parametrize(("initializer", "factor"), [("kaiming_normal", 1), ("xavier_normal", 1 / 2)])
def test_second_moments_through_relu_layers(bench, initializer, factor):
    found = untrained(bench, depth=8, initializer=initializer)
    moment = found["activation_mean"] ** 2 + found["activation_std"] ** 2
    assert growth(moment) == pytest.approx(factor, rel=0.08)


def test_torch_default_keeps_a_sixth_of_the_second_moment(bench):
    weights = bench.train({"model": {"use": "mlp", "depth": 2, "width": 1024}, "epochs": 0}, {})[1].weights
    torch.manual_seed(0)
    x = torch.randn(1024, 1024)
    h = torch.relu(x @ weights["stages.1.layer.weight"].T)  # its biases add a constant, whatever comes in
    assert (h**2).mean().item() == pytest.approx(1 / 6, rel=0.02)


def test_ten_sigmoid_layers_lose_three_quarters_of_the_signal_each(bench):
    task = {"model": {"use": "mlp", "depth": 10, "width": 64}, "epochs": 0}
    layers = bench.train(task, {"activation": "sigmoid", "initializer": "xavier_uniform"})[1].table("layers")
    signal = layers.query("statistic == 'signal_grad_norm'").sort_values("index").value.to_numpy()
    factors = signal[:-2] / signal[1:-1]
    assert (factors <= 0.25 * 2).all()  # |W| of a square Xavier layer is at most 2
    assert np.exp(np.log(factors).mean()) == pytest.approx(0.25, rel=0.15)  # Xavier's second moment is 1


class Until(MemoryRecorder):
    """Stops a run after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def asked(self) -> str:
        self.left -= 1
        return "stopped" if self.left < 1 else ""


def test_the_explosion_fades_as_activations_become_correlated(bench, mnist_folder):
    task = {"dataset": "mnist", "model": {"use": "mlp", "depth": 20, "width": 256}, "epochs": 1, "batch_size": 128}
    base = {"optimizer": {"use": "sgd", "lr": 0.01, "momentum": 0.9}, "remedies": ["batch_norm"]}
    layers = bench.execute(bench.run(task, base), Until(150))[1].table("layers")
    wide = layers.pivot(index="step", columns=["statistic", "index"], values="value")
    signal = wide["signal_grad_norm"]
    ratio = signal[1] / signal[20]
    assert ratio.iloc[0] == pytest.approx(86, rel=0.15)
    late = ratio[ratio.index >= 100]
    assert len(late)
    assert (late < ratio.iloc[0] / 4).all()
    correlation = wide["activation_correlation"].loc[:, 1:20].mean(axis=1)
    assert (correlation[late.index] >= 2 * correlation.iloc[0]).all()
