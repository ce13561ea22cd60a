"""The logistic function."""

from torch import nn

from workbench import Activation

sigmoid = Activation(
    "sigmoid",
    nn.Sigmoid,
    summary="Squeezes to 0..1; its slope is at most 1/4, so every layer shrinks the gradient.",
    equation=r"f(z) = \frac{1}{1 + e^{-z}},\quad f'(z) = f(z)\,(1 - f(z)) \le \tfrac14",
    reference="Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0",
)
