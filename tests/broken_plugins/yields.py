"""A generator: its body never runs."""

from workbench import Surface, hookimpl


@hookimpl
def register_surfaces(register):
    yield register(Surface("yielded", lambda x, y: x))
