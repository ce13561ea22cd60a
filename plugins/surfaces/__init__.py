"""Surfaces to descend on, one short file each."""

from workbench import hookimpl

from .quadratic import quadratic
from .ripples import ripples


@hookimpl
def register_surfaces(register):
    """The valley and the same valley with local minima."""
    register(quadratic)
    register(ripples)
