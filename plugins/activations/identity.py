"""No activation at all."""

from torch import nn

from workbench import Activation

identity = Activation(
    "identity",
    nn.Identity,
    summary="Nothing at all: a deep linear network, which can represent no more than one layer.",
    equation=r"f(z) = z",
    reference="Saxe, McClelland, Ganguli 2013, arXiv:1312.6120",
)
