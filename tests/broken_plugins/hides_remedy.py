"""A remedy whose setting has the name of a life-cycle method."""

from workbench import Param, Remedy, hookimpl


class Hiding(Remedy):
    name = "hiding"
    params = (Param("before_step", 1.0),)


@hookimpl
def register_remedies(register):
    register(Hiding)
