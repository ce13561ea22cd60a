"""All that a plugin author imports: the descriptions of components, ``Remedy``, ``Param`` and ``hookimpl``."""

from workbench.components import (
    Activation,
    Block,
    Clock,
    Data,
    Dataset,
    Initializer,
    Model,
    Optimizer,
    Page,
    Param,
    Remedy,
    Schedule,
    Surface,
)
from workbench.hookspecs import hookimpl

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "Block",
    "Clock",
    "Data",
    "Dataset",
    "Initializer",
    "Model",
    "Optimizer",
    "Page",
    "Param",
    "Remedy",
    "Schedule",
    "Surface",
    "hookimpl",
]
