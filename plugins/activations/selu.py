"""ELU, scaled so that mean 0 and variance 1 reproduce themselves."""

from torch import nn

from workbench import Activation

selu = Activation(
    "selu",
    nn.SELU,
    title="SELU",
    summary="ELU at the one scale that keeps mean 0 and variance 1 from layer to layer, with lecun_normal weights.",
    equation=r"f(z) = \lambda \begin{cases} z & z > 0 \\ \alpha\,(e^z - 1) & z \le 0 \end{cases},"
    r"\quad \lambda \approx 1.0507,\ \alpha \approx 1.6733",
    reference="Klambauer, Unterthiner, Mayr, Hochreiter 2017, arXiv:1706.02515",
)
