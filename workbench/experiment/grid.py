"""Vary any keys over values: every combination becomes a variant."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from workbench.errors import ExperimentError
from workbench.experiment.explain import show, tidy
from workbench.experiment.spec import BASES, TASKS, Experiment, as_reference
from workbench.experiment.text import dump, parse

MOST_VARIANTS = 500


def vary(experiment: Experiment, axes: Mapping[str, Iterable[Any]]) -> Experiment:
    """Cross every value of every key into variants: ``vary(e, {"optimizer.lr": [0.01, 0.1]})``.

    A key is one of the base (``activation``), a setting of it (``optimizer.lr``), or one of the task
    (``task.batch_size``, ``task.model.depth``). The variants that were there are replaced. Raises
    ``ExperimentError`` when a key does not exist or a value does not fit it.
    """
    grid = {key: list(values) for key, values in axes.items()}
    if math.prod(len(values) for values in grid.values()) > MOST_VARIANTS:
        raise ExperimentError(f"vary: more than {MOST_VARIANTS} variants; take fewer keys or values")
    variants: list[dict[str, Any]] = []
    for values in itertools.product(*grid.values()) if grid else ():
        changes: dict[str, Any] = {}
        for key, value in sorted(zip(grid, values, strict=True), key=lambda pair: pair[0].count(".")):
            put(changes, key, value)  # a component before its settings, in whichever order they were given
        name = ", ".join(called(experiment.kind, key, value) for key, value in zip(grid, values, strict=True))
        variants.append(changes | {"name": unused(name, [variant["name"] for variant in variants])})
    return parse(dump(experiment) | {"variants": [{"name": v.pop("name"), **v} for v in variants]}, "vary")


def put(changes: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key in nested tables."""
    *path, last = key.split(".")
    for step in path:
        changes[step] = as_reference(changes.get(step, {}))
        if not isinstance(changes[step], dict):
            raise ExperimentError(f"vary: {step} in {show(key)} has no settings; name the key alone")
        changes = changes[step]
    changes[last] = deepcopy(value)


def called(kind: str, key: str, value: Any) -> str:
    """A value as it stands in a variant's name: components speak for themselves, numbers need their key.

    ``mlp``, ``batch_norm + clip_norm``, ``no remedies``, ``lr 0.01``, ``source none``.
    """
    spelled = spell(value)
    if key == "remedies":
        return spelled if value else "no remedies"
    owner, _, last = key.rpartition(".")
    model = TASKS[kind] if owner == "task" else None if owner else BASES[kind]
    field = model.model_fields.get(last) if model else None
    component = field is not None and isinstance(field.default, dict) and spelled != "none"
    return spelled if component else f"{last} {spelled}"


def unused(name: str, taken: list[str]) -> str:
    """A variant's name of at most 80 characters that no other one has."""
    short_name, number = tidy(name, 80) or "variant", 1
    while short_name in taken:
        number += 1
        short_name = f"{tidy(name, 72)} ({number})"
    return short_name


def spell(value: Any) -> str:
    """A value as it stands in a variant's name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        settings = [f"{key} {spell(setting)}" for key, setting in value.items() if key != "use"]
        return " ".join([str(value.get("use", "")), *settings]).strip()
    if isinstance(value, list | tuple):
        return " + ".join(spell(item) for item in value) or "none"
    return str(value)
