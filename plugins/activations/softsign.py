"""A tanh that saturates slowly."""

from torch import nn

from workbench import Activation

softsign = Activation(
    "softsign",
    nn.Softsign,
    summary="Squeezes to -1..1 like tanh, but its slope falls with the square of the distance, not exponentially.",
    equation=r"f(z) = \frac{z}{1 + |z|},\quad f'(z) = \frac{1}{(1 + |z|)^2}",
    reference="Bergstra, Desjardins, Lamblin, Bengio 2009, Université de Montréal, technical report 1337; "
    "Glorot, Bengio 2010, AISTATS",
)
