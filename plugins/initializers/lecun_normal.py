"""The bell curve that keeps the variance of linear signals."""

from torch import Tensor, nn

from workbench import Initializer


def fill(weight: Tensor) -> None:
    """Fill with independent draws from N(0, 1/fan_in), not truncated."""
    nn.init.kaiming_normal_(weight, nonlinearity="linear")


lecun_normal = Initializer(
    "lecun_normal",
    fill,
    title="LeCun normal",
    summary="Keeps the variance of linear signals on the way forward; what SELU is made for.",
    equation=r"w \sim \mathcal N\!\left(0, \frac{1}{n_{in}}\right)",
    reference="LeCun, Bottou, Orr, Müller 1998, Efficient BackProp; Klambauer et al. 2017, arXiv:1706.02515",
)
