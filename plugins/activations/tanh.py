"""The hyperbolic tangent."""

from torch import nn

from workbench import Activation

tanh = Activation(
    "tanh",
    nn.Tanh,
    summary="Squeezes to -1..1 around zero; its slope is 1 at zero and vanishes far from it.",
    equation=r"f(z) = \tanh z,\quad f'(z) = 1 - f(z)^2 \le 1",
    reference="LeCun, Bottou, Orr, Müller 1998, Efficient BackProp",
)
