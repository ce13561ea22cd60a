"""Optimizers, from simple to complex, one short file each: those of torch.optim, and some that torch lacks."""

from workbench import hookimpl

from .adadelta import adadelta
from .adafactor import adafactor
from .adagrad import adagrad
from .adam import adam
from .adamax import adamax
from .adamw import adamw
from .asgd import asgd
from .lamb import lamb
from .lars import lars
from .lbfgs import lbfgs
from .lion import lion
from .muon import muon
from .nadam import nadam
from .prodigy import prodigy
from .radam import radam
from .rmsprop import rmsprop
from .rprop import rprop
from .schedule_free_adamw import schedule_free_adamw
from .schedule_free_sgd import schedule_free_sgd
from .sgd import sgd
from .sign_sgd import sign_sgd


@hookimpl
def register_optimizers(register):
    """Each one answers a complaint about one before it."""
    for optimizer in (
        *(sgd, asgd, sign_sgd, rprop, adagrad, rmsprop, adadelta, adam, adamw, adamax, nadam, radam),
        *(lion, adafactor, lars, lamb, schedule_free_sgd, schedule_free_adamw, prodigy, muon, lbfgs),
    ):
        register(optimizer)
