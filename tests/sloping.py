"""Activations as functions of one number, for the tests of the small lessons."""

from __future__ import annotations

import math

from workbench import Activation, registry
from workbench.basics.slope import Slope
from workbench.registry import Plugin

KNOWN = registry.current()
ACTIVATIONS = KNOWN.names("activation")


def slope(name: str, **settings: float) -> Slope:
    return Slope({"use": name, **KNOWN.settings("activation", name, settings)}, KNOWN)


def made(factory: object) -> Slope:
    """An activation that no plugin registers."""
    known = registry.Registry()
    known.add("activation", Activation("made", factory, title="Made"), Plugin("mine", "t", "x"))  # type: ignore[arg-type]
    return Slope({"use": "made"}, known)


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))
