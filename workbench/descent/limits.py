"""The learning rate at which a descent stops converging, where mathematics knows it."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.blame import blame
from workbench.descent.outcomes import Floats
from workbench.descent.surface import Landscape
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.experiment.axes import numbers, put, values
from workbench.registry import Registry

log = logging.getLogger("workbench.descent")

Plain = dict[str, Any]


@dataclass(frozen=True)
class Limit:
    """A critical learning rate. ``local``: it holds near the lowest point only, for the curvature is not constant."""

    rate: float
    local: bool = False


@dataclass(frozen=True)
class LimitCurve:
    """The critical learning rate along the other axis of a map.

    ``rate_first``: the learning rate is the map's first axis. ``settings`` are the other axis's values, ascending,
    ``rates`` the limits there (NaN where none is known), ``local`` as in ``Limit``.
    """

    rate_first: bool
    settings: Floats
    rates: Floats
    local: bool = False


def limit(run: Run, registry: Registry) -> float | None:
    """The critical learning rate on a quadratic, or None where there is no closed form, or a plugin fails to give it.

    For SGD: 2/L, with L the largest eigenvalue of the Hessian (40 for 20x^2 + 2y^2, so 0.05).
    """
    found = known_limit(run, registry)
    return None if found is None or found.local else found.rate


def known_limit(run: Run, registry: Registry) -> Limit | None:
    """The critical learning rate: exact on a quadratic, elsewhere that of the curvature at the lowest point.

    There is one when the rate stays constant, no remedy interferes, and the optimizer declares its
    ``critical_rate``; in a sweep when the learning rate is the only thing that is varied.
    """
    if run.sweep is not None and (run.sweep["parameter"] != "lr" or run.sweep.get("second")):
        return None
    try:
        if not declared(run.base, registry):
            return None
        landscape = Landscape(run.task["surface"], registry)
        rate = at_curvature(run.base["optimizer"], landscape.curvature(landscape.bottom), registry)
        return None if rate is None else Limit(rate, not landscape.quadratic)
    except WorkbenchError as error:  # an extra: what fails in the run itself is said by its record
        log.info("no limit: %s", error)
        return None


def limit_curve(run: Run, registry: Registry) -> LimitCurve | None:
    """The critical learning rate of a map that has ``lr`` as one axis, or None where none is known.

    The other axis may be a setting of the optimizer, of the surface, or the start (which changes nothing).
    """
    if run.sweep is None or not run.sweep.get("second"):
        return None
    axes = [run.sweep, run.sweep["second"]]
    names = [axis["parameter"] for axis in axes]
    if "lr" not in names:
        return None
    other = axes[1 - names.index("lr")]
    try:
        if not declared(run.base, registry):
            return None
        param = numbers(registry, run.base, run.task)[other["parameter"]]
        settings = np.sort(values(other, param))
        rates, local = along(run, other["parameter"], settings, registry)
    except WorkbenchError as error:
        log.info("no limit: %s", error)
        return None
    return LimitCurve(names[0] == "lr", settings, rates, local) if np.isfinite(rates).any() else None


def along(run: Run, name: str, settings: Floats, registry: Registry) -> tuple[Floats, bool]:
    """The limits at some settings of another number, and whether they are local ones."""
    varied = name.startswith("surface.")
    landscape = Landscape(run.task["surface"], registry)
    rates = np.full(len(settings), np.nan)
    local = False
    for index, setting in enumerate(settings):
        base, task = put(run.base, run.task, name, float(setting))
        if varied:
            landscape = Landscape(task["surface"], registry)
        if varied or index == 0:
            curvature = landscape.curvature(landscape.bottom)
            local = local or not landscape.quadratic
        rate = at_curvature(base["optimizer"], curvature, registry)
        rates[index] = np.nan if rate is None else rate
    return rates, local


def declared(base: Plain, registry: Registry) -> bool:
    """Whether a closed form can hold: the optimizer declares one, and nothing else changes its steps."""
    found = registry.get("optimizer", base["optimizer"]["use"]).critical_rate is not None
    return found and not base["remedies"] and base["schedule"]["use"] == "constant"


def at_curvature(reference: Plain, curvature: float, registry: Registry) -> float | None:
    """What the optimizer's ``critical_rate`` says of a largest Hessian eigenvalue; None when it says nothing."""
    if not math.isfinite(curvature) or curvature <= 0:
        return None
    settings = {key: value for key, value in reference.items() if key != "use"}
    with blame(registry, "optimizer", reference["use"]):
        found = float(registry.get("optimizer", reference["use"]).critical_rate(curvature, **settings))
    return found if math.isfinite(found) else None
