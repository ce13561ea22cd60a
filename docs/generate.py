"""Write the generated parts of the docs anew; with ``--check`` only say whether they are up to date.

A part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; NAME is one of ``PARTS``.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

os.environ["WORKBENCH_LOAD_PLUGINS"] = ""  # the docs describe the built-in plugins, whatever else is installed
from workbench import registry
from workbench.components import KINDS
from workbench.experiment import explain, spec, text
from workbench.records import TABLES, WHO

ROOT = Path(__file__).resolve().parent.parent
FILES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SECTIONS = {
    "optimizer": "Optimizers",
    "activation": "Activations",
    "initializer": "Initializers",
    "remedy": "Remedies",
    "schedule": "Schedules",
    "surface": "Surfaces",
    "dataset": "Data sets",
    "model": "Models",
    "rule": "Rules of the doctor",
}


def table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def components() -> str:
    """Every built-in component with its settings."""
    known = registry.load()
    parts = []
    for kind in KINDS:
        if kind not in SECTIONS:
            continue
        rows = []
        for component in known.all(kind):
            own = [param for param in component.params if param.name not in getattr(component, "hosted", ())]
            settings = "<br>".join(f"`{p.name} = {toml(p.default)}` ({p.allowed})" for p in own)
            rows.append([f"`{component.name}`", component.summary, settings, component.reference])
        parts.append(f"### {SECTIONS[kind]}\n\n{table(['name', 'what it does', 'settings', 'source'], rows)}")
    return "\n\n".join(parts)


def toml(value: Any) -> str:
    """A value as it stands in an experiment."""
    return text.literal(value)


def keys(model: Any) -> str:
    """The keys of one table of an experiment."""
    rows = []
    for name, field in model.model_fields.items():
        default = "must be given" if field.is_required() else field.get_default(call_default_factory=True)
        if isinstance(default, str | int | float | list | dict) and default != "must be given":
            default = f"`{toml(text.short(default))}`"
        rows.append([f"`{name}`", default if default is not None else "", explain.describe(field)])
    return table(["key", "default", "allowed"], rows)


def records() -> str:
    """The columns of every table of records."""
    rows = ([f"`{name}`", ", ".join(f"`{column}`" for column in [*WHO, *columns])] for name, columns in TABLES.items())
    return table(["table", "columns"], rows)


PARTS: dict[str, Callable[[], str]] = {
    "components": components,
    "records": records,
    "descent task": lambda: keys(spec.DescentTask),
    "training task": lambda: keys(spec.TrainingTask),
    "transfer task": lambda: keys(spec.TransferTask),
    "descent base": lambda: keys(spec.DescentBase),
    "training base": lambda: keys(spec.TrainingBase),
    "sweep": lambda: keys(spec.Sweep),
    "axis": lambda: keys(spec.Axis),
    "tune": lambda: keys(spec.Tune),
}
PART = re.compile(r"<!-- generated: ([a-z ]+) -->\n.*?<!-- end -->", re.DOTALL)


def renewed(text: str) -> str:
    """The text with every generated part made anew."""
    return PART.sub(lambda found: f"<!-- generated: {found[1]} -->\n{PARTS[found[1]]()}\n<!-- end -->", text)


def main(arguments: list[str]) -> int:
    """Returns the exit code: 1 when something is out of date and ``--check`` was given."""
    stale = []
    for file in FILES:
        before = file.read_text(encoding="utf-8")
        after = renewed(before)
        if after != before:
            stale.append(file.relative_to(ROOT))
            if "--check" not in arguments:
                file.write_text(after, encoding="utf-8")
    if not stale:
        print("the generated docs are up to date")
    elif "--check" in arguments:
        print(f"out of date: {', '.join(map(str, stale))}; run: python docs/generate.py")
        return 1
    else:
        print(f"written: {', '.join(map(str, stale))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
