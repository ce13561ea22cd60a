"""Activations: what follows a weight layer, element by element."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from workbench import Activation, Param, hookimpl

SLOPE = Param("negative_slope", 0.01, low=0.0, high=1.0, help="slope for negative inputs; 0 is ReLU, 1 the identity")


@hookimpl
def register_activations(register: Callable[[Activation], None]) -> None:
    """Register the five activations of the first lessons."""
    register(
        Activation(
            "sigmoid",
            nn.Sigmoid,
            summary="Squeezes to 0..1; its slope is at most 1/4, so every layer shrinks the gradient.",
            equation=r"f(z) = \frac{1}{1 + e^{-z}},\quad f'(z) = f(z)\,(1 - f(z)) \le \tfrac14",
            reference="Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0",
        )
    )
    register(
        Activation(
            "tanh",
            nn.Tanh,
            summary="Squeezes to -1..1 around zero; its slope is 1 at zero and vanishes far from it.",
            equation=r"f(z) = \tanh z,\quad f'(z) = 1 - f(z)^2 \le 1",
            reference="LeCun, Bottou, Orr, Müller 1998, Efficient BackProp",
        )
    )
    register(
        Activation(
            "relu",
            nn.ReLU,
            title="ReLU",
            summary="Passes what is positive with slope 1 and stops the rest.",
            equation=r"f(z) = \max(0, z)",
            reference="Nair, Hinton 2010, ICML; Glorot, Bordes, Bengio 2011, AISTATS",
        )
    )
    register(
        Activation(
            "leaky_relu",
            nn.LeakyReLU,
            [SLOPE],
            title="Leaky ReLU",
            summary="ReLU that lets a little of what is negative through, so that no unit dies.",
            equation=r"f(z) = \max(0, z) + \alpha \min(0, z)",
            reference="Maas, Hannun, Ng 2013, ICML workshop",
        )
    )
    register(
        Activation(
            "identity",
            nn.Identity,
            summary="Nothing at all: a deep linear network, which can represent no more than one layer.",
            equation=r"f(z) = z",
            reference="Saxe, McClelland, Ganguli 2013, arXiv:1312.6120",
        )
    )
