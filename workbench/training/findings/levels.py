"""Levels: the settings of a run under dotted keys, and a label that says what some of them are set to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from workbench.experiment import SCRATCH, Run, spell

Plain = dict[str, Any]


def settings_of(run: Run) -> Plain:
    """Every setting of a run under its key: ``task.epochs``, ``optimizer`` (``{"use": NAME}``), ``optimizer.lr``.

    A remedy is one key, ``remedies.NAME``, with its settings; ``remedies.order`` lists their names; ``fork`` is the
    step and the trunk of a branch.
    """
    found: Plain = {}
    for prefix, table in (("task.", run.task), ("", run.base)):
        for key, value in table.items():
            if key == "remedies":
                continue
            if isinstance(value, dict) and "use" in value:
                found[f"{prefix}{key}"] = {"use": value["use"]}
                found |= {f"{prefix}{key}.{name}": setting for name, setting in value.items() if name != "use"}
            else:
                found[f"{prefix}{key}"] = value
    for reference in run.base["remedies"]:
        found[f"remedies.{reference['use']}"] = {name: value for name, value in reference.items() if name != "use"}
    found["remedies.order"] = [reference["use"] for reference in run.base["remedies"]]
    if run.fork is not None:
        found["fork"] = {"step": run.fork.step, "of": run.fork.run.variant, "run": run.fork.run.content()}
    return found


def order_of(columns: Iterable[Plain]) -> list[str]:
    """All keys in the order of an experiment: the task, the base, its remedies, the fork."""
    keys = list(dict.fromkeys(key for column in columns for key in column if key != "remedies.order"))

    def rank(key: str) -> int:
        return 0 if key.startswith("task.") else 3 if key == "fork" else 2 if key.startswith("remedies.") else 1

    return sorted(keys, key=rank)


def root_of(key: str) -> str:
    """``optimizer`` of ``optimizer.lr``, ``task.model`` of ``task.model.depth``, ``remedies`` of a remedy."""
    *table, rest = key.split(".", 1) if key.startswith("task.") else [key]
    return ".".join([*table, rest.split(".", 1)[0]])


def label(keys: Sequence[str], column: Plain, columns: Sequence[Plain]) -> str:
    """What the keys are set to in a variant (``column``), as short as tells it from the other ``columns``.

    ``mlp``, ``depth 10``, ``sgd lr 0.1``, ``batch_norm + clip_norm``, ``no remedies``, ``without batch_norm``.
    """
    parts = []
    for root in dict.fromkeys(root_of(key) for key in keys):
        own = [key for key in keys if root_of(key) == root]
        if root == "remedies":
            parts.append(remedies_label(own, column, columns))
        elif root == "fork":
            fork = column.get("fork")
            parts.append(f"from step {fork['step']} of {fork['of']}" if fork else "no fork")
        else:
            parts.append(component_label(root, own, column, columns))
    return ", ".join(filter(None, parts))


def component_label(root: str, keys: Iterable[str], column: Plain, columns: Sequence[Plain]) -> str:
    """The component where it differs, and those of its settings that differ among the variants that have it."""
    alike = [other for other in columns if other.get(root) == column.get(root)]
    words = []
    for key in keys:
        if key != root:
            words += [f"{key.rsplit('.', 1)[-1]} {spell(column[key])}"] if key in column and differs(key, alike) else []
        elif isinstance(column[key], dict):
            words.append("from scratch" if column[key]["use"] == SCRATCH else str(column[key]["use"]))
        else:
            words.append(f"{root.removeprefix('task.')} {spell(column[key])}")
    if not words and isinstance(column.get(root), dict):  # another component, which has no such setting
        words.append(str(column[root]["use"]))
    return " ".join(words)


def remedies_label(keys: Iterable[str], column: Plain, columns: Sequence[Plain]) -> str:
    """The remedies that a variant has, with the settings that differ."""
    names = [key.removeprefix("remedies.") for key in keys]
    there = [name for name in column["remedies.order"] if name in names or "order" in names]
    if not there:
        return f"without {names[0]}" if len(names) == 1 else "no remedies"
    words = []
    for name in there:
        settings = column[f"remedies.{name}"]
        others = [other[f"remedies.{name}"] for other in columns if f"remedies.{name}" in other]
        shown = {key: value for key, value in settings.items() if differs(key, others)}
        words.append(" ".join([name, *(f"{key} {spell(value)}" for key, value in shown.items())]))
    return " + ".join(words)


def differs(key: str, tables: Iterable[Plain]) -> bool:
    """Whether a key has more than one value."""
    return len({json.dumps(table.get(key), sort_keys=True) for table in tables}) > 1
