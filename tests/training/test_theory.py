"""What theory expects of untrained networks: against closed forms, and against measurements of wide ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from workbench import Block
from workbench.training.network import Network
from workbench.training.probes import Probe
from workbench.training.probes.gradient import Loss
from workbench.training.probes.mean_field import Gaussian, activate
from workbench.training.probes.theory import predict

PI = math.pi


def network(
    depth: int, width: int, activation: Callable[[], nn.Module], fill: Callable[[torch.Tensor], object],
    **parts: Callable[[], object],
) -> Network:  # fmt: skip
    """``depth`` hidden layers of one width from 256 inputs; ``parts`` make what a block has besides, by name."""
    torch.manual_seed(0)
    sizes = [256] + [width] * depth
    blocks = []
    for a, b in pairwise(sizes):
        blocks.append(Block(nn.Linear(a, b), activation(), **{name: make() for name, make in parts.items()}))
    blocks.append(Block(nn.Linear(width, 10)))
    made = Network(blocks)
    for layer in made.weight_layers:
        fill(layer.module.weight)
        nn.init.zeros_(layer.module.bias)
    return made


def predicted(made: Network, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Second moments and signal norms by layer."""
    rows = predict(made, x)
    assert all(row["step"] == 0 and row["layer"] == f"linear {row['index']}" for row in rows)
    by = {(row["statistic"], row["index"]): row["value"] for row in rows}
    moments = [by["theory_second_moment", n] for n in range(1, len(made.blocks) + 1)]
    signals = [by["theory_signal_norm", n] for n in range(1, len(made.blocks) + 1)]
    return np.array(moments), np.array(signals)


def inputs(samples: int = 1024) -> torch.Tensor:
    return torch.randn(samples, 256, generator=torch.Generator().manual_seed(1))


def growth(values: np.ndarray) -> float:
    return float((values[-1] / values[0]) ** (1 / (len(values) - 1)))


# -- closed forms -----------------------------------------------------------------------------------------


def layer(variances: list[float], factors: list[float], means: list[float] | None = None) -> Gaussian:
    count = len(variances)
    made = [
        torch.tensor(v, dtype=torch.float64) for v in (means or [0.0] * count, variances, factors, [1 / count] * count)
    ]
    return Gaussian(*made)


def test_moments_of_a_relu_layer():
    found = activate(nn.ReLU(), layer([2.0, 0.5], [0.0, 0.0]))
    assert found.signal.square.tolist() == pytest.approx([1.0, 0.25], rel=1e-6)
    assert found.signal.mean.tolist() == pytest.approx([1 / math.sqrt(PI), 0.5 / math.sqrt(PI)], rel=1e-3)
    assert found.slope.tolist() == pytest.approx([0.5, 0.5], rel=1e-9)
    assert found.slope_square.tolist() == pytest.approx([0.5, 0.5], rel=1e-9)


@pytest.mark.parametrize("correlation", [0.1, 0.5, 0.9, 0.99])
def test_what_two_samples_share_after_relu_is_the_arc_cosine_kernel(correlation):
    root = math.sqrt(correlation)
    found = activate(nn.ReLU(), layer([1.0], [root])).signal.common.item()
    angle = math.acos(correlation)  # Cho, Saul 2009, NIPS
    assert found == pytest.approx((math.sin(angle) + (PI - angle) * correlation) / (2 * PI), rel=3e-3)


def test_what_two_samples_share_after_an_error_function():
    class Erf(nn.Module):
        def forward(self, x):
            return torch.erf(x)

    found = activate(Erf(), layer([2.0, 1.0], [1.2, 0.6])).signal.common.tolist()
    # Williams 1997, NIPS: E[erf(u) erf(v)] = 2/pi asin(2 c / sqrt((1 + 2 q_u) (1 + 2 q_v)))

    def kernel(c: float, q: float, r: float) -> float:
        return 2 / PI * math.asin(2 * c / math.sqrt((1 + 2 * q) * (1 + 2 * r)))

    expected = [
        (kernel(1.44, 2, 2) + kernel(0.72, 2, 1)) / 2,
        (kernel(0.72, 1, 2) + kernel(0.36, 1, 1)) / 2,
    ]
    assert found == pytest.approx(expected, rel=1e-3)


def test_a_layer_without_an_activation():
    found = activate(None, layer([2.0, 1.0], [1.0, 0.5], [3.0, -1.0]))
    assert found.signal.square.tolist() == [11.0, 2.0]
    assert found.signal.common.tolist() == [3.75, -0.625]
    assert found.slope_square.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("fill", "factor"),
    [
        (lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"), 1),
        (nn.init.xavier_normal_, 1 / 2),
        (lambda w: nn.init.kaiming_uniform_(w, a=math.sqrt(5)), 1 / 6),
    ],
    ids=["kaiming", "xavier", "torch_default"],
)
def test_relu_keeps_halves_or_sixths(fill, factor):
    moments, signals = predicted(network(6, 1024, nn.ReLU, fill), inputs())
    assert growth(moments[:-1]) == pytest.approx(factor, rel=0.02)  # drawn weights have a small mean
    assert growth(signals[:-1][::-1] ** 2) == pytest.approx(factor, rel=0.005)


LAWS = [
    (nn.ReLU, PI / (PI - 1)),
    (nn.Tanh, 1.1778),
    (lambda: nn.LeakyReLU(0.2), 1.2436),
    (nn.Identity, 1.0),
]


@pytest.mark.parametrize(("activation", "law"), LAWS)
@pytest.mark.parametrize("std", [0.05, 1.0])
def test_batch_norm_multiplies_the_squared_signal_by_a_law(activation, law, std):
    made = network(8, 512, activation, lambda w: nn.init.normal_(w, std=std), norm=lambda: [nn.BatchNorm1d(512)])
    _, signals = predicted(made, inputs())
    assert growth(signals[1:-1][::-1] ** 2) == pytest.approx(law, rel=2e-3)


def test_sigmoid_loses_at_least_three_quarters_of_the_signal_in_every_layer():
    _, signals = predicted(network(10, 512, nn.Sigmoid, nn.init.xavier_normal_), inputs())
    assert (signals[:-2] / signals[1:-1] <= 0.25).all()  # Xavier weights keep it, and the slope is at most 1/4


@pytest.mark.parametrize("start", [0.0, 0.3])
def test_branches_that_are_scaled(start):
    class Times(nn.Module):
        def __init__(self):
            super().__init__()
            self.alpha = nn.Parameter(torch.tensor(start))

        def forward(self, x):
            return self.alpha * x

    made = network(5, 256, nn.Tanh, nn.init.xavier_normal_, residual=lambda: True, branch=lambda: [Times()])
    x = inputs()
    moments, signals = predicted(made, x)
    if start == 0:
        assert moments[-1] == pytest.approx(2 * 256 / 266 * x.square().mean().item(), rel=0.1)  # Xavier of 10 x 256
        assert signals[0] == 0  # nothing comes through a branch that is multiplied by 0
        alone = predicted(network(1, 256, nn.Tanh, nn.init.xavier_normal_), x)[0]
        assert moments[:-1] == pytest.approx([alone[0]] * 5, rel=0.01)  # every layer sees the same inputs
    else:
        assert (np.diff(moments[:-1]) > 0).all()


# -- measurements -----------------------------------------------------------------------------------------


def normal(mean: float, std: float) -> dict[str, object]:
    return {"use": "normal", "mean": mean, "std": std}


CASES = {
    "relu kaiming": {"activation": "relu", "initializer": "kaiming_normal"},
    "relu torch_default": {"activation": "relu", "initializer": "torch_default"},
    "relu orthogonal": {"activation": "relu", "initializer": {"use": "orthogonal", "gain": 1.4142}},
    "tanh xavier": {"activation": "tanh", "initializer": {"use": "xavier_normal", "gain": 1.5}},
    "sigmoid xavier": {"activation": "sigmoid", "initializer": "xavier_uniform"},
    "silu": {"activation": "silu", "initializer": "kaiming_normal"},
    "relu batch norm": {"activation": "relu", "remedies": ["batch_norm"]},
    "tanh batch norm": {"activation": "tanh", "remedies": ["batch_norm"]},
    "tanh layer norm": {"activation": "tanh", "remedies": ["layer_norm"]},
    "relu rms norm": {"activation": "relu", "remedies": ["rms_norm"]},
    "relu dropout": {"activation": "relu", "remedies": [{"use": "dropout", "p": 0.3}]},
    "relu residual": {"activation": "relu", "remedies": ["residual"]},
    "tanh residual rezero": {"activation": "tanh", "remedies": [{"use": "rezero", "start": 0.5}]},
    "weights with a mean": {"activation": "softsign", "initializer": normal(0.002, 0.05)},
}


@pytest.mark.parametrize("base", CASES.values(), ids=CASES)
def test_wide_untrained_networks_are_as_predicted(bench, base):
    task = {
        "dataset": {"use": "gaussian", "samples": 512, "features": 512},
        "model": {"use": "mlp", "depth": 5, "width": 512},
        "epochs": 0,
        "batch_size": 512,
        "device": "cpu",
    }
    moments, signals = [], []
    for seed in range(4):  # at this width a layer is off by some percent by chance, the deepest by ten
        layers = bench.train(task, base, seed=seed)[1].table("layers").query("index > 0")
        wide = layers.pivot(index="index", columns="statistic", values="value").sort_index()
        moment = wide["activation_mean"] ** 2 + wide["activation_std"] ** 2
        moments.append((wide["theory_second_moment"] / moment).to_numpy())
        signals.append((wide["theory_signal_norm"] / wide["signal_grad_norm"]).to_numpy())
        assert signals[-1][-1] == pytest.approx(1)  # there it is scaled to agree
    assert np.mean(moments, axis=0)[:-1] == pytest.approx(np.ones(5), rel=0.12)  # ten outputs are not many
    assert np.mean(signals, axis=0) == pytest.approx(np.ones(6), rel=0.08)


def test_what_samples_have_in_common_is_taken_out_by_batch_norm_again_and_again(bench):
    """Deep residual networks with batch norm have large logits: the gradients of a batch resemble each other."""
    task = {
        "dataset": {"use": "gaussian", "samples": 512, "features": 256},
        "model": {"use": "mlp", "depth": 16, "width": 256},
        "epochs": 0,
        "batch_size": 512,
        "device": "cpu",
    }
    for activation in ("relu", "tanh"):
        base = {"activation": activation, "initializer": "kaiming_normal", "remedies": ["batch_norm", "residual"]}
        layers = bench.train(task, base)[1].table("layers").query("index > 0")
        wide = layers.pivot(index="index", columns="statistic", values="value").sort_index()
        ratio = wide["theory_signal_norm"] / wide["signal_grad_norm"]
        assert ratio.to_numpy() == pytest.approx(np.ones(17), rel=0.08)


def test_nothing_comes_back_through_batch_norm_of_nothing():
    made = network(3, 32, nn.ReLU, nn.init.zeros_, norm=lambda: [nn.BatchNorm1d(32)])
    moments, signals = predicted(made, inputs(64))
    assert moments.tolist() == [0.0] * 4
    assert signals.tolist() == [0.0, 0.0, 0.0, 1.0]


def gradients(samples: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(samples, 10, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_backward_pass_begins_with_the_loss():
    shares = torch.tensor([0.25, 0.75], dtype=torch.float64)
    own, shared = gradients(4096), gradients(1, seed=1)
    found = Loss(own, own + shared).start(shares)
    size = 10 + shared.square().sum().item()
    assert found.square.tolist() == [1.0, 1.0]
    assert found.common.item() == pytest.approx(shared.square().sum().item() / size, rel=0.05)
    assert found.total.tolist() == pytest.approx([(10 + shared.sum().item() ** 2) / size] * 2, rel=0.05)
    assert Loss(own, 0 * own).start(shares).common == 0


def test_a_gradient_that_follows_the_outputs_is_not_independent_of_the_weights():
    torch.manual_seed(0)
    made = Network([Block(nn.Linear(30, 40), nn.Tanh()), Block(nn.Linear(40, 30))])
    x = torch.randn(64, 30)
    y = made(x)
    away = torch.randn(64, 30)
    weight = made.weight_layers[-1].module.weight
    with torch.no_grad():  # W^T W h is larger than W^T of a vector of that size that knows nothing of W
        sizes = [(v @ weight).square().sum() / v.square().sum() for v in (y, away)]
        assert sizes[0] / sizes[1] == pytest.approx(1 + 30 / 40, rel=0.15)
        for gradient, known in ((y, False), (away, True)):
            rows = predict(made, x, Loss(y.detach(), gradient.detach()))
            assert [row["index"] for row in rows if row["statistic"] == "theory_signal_norm"] == [1, 2] * known
    assert not Loss(y, y).follows(inputs=1000)  # few outputs of many inputs


@pytest.mark.parametrize(("initializer", "known"), [("xavier_uniform", True), ("kaiming_normal", False)])
def test_an_autoencoder_whose_outputs_are_large_has_no_prediction_backward(bench, initializer, known):
    task = {
        "dataset": {"use": "gaussian", "samples": 256, "features": 128},
        "model": {"use": "autoencoder", "depth": 2, "width": 256, "code": 128},
        "epochs": 0,
        "device": "cpu",
    }
    layers = bench.train(task, {"activation": "relu", "initializer": initializer})[1].table("layers")
    wide = layers.query("index > 0").pivot(index="index", columns="statistic", values="value").sort_index()
    assert ("theory_signal_norm" in wide) == known
    if known:
        ratio = wide["theory_signal_norm"] / wide["signal_grad_norm"]
        assert ratio.to_numpy() == pytest.approx(np.ones(len(ratio)), rel=0.12)


# -- where it ends ----------------------------------------------------------------------------------------


def end(blocks: list[Block], x: torch.Tensor) -> dict[str, list[int]]:
    rows = predict(Network(blocks), x)
    return {
        statistic: [row["index"] for row in rows if row["statistic"] == statistic]
        for statistic in ("theory_second_moment", "theory_signal_norm")
    }


@pytest.mark.parametrize(
    "blocks",
    [
        [Block(nn.Linear(8, 8), nn.ReLU()), Block(nn.Linear(8, 8), nn.ReLU(), norm=[nn.GroupNorm(2, 8)])],
        [Block(nn.Linear(8, 8), nn.ReLU()), Block(nn.Linear(8, 8), nn.ReLU(), skip=1, branch=[nn.Tanh()])],
        [Block(nn.Linear(8, 8), nn.ReLU()), Block(nn.Linear(8, 8), before=[nn.Softmax(dim=1)])],
        [Block(nn.Linear(8, 8), nn.ReLU()), Block(nn.Linear(8, 8), nn.ReLU(), residual=True, branch=[nn.Tanh()])],
        [Block(nn.Linear(8, 8), nn.ReLU()), Block(nn.Linear(8, 8), nn.ReLU(), residual=True, branch=[nn.Dropout(0.5)])],
        [Block(nn.Linear(8, 8), nn.ReLU()), Block(nn.Sequential(nn.Linear(8, 8)), nn.ReLU())],
    ],
    ids=["norm", "skip", "before", "branch", "random branch", "inner layer"],
)
def test_it_ends_where_it_does_not_know(blocks):
    found = end([*blocks, Block(nn.Linear(8, 2))], torch.randn(20, 8))
    assert found == {"theory_second_moment": [1], "theory_signal_norm": []}


def test_it_does_not_begin_with_sequences():
    assert not any(end([Block(nn.Linear(3, 2))], torch.randn(5, 4, 3)).values())


def test_a_layer_in_two_places_is_no_fresh_draw():
    shared = nn.Linear(8, 8)
    blocks = [Block(shared, nn.ReLU()), Block(shared, nn.ReLU()), Block(nn.Linear(8, 2))]
    assert end(blocks, torch.randn(20, 8)) == {"theory_second_moment": [1], "theory_signal_norm": []}


@pytest.mark.parametrize(("loaded", "seen"), [((), {1, 2, 3}), ({2}, {1}), ({1, 2}, set())])
def test_a_layer_that_was_loaded_is_no_fresh_draw(loaded, seen):
    torch.manual_seed(0)
    made = Network([Block(nn.Linear(8, 8), nn.ReLU()), Block(nn.Linear(8, 8), nn.ReLU()), Block(nn.Linear(8, 3))])
    probe = Probe(made, 0, loaded=loaded)
    nn.functional.cross_entropy(made(torch.randn(20, 8)), torch.arange(20) % 3).backward()
    probe.gradients()
    foreseen = [row for row in probe.rows if row["statistic"].startswith("theory")]
    assert {row["index"] for row in foreseen} == seen
    assert len(foreseen) == (6 if not loaded else len(seen))  # backward there is all or nothing


def test_predicting_changes_nothing():
    torch.manual_seed(0)
    blocks = [
        Block(parametrizations.spectral_norm(nn.Linear(8, 8)), nn.RReLU(), norm=[nn.BatchNorm1d(8)]),
        Block(nn.Linear(8, 2)),
    ]
    made = Network(blocks)
    kept = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    state = torch.get_rng_state()
    assert len(predict(made, torch.ones(6, 8))) == 4
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in made.state_dict().items())
