"""The rectified linear unit."""

from torch import nn

from workbench import Activation

relu = Activation(
    "relu",
    nn.ReLU,
    title="ReLU",
    summary="Passes what is positive with slope 1 and stops the rest.",
    equation=r"f(z) = \max(0, z)",
    reference="Nair, Hinton 2010, ICML; Glorot, Bordes, Bengio 2011, AISTATS",
)
