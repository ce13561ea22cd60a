"""SiLU made of straight pieces."""

from torch import nn

from workbench import Activation

hardswish = Activation(
    "hardswish",
    nn.Hardswish,
    title="hard swish",
    summary="SiLU with a sigmoid made of straight pieces, for small devices; exactly zero below -3.",
    equation=r"f(z) = z\,\frac{\min(\max(z + 3, 0), 6)}{6}",
    reference="Howard et al. 2019, arXiv:1905.02244",
)
