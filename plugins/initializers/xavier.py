"""Xavier Glorot's two: a compromise between the way there and the way back."""

from torch import Tensor, nn

from workbench import Initializer

from .settings import GAIN


def fill_normal(weight: Tensor, gain: float) -> None:
    """Fill with draws from a bell curve of variance 2 gain^2 / (fan_in + fan_out)."""
    nn.init.xavier_normal_(weight, gain)


def fill_uniform(weight: Tensor, gain: float) -> None:
    """Fill with even draws within gain sqrt(6 / (fan_in + fan_out))."""
    nn.init.xavier_uniform_(weight, gain)


xavier_normal = Initializer(
    "xavier_normal",
    fill_normal,
    params=[GAIN],
    title="Xavier (Glorot) normal",
    summary="Keeps the size of linear signals in both directions, as a compromise.",
    equation=r"w \sim \mathcal N\!\left(0, g^2 \frac{2}{n_{in} + n_{out}}\right)",
    reference="Glorot, Bengio 2010, AISTATS",
)

xavier_uniform = Initializer(
    "xavier_uniform",
    fill_uniform,
    params=[GAIN],
    title="Xavier (Glorot) uniform",
    summary="Xavier's size with a uniform draw; the default of Keras.",
    equation=r"w \sim \mathcal U(-a, a),\quad a = g \sqrt{\frac{6}{n_{in} + n_{out}}}",
    reference="Glorot, Bengio 2010, AISTATS",
)
