"""Returns the component instead of registering it."""

from workbench import Surface, hookimpl


@hookimpl
def register_surfaces(register):
    return Surface("returned", lambda x, y: x)
