"""The identity, cut off."""

from torch import nn

from workbench import Activation, Param

hardtanh = Activation(
    "hardtanh",
    nn.Hardtanh,
    params=[
        Param("min_val", -1.0, low=-100.0, high=0.0, help="lowest output; below it the slope is 0"),
        Param("max_val", 1.0, low=1e-3, high=100.0, help="highest output; above it the slope is 0"),
    ],
    title="hard tanh",
    summary="The identity between two bounds; beyond them the slope is exactly 0.",
    equation=r"f(z) = \min(\max(z, a), b)",
    reference="Collobert 2004, Large Scale Machine Learning (thesis, Université Paris 6)",
)
