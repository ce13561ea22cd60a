"""Takes a built-in's name, and one of its own twice."""

from workbench import Surface, hookimpl


@hookimpl
def register_surfaces(register):
    register(Surface("quadratic", lambda x, y: x * 0 + 99))
    register(Surface("clash_own", lambda x, y: x))
    register(Surface("clash_own", lambda x, y: y))
