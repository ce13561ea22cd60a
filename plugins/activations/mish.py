"""The input times the tanh of its softplus."""

from torch import nn

from workbench import Activation

mish = Activation(
    "mish",
    nn.Mish,
    title="Mish",
    summary="The input gated by the tanh of its softplus: close to SiLU, a little steeper around zero.",
    equation=r"f(z) = z \tanh(\ln(1 + e^z))",
    reference="Misra 2019, arXiv:1908.08681",
)
