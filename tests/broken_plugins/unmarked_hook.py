"""Forgot the decorator."""

from workbench import Surface


def register_surfaces(register):
    register(Surface("unmarked", lambda x, y: x + y))
