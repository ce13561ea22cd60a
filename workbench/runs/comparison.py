"""Runs of any experiments side by side: names that tell them apart, their records, and what can be drawn together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

import pandas as pd

from workbench import registry
from workbench.descent.surface import Landscape
from workbench.records import Records
from workbench.runs import again, store
from workbench.runs.overview import letters
from workbench.runs.shelf import Entry

NETWORKS = ("training", "transfer")
DRAWN = {"networks": NETWORKS, "descents": ("descent",), "sweeps": ("sweep",)}


def names(entries: Sequence[Entry]) -> dict[str, str]:
    """A name for each run, as short as tells them apart: the variant; seed, title and id only where they differ."""
    known = [entry.status for entry in entries]
    titles = differ((status.variant, status.title) for status in known)
    seeds = differ(((status.variant, status.title), status.seed) for status in known)
    found = {
        entry.id: entry.status.variant
        + (f", seed {entry.status.seed}" if seeds else "")
        + (f" ({entry.status.title or 'untitled'})" if titles else "")
        for entry in entries
    }
    if len(set(found.values())) < len(found):
        count = letters(found)
        return {run_id: f"{name} {run_id[:count]}" for run_id, name in found.items()}
    return found


def differ(pairs: Iterable[tuple[Hashable, Hashable]]) -> bool:
    """Whether any first item stands with more than one second."""
    pairs = set(pairs)
    return len({first for first, _ in pairs}) < len(pairs)


def groups(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The runs that have axes in common: networks, descents, sweeps."""
    entries = list(entries)
    found = {name: [entry for entry in entries if entry.status.kind in kinds] for name, kinds in DRAWN.items()}
    return {name: members for name, members in found.items() if members}


def records(entries: Iterable[Entry], named: Mapping[str, str], tables: Iterable[str]) -> Records:
    """The tables of several runs under their names; a name stands for one run, so the seed says nothing and is 0."""
    entries = list(entries)
    return {
        table: store.joined(table, ((named[entry.id], 0, store.read_table(entry.id, table)) for entry in entries))
        for table in tables
    }


def heights(path: pd.DataFrame, entries: Iterable[Entry], named: Mapping[str, str]) -> list[float]:
    """How far above the lowest point of its own surface each row of ``path`` is; a surface may be gone: an error."""
    known = registry.current()
    lowest = {named[entry.id]: Landscape(again.run_of(entry.id).task["surface"], known).lowest for entry in entries}
    return [float(value) for value in path["value"] - path["variant"].map(lowest)]
