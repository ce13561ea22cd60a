"""Schedules: what the learning rate is multiplied by as time goes on, one short file each."""

from workbench import hookimpl

from .constant import constant
from .exponential import exponential
from .step import step


@hookimpl
def register_schedules(register):
    """From none to smooth decay."""
    register(constant)
    register(step)
    register(exponential)
