"""The hooks: one for each kind of component. Each is given ``register`` and calls it once per component."""

from __future__ import annotations

from collections.abc import Callable

import pluggy

from workbench.components import (
    Activation,
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

hookspec = pluggy.HookspecMarker("workbench")
hookimpl = pluggy.HookimplMarker("workbench")


@hookspec
def register_optimizers(register: Callable[[Optimizer], None]) -> None:
    """Register optimizers: anything that makes a ``torch.optim.Optimizer``."""


@hookspec
def register_activations(register: Callable[[Activation], None]) -> None:
    """Register activations: modules that work element by element."""


@hookspec
def register_initializers(register: Callable[[Initializer], None]) -> None:
    """Register initializers: functions that fill a weight in place."""


@hookspec
def register_remedies(register: Callable[[type[Remedy]], None]) -> None:
    """Register remedies: subclasses of ``Remedy``."""


@hookspec
def register_schedules(register: Callable[[Schedule], None]) -> None:
    """Register schedules: factors on the learning rate over time."""


@hookspec
def register_surfaces(register: Callable[[Surface], None]) -> None:
    """Register surfaces: functions of x and y to descend on."""


@hookspec
def register_datasets(register: Callable[[Dataset], None]) -> None:
    """Register data sets: inputs and targets in memory."""


@hookspec
def register_models(register: Callable[[Model], None]) -> None:
    """Register models: lists of blocks from input to output."""


@hookspec
def register_rules(register: Callable[[Rule], None]) -> None:
    """Register rules of the doctor: what is wrong with a training, and what may help."""


@hookspec
def register_pages(register: Callable[[Page], None]) -> None:
    """Register pages: Streamlit scripts in the navigation."""
