"""The input times its own sigmoid."""

from torch import nn

from workbench import Activation

silu = Activation(
    "silu",
    nn.SiLU,
    title="SiLU (Swish)",
    summary="The input times its own sigmoid: smooth, and it dips below zero before it dies away.",
    equation=r"f(z) = \frac{z}{1 + e^{-z}}",
    reference="Elfwing, Uchibe, Doya 2017, arXiv:1702.03118; Ramachandran, Zoph, Le 2017, arXiv:1710.05941",
)
