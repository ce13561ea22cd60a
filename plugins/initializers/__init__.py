"""Initializers: what the weights are before the first step. Biases start at zero, but under ``torch_default``."""

from workbench import hookimpl

from .constant import constant, zeros
from .fixup import fixup
from .identity import identity
from .kaiming import kaiming_normal, kaiming_uniform
from .lecun_normal import lecun_normal
from .lsuv import lsuv
from .normal import normal, truncated_normal
from .orthogonal import orthogonal
from .torch_default import torch_default
from .uniform import uniform
from .xavier import xavier_normal, xavier_uniform


@hookimpl
def register_initializers(register):
    """Those that know nothing of the layer, those that know its size, and those that look at the whole network."""
    for initializer in (
        *(normal, truncated_normal, uniform, zeros, constant),
        *(xavier_normal, xavier_uniform, kaiming_normal, kaiming_uniform, lecun_normal),
        *(orthogonal, identity, torch_default),
        *(lsuv, fixup),
    ):
        register(initializer)
