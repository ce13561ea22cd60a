"""The learning rate at which a descent on a quadratic stops converging, where mathematics knows it."""

from __future__ import annotations

import logging
import math
from typing import Any

from workbench.blame import blame
from workbench.descent.surface import Landscape
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.registry import Registry

log = logging.getLogger("workbench.descent")


def limit(run: Run, registry: Registry) -> float | None:
    """The critical learning rate, or None where there is no closed form, or a plugin fails to give it."""
    try:
        return closed_form(run, registry)
    except WorkbenchError as error:  # an extra: what fails in the run itself is said by its record
        log.info("no limit: %s", error)
        return None


def closed_form(run: Run, registry: Registry) -> float | None:
    """The critical learning rate, or None where there is no closed form.

    There is one when the surface has the same curvature everywhere, the rate stays constant, no remedy
    interferes, and the optimizer declares its ``critical_rate``. For SGD: 2/L, with L the largest
    eigenvalue of the Hessian (40 for 20x^2 + 2y^2, so 0.05).
    """
    reference: dict[str, Any] = run.base["optimizer"]
    declared = registry.get("optimizer", reference["use"]).critical_rate
    if declared is None or run.base["remedies"] or run.base["schedule"]["use"] != "constant":
        return None
    if run.sweep is not None and run.sweep["parameter"] != "lr":
        return None
    landscape = Landscape(run.task["surface"], registry)
    if not landscape.quadratic:
        return None
    curvature = landscape.curvature(landscape.bottom)
    if not math.isfinite(curvature) or curvature <= 0:
        return None
    settings = {key: value for key, value in reference.items() if key != "use"}
    with blame(registry, "optimizer", reference["use"]):
        found = float(declared(curvature, **settings))
    return found if math.isfinite(found) else None
