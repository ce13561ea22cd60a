"""Hands over what is no component of that kind, and then one that is."""

import torch

from workbench import Optimizer, Remedy, Surface, hookimpl


class Nameless(Remedy):
    pass


@hookimpl
def register_optimizers(register):
    register(torch.optim.SGD)
    register(Surface("lost", lambda x, y: x + y))
    register(Optimizer("beside_a_wrong_type", torch.optim.SGD))


@hookimpl
def register_remedies(register):
    register(Nameless)
    register(Nameless())
