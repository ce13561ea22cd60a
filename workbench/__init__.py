"""All that a plugin author imports: the descriptions of components, ``Remedy``, ``Param``, ``hookimpl`` and more."""

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
    Remedy,
    Rule,
    Schedule,
    Surface,
)
from workbench.diagnosis import Case, Cure, Diagnosis
from workbench.errors import Refused, Unavailable
from workbench.hookspecs import hookimpl
from workbench.param import Param
from workbench.stepping import needs_closure

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "Block",
    "Case",
    "Clock",
    "Cure",
    "Data",
    "Dataset",
    "Diagnosis",
    "Initializer",
    "Model",
    "Optimizer",
    "Page",
    "Param",
    "Refused",
    "Remedy",
    "Rule",
    "Schedule",
    "Surface",
    "Unavailable",
    "hookimpl",
    "needs_closure",
]
