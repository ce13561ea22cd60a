"""A hook that forgets to register."""

from workbench import hookimpl


@hookimpl
def register_surfaces(register):
    pass
