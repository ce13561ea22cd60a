"""Sound until somebody wants to use it."""

import torch

from workbench import Optimizer, Param, Surface, hookimpl


def broken(params, lr):
    raise RuntimeError("no optimizer today")


def leaves(params, lr):
    raise SystemExit(1)


def crooked(x, y):
    raise ValueError("this surface has a hole")


@hookimpl
def register_optimizers(register):
    register(Optimizer("raises_when_built", broken, params=[Param("lr", 0.1)]))
    register(Optimizer("leaves_when_built", leaves, params=[Param("lr", 0.1)]))
    register(Optimizer("sound", torch.optim.SGD, params=[Param("lr", 0.1)]))


@hookimpl
def register_surfaces(register):
    register(Surface("raises_when_used", crooked))
