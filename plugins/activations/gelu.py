"""The input times the chance that a normal number lies below it."""

from torch import nn

from workbench import Activation, Param

gelu = Activation(
    "gelu",
    nn.GELU,
    params=[
        Param(
            "approximate",
            "none",
            choices=("none", "tanh"),
            help="none: the exact normal distribution; tanh: the approximation that GPT-2 was trained with",
        ),
    ],
    title="GELU",
    summary="The input times the share of a bell curve that lies below it: a smooth gate.",
    equation=r"f(z) = z\,\Phi(z) \approx "
    r"\tfrac12 z \left(1 + \tanh\!\left(\sqrt{2/\pi}\,(z + 0.044715\,z^3)\right)\right)",
    reference="Hendrycks, Gimpel 2016, arXiv:1606.08415",
)
