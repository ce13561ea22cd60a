"""All weights equal: zero, or another number."""

from torch import Tensor, nn

from workbench import Initializer, Param


def fill(weight: Tensor, value: float) -> None:
    """Set every weight to ``value``."""
    nn.init.constant_(weight, value)


zeros = Initializer(
    "zeros",
    nn.init.zeros_,
    summary="All units equal, and with ReLU no gradient reaches any weight.",
    equation=r"w = 0",
)

constant = Initializer(
    "constant",
    fill,
    params=[Param("value", 0.01, low=-100.0, high=100.0, help="what every weight is")],
    summary="All units of a layer equal: they get equal gradients and stay equal for ever.",
    equation=r"w = c",
    reference="Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0 (on breaking symmetry)",
)
