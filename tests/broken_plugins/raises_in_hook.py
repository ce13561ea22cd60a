"""Registers one surface, then fails."""

from workbench import Surface, hookimpl


@hookimpl
def register_surfaces(register):
    register(Surface("before_the_failure", lambda x, y: x + y))
    raise RuntimeError("nothing\nworks today")


@hookimpl
def register_schedules(register):
    raise SystemExit(3)
