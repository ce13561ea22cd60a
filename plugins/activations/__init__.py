"""Activations: what follows a weight layer, element by element, one short file each."""

from workbench import hookimpl

from .elu import elu
from .gelu import gelu
from .hardswish import hardswish
from .hardtanh import hardtanh
from .identity import identity
from .leaky_relu import leaky_relu
from .mish import mish
from .prelu import prelu
from .relu import relu
from .selu import selu
from .sigmoid import sigmoid
from .silu import silu
from .sine import sine
from .softplus import softplus
from .softsign import softsign
from .squared_relu import squared_relu
from .tanh import tanh


@hookimpl
def register_activations(register):
    """Those that squeeze, those that cut, those that bend, and two that do neither."""
    for activation in (
        *(sigmoid, tanh, softsign, hardtanh),
        *(relu, leaky_relu, prelu, elu, selu, squared_relu),
        *(softplus, gelu, silu, mish, hardswish),
        *(sine, identity),
    ):
        register(activation)
