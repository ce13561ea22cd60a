"""A default outside its bounds."""

from workbench import Param, Surface, hookimpl


@hookimpl
def register_surfaces(register):
    register(Surface("never_made", lambda x, y, k: k * x, params=[Param("k", 5.0, low=0.0, high=1.0)]))
