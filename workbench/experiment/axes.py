"""What a sweep can try: every number of a composition by its name, and how another value is put there.

Names: ``lr`` (a setting of the optimizer), ``surface.noise``, ``schedule.factor``, ``clip_norm.max_norm``
(a setting of a remedy), ``start.x`` and ``start.y``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ExperimentError, allowed_names
from workbench.experiment.spec import Axis
from workbench.param import Interval, Param
from workbench.registry import Registry

USUAL = {"lr": (0.0, 0.5)}  # where a linear axis begins and ends
Plain = dict[str, Any]


def numbers(registry: Registry, base: Plain, task: Plain) -> dict[str, Param]:
    """Every number that can be an axis, by its name."""
    listed = [("", "optimizer", base["optimizer"]), ("surface.", "surface", task["surface"])]
    listed += [("schedule.", "schedule", base["schedule"])]
    listed += [(f"{remedy['use']}.", "remedy", remedy) for remedy in base["remedies"]]
    found = {
        f"{prefix}{param.name}": param
        for prefix, kind, reference in listed
        for param in registry.get(kind, reference["use"]).params
        if type(param.default) is float
    }
    surface = registry.get("surface", task["surface"]["use"])
    for axis in "xy":
        low, high = task["surface"].get(axis, getattr(surface, axis))
        found[f"start.{axis}"] = Param(axis, (low + high) / 2, low=low, high=high, search=(low, high), help="start")
    return found


def tuned(registry: Registry, optimizer: str) -> list[Param]:
    """The numbers of an optimizer that a tuning draws: those whose Param says which range is worth trying."""
    params = registry.get("optimizer", optimizer).params
    return [param for param in params if param.search and type(param.default) is float and not param.choices]


def natural(name: str, param: Param, scale: str) -> Interval:
    """The range that an axis has when nothing else is said."""
    if scale == "linear" and name in USUAL:
        return USUAL[name]
    if param.search is not None:
        return param.search
    default = float(param.default) if isinstance(param.default, int | float) else 0.0
    low = param.low if param.low is not None else default - max(1.0, abs(default))
    high = param.high if param.high is not None and param.high < 1e3 else max(10 * abs(default), low + 1.0)
    return (max(low, high / 1e4), high) if scale == "log" else (low, high)


def complete_axis(axis: Axis, registry: Registry, base: Plain, task: Plain, place: str, key: str) -> Plain:
    """An axis with both ends; ``ExperimentError`` when there is no such number, or nothing within its bounds."""
    known = numbers(registry, base, task)
    if axis.parameter not in known:
        raise ExperimentError(
            f"{place}: {key}.parameter = {axis.parameter!r:.80}: optimizer {base['optimizer']['use']!r} and surface "
            f"{task['surface']['use']!r} have no such number; {allowed_names(axis.parameter, known)}"
        )
    param = known[axis.parameter]
    usual = natural(axis.parameter, param, axis.scale)
    low = usual[0] if axis.low is None else axis.low
    high = usual[1] if axis.high is None else axis.high
    if low >= high or (axis.scale == "log" and low <= 0):
        raise ExperimentError(
            f"{place}: {key}: from {low:g} to {high:g} ({axis.scale}) is no range; "
            f"give low and high within {param.allowed}"
        )
    complete = {"parameter": axis.parameter, "low": low, "high": high, "count": axis.count, "scale": axis.scale}
    if not len(values(complete, param)):
        raise ExperimentError(
            f"{place}: {key} from {low:g} to {high:g}: {axis.parameter} allows {param.allowed}; "
            "choose low and high within that"
        )
    return complete


def values(axis: Plain, param: Param) -> NDArray[np.float64]:
    """The settings of an axis; those that the Param does not allow are left out."""
    low, high, count = axis["low"], axis["high"], axis["count"]
    every = np.geomspace(low, high, count) if axis["scale"] == "log" else np.linspace(low, high, count)
    every[[0, -1]] = low, high  # geomspace rounds, and a bound must not be missed by that
    allowed = np.ones(count, dtype=bool)
    if param.low is not None:
        allowed &= every >= param.low
    if param.high is not None:
        allowed &= every <= param.high
    if param.choices:
        allowed &= np.isin(every, [float(choice) for choice in param.choices])  # type: ignore[arg-type]
    kept: NDArray[np.float64] = every[allowed]
    return kept[[obeys(param, value) for value in kept.tolist()]] if param.rule else kept


def obeys(param: Param, value: float) -> bool:
    """Whether a Param's own rule allows a number, too."""
    try:
        param.check(value)
    except ValueError:
        return False
    return True


def put(base: Plain, task: Plain, name: str, value: Any) -> tuple[Plain, Plain]:
    """Base and task with another value for one number."""
    owner, _, key = name.rpartition(".")
    if owner == "start":
        x, y = task["start"]
        return base, task | {"start": [value, y] if key == "x" else [x, value]}
    if owner == "surface":
        return base, task | {"surface": task["surface"] | {key: value}}
    if owner in ("", "schedule"):
        kind = owner or "optimizer"
        return base | {kind: base[kind] | {key: value}}, task
    remedies = [remedy | {key: value} if remedy["use"] == owner else remedy for remedy in base["remedies"]]
    return base | {"remedies": remedies}, task
