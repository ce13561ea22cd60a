"""The factors of an experiment: what its variants differ in, which of that is crossed, and which cells are empty.

From resolved runs, so variants written by hand and those of a grid are the same to it.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from workbench.experiment import Run
from workbench.training.findings.levels import Plain, label, order_of, root_of, settings_of
from workbench.words import unused

REMEDIES = "remedies"
NAMED = 12  # missing cells up to which some are named
ORDER = "remedies.order"  # the names in the order in which they are applied


@dataclass(frozen=True)
class Factor:
    """Keys that change together, and what they change to.

    ``levels`` are labels in the order in which the variants bring them, ``reference`` the one that others are
    compared with: that of the base where a variant has it, else no remedies, else that of the first variant.
    """

    keys: tuple[str, ...]
    levels: tuple[str, ...]
    reference: str

    @property
    def name(self) -> str:
        """``optimizer.lr``, ``task.model``, ``batch_norm``, ``remedies``; ``a + b`` where two go together."""
        own = [key for key in self.keys if root_of(key) == REMEDIES]
        sets = len(own) > 1 and len(self.levels) > 2
        shown = [key for key in self.keys if key not in own and (root_of(key) == key or root_of(key) not in self.keys)]
        shown += [REMEDIES] if sets or ORDER in own else [key.removeprefix("remedies.") for key in own]
        return " + ".join(shown)

    @property
    def title(self) -> str:
        """The name as a person says it: ``optimizer lr``, ``model``, ``batch size``."""
        return " + ".join(spoken(key) for key in self.name.split(" + "))

    @property
    def others(self) -> tuple[str, ...]:
        """The levels besides the reference."""
        return tuple(level for level in self.levels if level != self.reference)


def spoken(key: str) -> str:
    """A key without the table that it stands in; the name of a remedy stays a name."""
    return key.removeprefix("task.").replace(".", " ") if key != "task.batch_size" else "batch size"


@dataclass(frozen=True)
class Design:
    """The factors, and where each variant stands: one level of each factor."""

    factors: tuple[Factor, ...]
    places: Mapping[str, tuple[str, ...]]  # variant: its levels, in the order of the factors

    @property
    def cells(self) -> dict[tuple[str, ...], str]:
        """The variant in each cell; of several that differ in nothing but their names, the first."""
        found: dict[tuple[str, ...], str] = {}
        for variant, place in self.places.items():
            found.setdefault(place, variant)
        return found

    @property
    def size(self) -> int:
        """How many cells a full cross has."""
        return math.prod(len(factor.levels) for factor in self.factors)

    @property
    def full(self) -> bool:
        """Whether every combination of levels is a variant."""
        return len(self.cells) == self.size

    @property
    def missing(self) -> Iterator[tuple[str, ...]]:
        """The combinations that no variant has, one at a time: a wild list of variants leaves very many."""
        cells = self.cells
        return (place for place in itertools.product(*(factor.levels for factor in self.factors)) if place not in cells)

    def factor(self, name: str) -> Factor:
        """A factor by its name; ``KeyError`` names those that there are."""
        for factor in self.factors:
            if factor.name == name:
                return factor
        raise KeyError(f"no factor {name!r}; allowed: {', '.join(factor.name for factor in self.factors)}")

    def index(self, factor: Factor) -> int:
        """Where a factor stands in every place."""
        return self.factors.index(factor)

    def describe(self, most: int = 3) -> str:
        """Which factors, how many levels, and what a full cross would have besides.

        Cells that are missing are named where they are few: in a wild list of variants they say nothing.
        """
        sizes = [f"{factor.title} ({len(factor.levels)})" for factor in self.factors]
        if len(sizes) < 2:
            return f"One factor: {''.join(sizes)}."
        text = " x ".join(sizes)
        if self.full:
            return f"{text}: a full cross of {self.size} cells."
        left = self.size - len(self.cells)
        if left > NAMED or 3 * len(self.cells) < self.size:
            return f"{text}: {len(self.cells):,} of {self.size:,} cells, no full cross; {left:,} are missing."
        gone = [" with ".join(place) for place in itertools.islice(self.missing, most)]
        more = f" and {left - len(gone)} more" if left > len(gone) else ""
        return f"{text}: {len(self.cells)} of {self.size} cells, no full cross; missing: {'; '.join(gone)}{more}."


@dataclass(frozen=True)
class Group:
    """Keys that go together, and for every variant which of their combinations it has (0, 1, ...)."""

    keys: tuple[str, ...]
    classes: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many combinations there are."""
        return len(set(self.classes))

    def settles(self, other: Group) -> bool:
        """Whether who knows this one's combination knows the other's, too."""
        return len(set(zip(self.classes, other.classes, strict=True))) == self.count


def design(runs: Sequence[Run], base: Run | None = None) -> Design:
    """The factors of an experiment's runs; ``base`` is the run without any variant's changes.

    Keys are factors of their own as long as neither settles the other: a rate that follows from the optimizer is part
    of the factor ``optimizer``. Remedies are a factor each (with and without) where their combinations are a full
    cross, else one factor ``remedies``, whose levels are the sets. Only one run of each variant is looked at.
    """
    first: dict[str, Run] = {}
    for run in runs:
        first.setdefault(run.variant, run)
    columns = [settings_of(run) for run in first.values()]
    order = order_of(columns)
    if tangled(columns):  # the order in which remedies are applied differs: a set is then no set
        columns = [{**column, ORDER: column[ORDER]} for column in columns]
        order.append(ORDER)
    groups = merged(crossed(merged(varying(order, columns)), columns))
    groups.sort(key=lambda group: min(order.index(key) for key in group.keys))
    base_settings = settings_of(base) if base is not None else None
    factors, places = [], []
    for group in groups:
        factor, own = named(group, columns, base_settings)
        factors.append(factor)
        places.append(own)
    by_variant = dict(zip(first, zip(*places, strict=True) if places else ((),) * len(first), strict=True))
    return Design(tuple(factors), by_variant)


def tangled(columns: Iterable[Plain]) -> bool:
    """Whether two variants have the same remedies in another order."""
    orders = {tuple(column[ORDER]) for column in columns}
    return len({frozenset(names) for names in orders}) < len(orders)


def varying(order: Iterable[str], columns: Sequence[Plain]) -> list[Group]:
    """A group for every key in which variants differ."""
    found = []
    for key in order:
        group = Group((key,), classes([spelled(column, key) for column in columns]))
        if group.count > 1:
            found.append(group)
    return found


def classes(values: Sequence[object]) -> tuple[int, ...]:
    """Equal values get equal numbers, from 0 in order of appearance."""
    numbers: dict[object, int] = {}
    return tuple(numbers.setdefault(value, len(numbers)) for value in values)


def crossed(groups: Sequence[Group], columns: Sequence[Plain]) -> list[Group]:
    """The groups of a component, or of the remedies, put into one where they are no full cross of their own.

    Only such settings are put together as some variant does not have: those of a component that others replace, and
    remedies that others go without. Two rates and two momenta of one optimizer stay two factors.
    """
    found: list[Group] = []
    for root in dict.fromkeys(root_of(group.keys[0]) for group in groups):
        own = [group for group in groups if root_of(group.keys[0]) == root]
        combined = classes(list(zip(*(group.classes for group in own), strict=True)))
        nested = any(key not in column for group in own for key in group.keys for column in columns)
        full = len(set(combined)) == math.prod(group.count for group in own)
        whole = Group(tuple(key for group in own for key in group.keys), combined)
        found += [whole] if nested and not full else own
    return found


def spelled(column: Plain, key: str) -> str:
    """A value that can be compared; nothing where the variant has no such key."""
    return json.dumps(column[key], sort_keys=True) if key in column else ""


def merged(groups: Iterable[Group]) -> list[Group]:
    """Groups of which none settles another; what is settled joins what settles it, its own component first."""
    left = list(groups)
    while True:
        found = [
            (root_of(one.keys[0]) != root_of(other.keys[0]), one.count, left.index(one), left.index(other))
            for one, other in itertools.permutations(left, 2)
            if one.settles(other) and (one.count > other.count or left.index(one) < left.index(other))
        ]
        if not found:
            return left
        *_, keep, join = min(found)
        whole = Group(left[keep].keys + left[join].keys, left[keep].classes)
        left = [whole if index == keep else group for index, group in enumerate(left) if index != join]


def named(group: Group, columns: Sequence[Plain], base: Plain | None) -> tuple[Factor, tuple[str, ...]]:
    """A factor of a group, and the level of every variant."""
    order = [*order_of(columns), ORDER]
    keys = sorted(group.keys, key=order.index)
    labels: dict[int, str] = {}
    for number, column in zip(group.classes, columns, strict=True):
        if number not in labels:
            labels[number] = unused(label(keys, column, columns), list(labels.values()))
    levels = tuple(labels[number] for number in range(len(labels)))
    reference = levels[0]
    none = [number for number, column in zip(group.classes, columns, strict=True) if bare(keys, column)]
    if none:
        reference = labels[none[0]]
    if base is not None:
        own = [spelled(base, key) for key in keys]
        for number, column in zip(group.classes, columns, strict=True):
            if [spelled(column, key) for key in keys] == own:
                reference = labels[number]
                break
    return Factor(tuple(keys), levels, reference), tuple(labels[number] for number in group.classes)


def bare(keys: Iterable[str], column: Plain) -> bool:
    """Whether all keys are remedies, and the variant has none of them."""
    keys = list(keys)
    return all(root_of(key) == REMEDIES for key in keys) and not any(key in column for key in keys if key != ORDER)
