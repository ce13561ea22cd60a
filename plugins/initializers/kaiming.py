"""Kaiming He's two: the size of a signal stays, whatever the activation takes away."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from workbench import Initializer, Param

PARAMS = [
    Param("mode", "fan_in", choices=("fan_in", "fan_out"), help="keep the size of activations, or of gradients"),
    Param(
        "nonlinearity",
        "relu",
        choices=("relu", "leaky_relu", "tanh", "sigmoid", "linear", "selu"),
        help="the activation that the gain is for",
    ),
    Param("negative_slope", 0.01, low=0.0, high=1.0, help="of leaky_relu; plays no part with the others"),
]


def fill(draw: Callable[..., Tensor], weight: Tensor, mode: str, nonlinearity: str, negative_slope: float) -> None:
    """Fill with torch's ``kaiming_*_``, whose ``a`` is the slope of leaky ReLU."""
    draw(weight, a=negative_slope, mode=mode, nonlinearity=nonlinearity)


kaiming_normal = Initializer(
    "kaiming_normal",
    partial(fill, nn.init.kaiming_normal_),
    params=PARAMS,
    title="Kaiming (He) normal",
    summary="Keeps the size of signals through ReLU, which halves their second moment.",
    equation=r"w \sim \mathcal N\!\left(0, \frac{g^2}{n_{in}}\right),\quad g = \sqrt 2 \text{ for ReLU}",
    reference="He, Zhang, Ren, Sun 2015, arXiv:1502.01852",
)

kaiming_uniform = Initializer(
    "kaiming_uniform",
    partial(fill, nn.init.kaiming_uniform_),
    params=PARAMS,
    title="Kaiming (He) uniform",
    summary="Kaiming's size with a uniform draw.",
    equation=r"w \sim \mathcal U(-a, a),\quad a = g \sqrt{\frac{3}{n_{in}}}",
    reference="He, Zhang, Ren, Sun 2015, arXiv:1502.01852",
)
