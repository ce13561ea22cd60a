"""Optimizers of torch.optim, from simple to complex, one short file each."""

from workbench import hookimpl

from .adadelta import adadelta
from .adagrad import adagrad
from .adam import adam
from .adamw import adamw
from .rmsprop import rmsprop
from .sgd import sgd


@hookimpl
def register_optimizers(register):
    """Each one answers a complaint about one before it."""
    for optimizer in (sgd, adagrad, rmsprop, adadelta, adam, adamw):
        register(optimizer)
