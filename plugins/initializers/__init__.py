"""Initializers: what the weights are before the first step. Biases start at zero, but under ``torch_default``."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from workbench import Initializer, Param, hookimpl

GAIN = Param(
    "gain", 1.0, low=0.0, high=100.0, help="multiplies every weight; 1 fits linear units, 4 undoes sigmoid's 1/4"
)
MODE = Param("mode", "fan_in", choices=("fan_in", "fan_out"), help="keep the size of activations, or of gradients")
NONLINEARITY = Param(
    "nonlinearity",
    "relu",
    choices=("relu", "leaky_relu", "tanh", "sigmoid", "linear", "selu"),
    help="the activation that the gain is for",
)
SLOPE = Param("negative_slope", 0.01, low=0.0, high=1.0, help="of leaky_relu; plays no part with the others")


def normal(weight: Tensor, mean: float, std: float) -> None:
    """Fill with independent draws from N(mean, std^2)."""
    nn.init.normal_(weight, mean, std)


def uniform(weight: Tensor, low: float, high: float) -> None:
    """Fill with independent draws from [low, high); raises ``ValueError`` when low lies above high."""
    if low > high:
        raise ValueError(f"low = {low:g} must not lie above high = {high:g}")
    nn.init.uniform_(weight, low, high)


def kaiming(fill: Callable[..., Tensor], weight: Tensor, mode: str, nonlinearity: str, negative_slope: float) -> None:
    """Fill with torch's ``kaiming_*_``, whose ``a`` is the slope of leaky ReLU."""
    fill(weight, a=negative_slope, mode=mode, nonlinearity=nonlinearity)


def torch_default(weight: Tensor) -> None:
    """Fill as ``nn.Linear`` and ``nn.Conv`` do by themselves: uniform within 1/sqrt(fan_in)."""
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5))


def torch_default_bias(bias: Tensor, weight: Tensor) -> None:
    """Fill a bias as torch does: uniform within 1/sqrt(fan_in) of its weight."""
    fan_in = weight[0].numel()
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    nn.init.uniform_(bias, -bound, bound)


@hookimpl
def register_initializers(register: Callable[[Initializer], None]) -> None:
    """Register torch's usual ways to start."""
    glorot = "Glorot, Bengio 2010, AISTATS"
    he = "He, Zhang, Ren, Sun 2015, arXiv:1502.01852"
    for initializer in (
        Initializer(
            name="normal",
            factory=normal,
            params=[
                Param("mean", 0.0, low=-100.0, high=100.0, help="centre of the bell"),
                Param("std", 0.01, low=0.0, high=100.0, help="width of the bell"),
            ],
            summary="The same bell curve in every layer, however many inputs a unit has.",
            equation=r"w \sim \mathcal N(\mu, \sigma^2)",
        ),
        Initializer(
            name="uniform",
            factory=uniform,
            params=[
                Param("low", -0.05, low=-100.0, high=100.0, help="smallest weight"),
                Param("high", 0.05, low=-100.0, high=100.0, help="largest weight"),
            ],
            summary="The same interval in every layer, however many inputs a unit has.",
            equation=r"w \sim \mathcal U(a, b)",
        ),
        Initializer(
            name="zeros",
            factory=nn.init.zeros_,
            summary="All units equal, and with ReLU no gradient reaches any weight.",
            equation=r"w = 0",
        ),
        Initializer(
            name="xavier_normal",
            factory=lambda weight, gain: nn.init.xavier_normal_(weight, gain),
            params=[GAIN],
            title="Xavier (Glorot) normal",
            summary="Keeps the size of linear signals in both directions, as a compromise.",
            equation=r"w \sim \mathcal N\!\left(0, g^2 \frac{2}{n_{in} + n_{out}}\right)",
            reference=glorot,
        ),
        Initializer(
            name="xavier_uniform",
            factory=lambda weight, gain: nn.init.xavier_uniform_(weight, gain),
            params=[GAIN],
            title="Xavier (Glorot) uniform",
            summary="Xavier's size with a uniform draw; the default of Keras.",
            equation=r"w \sim \mathcal U(-a, a),\quad a = g \sqrt{\frac{6}{n_{in} + n_{out}}}",
            reference=glorot,
        ),
        Initializer(
            name="kaiming_normal",
            factory=partial(kaiming, nn.init.kaiming_normal_),
            params=[MODE, NONLINEARITY, SLOPE],
            title="Kaiming (He) normal",
            summary="Keeps the size of signals through ReLU, which halves their second moment.",
            equation=r"w \sim \mathcal N\!\left(0, \frac{g^2}{n_{in}}\right),\quad g = \sqrt 2 \text{ for ReLU}",
            reference=he,
        ),
        Initializer(
            name="kaiming_uniform",
            factory=partial(kaiming, nn.init.kaiming_uniform_),
            params=[MODE, NONLINEARITY, SLOPE],
            title="Kaiming (He) uniform",
            summary="Kaiming's size with a uniform draw.",
            equation=r"w \sim \mathcal U(-a, a),\quad a = g \sqrt{\frac{3}{n_{in}}}",
            reference=he,
        ),
        Initializer(
            name="orthogonal",
            factory=lambda weight, gain: nn.init.orthogonal_(weight, gain),
            params=[GAIN],
            summary="A rotation: keeps every length, not only the average one.",
            equation=r"W^\top W = g^2 I",
            reference="Saxe, McClelland, Ganguli 2013, arXiv:1312.6120",
        ),
        Initializer(
            name="torch_default",
            factory=torch_default,
            fill_bias=torch_default_bias,
            title="torch's default",
            summary="What nn.Linear does by itself, biases included; a ReLU layer keeps 1/6 of the second moment.",
            equation=r"w, b \sim \mathcal U\!\left(-\frac{1}{\sqrt{n_{in}}}, \frac{1}{\sqrt{n_{in}}}\right)",
            reference="LeCun, Bottou, Orr, Müller 1998, Efficient BackProp; torch.nn.Linear",
        ),
    ):
        register(initializer)
