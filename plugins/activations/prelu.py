"""Leaky ReLU that learns its slope."""

from torch import nn

from workbench import Activation, Param


def make_prelu(slope: float) -> nn.Module:
    """torch's PReLU with one slope for the whole layer (the paper's channel-shared variant); it begins at ``slope``."""
    return nn.PReLU(num_parameters=1, init=slope)


prelu = Activation(
    "prelu",
    make_prelu,
    params=[
        Param(
            "slope", 0.25, low=-1.0, high=1.0, help="slope for negative inputs before the first step", search=(0.0, 0.5)
        ),
    ],
    title="PReLU",
    summary="Leaky ReLU whose slope for negative inputs is learnt, one for each layer.",
    equation=r"f(z) = \max(0, z) + a \min(0, z),\quad a \text{ is learnt}",
    reference="He, Zhang, Ren, Sun 2015, arXiv:1502.01852",
)
