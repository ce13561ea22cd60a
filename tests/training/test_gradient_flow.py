"""Gaussian inputs and no training: the gradients that ``workbench run`` writes are those of wide networks in theory."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pandas as pd
import pytest

SPEC = """kind = "training"
title = "The gradient at the start"

[task]
dataset = { use = "gaussian", samples = 1024, features = 384, classes = 10 }
model = { use = "mlp", depth = 8, width = 384 }
epochs = 0
batch_size = 1024

[base]
activation = "relu"
initializer = "kaiming_normal"

[[variants]]
name = "BN + ReLU"
remedies = ["batch_norm"]
[[variants]]
name = "BN + ReLU, large weights"
remedies = ["batch_norm"]
initializer = { use = "normal", std = 3.0 }
[[variants]]
name = "BN + tanh"
remedies = ["batch_norm"]
activation = "tanh"
[[variants]]
name = "BN + leaky ReLU"
remedies = ["batch_norm"]
activation = { use = "leaky_relu", negative_slope = 0.2 }
[[variants]]
name = "BN + SiLU"
remedies = ["batch_norm"]
activation = "silu"
[[variants]]
name = "He"
[[variants]]
name = "Xavier"
initializer = "xavier_normal"
[[variants]]
name = "torch"
initializer = "torch_default"
[[variants]]
name = "zeros"
initializer = "zeros"
"""
# By how much the squared gradient of the signal grows from a layer to the one nearer the input
FACTORS = {
    "BN + ReLU": math.pi / (math.pi - 1),
    "BN + ReLU, large weights": math.pi / (math.pi - 1),  # the scale of the weights plays no part
    "BN + tanh": 1.1778,
    "BN + leaky ReLU": 1.2436,
    "He": 1.0,
    "Xavier": 1 / 2,
    "torch": 1 / 6,
}


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("flow")
    (folder / "start.toml").write_text(SPEC)
    command = [
        sys.executable,
        "-c",
        "from workbench.cli import main; main()",
        "run",
        str(folder / "start.toml"),
        "--out",
        str(folder / "out"),
    ]
    environment = os.environ | {"WORKBENCH_HOME": str(folder / "home")}
    subprocess.run(command, check=True, timeout=300, env=environment, capture_output=True)
    return pd.read_csv(folder / "out" / "layers.csv")


def squares(layers: pd.DataFrame, variant: str, statistic: str) -> pd.Series:
    rows = layers[(layers["variant"] == variant) & (layers["statistic"] == statistic) & (layers["index"] > 0)]
    return rows.set_index("index")["value"].sort_index() ** 2


def factor(values: pd.Series) -> float:
    """The geometric mean from layer 7 to layer 3: the first two layers see the inputs, the last has no activation."""
    return float((values[3] / values[7]) ** (1 / 4))


@pytest.mark.parametrize(("variant", "expected"), FACTORS.items(), ids=list(FACTORS))
def test_the_gradient_grows_or_shrinks_as_theory_says(layers: pd.DataFrame, variant: str, expected: float) -> None:
    assert factor(squares(layers, variant, "signal_grad_norm")) == pytest.approx(expected, rel=0.04)
    assert factor(squares(layers, variant, "theory_signal_norm")) == pytest.approx(expected, rel=0.04)


def test_the_forward_pass_of_batch_norm_looks_healthy_meanwhile(layers: pd.DataFrame) -> None:
    mean, std = (squares(layers, "BN + ReLU", name)[1:8] for name in ("activation_mean", "activation_std"))
    moments = mean + std
    assert moments.to_numpy() == pytest.approx([0.5] * len(moments), rel=0.01)  # E[relu(z)^2] of a standard normal z
    he = squares(layers, "He", "activation_mean") + squares(layers, "He", "activation_std")
    assert he[8] / he[1] == pytest.approx(1.0, abs=0.5)  # seven layers of 384 units, each off by a tenth or so


def test_the_law_does_not_hold_for_silu(layers: pd.DataFrame) -> None:
    z = [k / 1000 for k in range(-9000, 9001)]
    weight = [math.exp(-x * x / 2) / math.sqrt(2 * math.pi) / 1000 for x in z]
    gate = [1 / (1 + math.exp(-x)) for x in z]
    f = [x * s for x, s in zip(z, gate, strict=True)]
    slope = [s * (1 + x * (1 - s)) for x, s in zip(z, gate, strict=True)]
    mean = sum(w * v for w, v in zip(weight, f, strict=True))
    variance = sum(w * v * v for w, v in zip(weight, f, strict=True)) - mean**2
    law = sum(w * v * v for w, v in zip(weight, slope, strict=True)) / variance
    measured = factor(squares(layers, "BN + SiLU", "signal_grad_norm"))
    assert abs(measured / law - 1) > 0.003


def test_of_a_zero_initialised_network_only_the_last_bias_has_a_gradient(layers: pd.DataFrame) -> None:
    assert (squares(layers, "zeros", "weight_grad_norm") == 0).all()
    signal = squares(layers, "zeros", "signal_grad_norm")
    assert (signal[:8] == 0).all()
    assert signal[9] > 0
