"""One hook with a strange argument, one without any, and one that is right."""

from workbench import Surface, hookimpl


@hookimpl
def register_optimizers(registry, more):
    raise AssertionError("nobody calls this")


@hookimpl
def register_schedules():
    raise AssertionError("nobody calls this")


@hookimpl
def register_surfaces(register):
    register(Surface("beside_a_wrong_hook", lambda x, y: x + y))
