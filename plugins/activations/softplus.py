"""A ReLU without the kink."""

from torch import nn

from workbench import Activation, Param

softplus = Activation(
    "softplus",
    nn.Softplus,
    params=[
        Param(
            "beta",
            1.0,
            low=1e-3,
            high=1e3,
            scale="log",
            help="sharpness of the bend; ReLU in the limit",
            search=(0.1, 10.0),
        ),
    ],
    summary="A ReLU without the kink: never zero, and its slope is a sigmoid.",
    equation=r"f(z) = \frac1\beta \ln(1 + e^{\beta z}),\quad f'(z) = \frac{1}{1 + e^{-\beta z}}",
    reference="Dugas, Bengio, Bélisle, Nadeau, Garcia 2000, NIPS; Glorot, Bordes, Bengio 2011, AISTATS",
)
