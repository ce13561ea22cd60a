"""Effects: what each level of a factor changes against the reference level, where, and how sure that is."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.training.findings.factors import Design, Factor
from workbench.training.findings.scores import Scores
from workbench.training.findings.verdict import EFFECT, PAIR, TOGETHER, contrast, holm, said, verdict

EVERYWHERE = "everywhere"
NUMBERS = ["effect", "low", "high", "seeds", "p", "adjusted", "verdict", "text"]
EFFECTS = ["factor", "level", "reference", "where", "cells", *NUMBERS]
INTERACTIONS = ["factor", "level", "reference", "with", "other", "other_reference", "cells", *NUMBERS]
PAIRS = ["variant", "against", *NUMBERS]
Place = tuple[str, ...]
Row = dict[str, Any]
Numbers = NDArray[np.float64]


def simple_effects(design: Design, scores: Scores, factor: Factor | None = None) -> pd.DataFrame:
    """Every level against the reference in every cell of the other factors, of one factor or of all.

    Columns: ``EFFECTS``. ``where`` names the cell; only cells of which both levels have scores with a common seed are
    there.
    """
    parts = [
        row
        for own in design.factors
        if factor in (own, None)
        for row in compared(design, scores, own, tuple(other for other in design.factors if other != own))
    ]
    return judged(parts, scores, EFFECT, EFFECTS)


def main_effects(design: Design, scores: Scores) -> pd.DataFrame:
    """Every level against the reference, averaged over the cells of the other factors that have both.

    Columns: ``EFFECTS``; sorted by size. A seed counts when it is there in all of these cells.
    """
    parts = [row for factor in design.factors for row in compared(design, scores, factor, ())]
    return by_size(judged(parts, scores, EFFECT, EFFECTS))


def effects_by(design: Design, scores: Scores, factor: Factor, other: Factor) -> pd.DataFrame:
    """Every level of one factor against its reference at each level of another, averaged over the rest.

    Columns: ``EFFECTS``; ``where`` is the level of the other factor.
    """
    return judged(compared(design, scores, factor, (other,)), scores, EFFECT, EFFECTS)


def interactions(design: Design, scores: Scores) -> pd.DataFrame:
    """Differences of differences: how much more two levels do together than each for itself. Columns: ``INTERACTIONS``.

    ``(both - other alone) - (level alone - neither)``, averaged over the cells of the remaining factors that have all
    four, paired by seed; sorted by size. 0 when effects simply add up.
    """
    parts: list[Row] = []
    for other, factor in itertools.combinations(design.factors, 2):  # the task's factors come first: what it depends on
        for level, other_level in itertools.product(factor.others, other.others):
            signs: dict[Place, int] = {(level, other_level): 1, (factor.reference, other_level): -1,
                     (level, other.reference): -1, (factor.reference, other.reference): 1}  # fmt: skip
            combined = over_cells(design, scores, (factor, other), signs)
            for _, differences, cells in combined[:1]:
                parts.append(
                    {"factor": factor.name, "level": level, "reference": factor.reference, "with": other.name,
                     "other": other_level, "other_reference": other.reference, "cells": cells,
                     "differences": differences}
                )  # fmt: skip
    return by_size(judged(parts, scores, TOGETHER, INTERACTIONS))


def pairs(scores: Scores, order: Sequence[str], against: str | None = None) -> pd.DataFrame:
    """Variants against each other, all pairs or all against one; crossed or not. Columns: ``PAIRS``.

    The work grows with the square of the number of variants when ``against`` is None.
    """
    names = [name for name in order if name in scores.table]
    wanted: Iterable[tuple[str, str]] = itertools.combinations(names, 2)
    if against is not None:
        wanted = ((against, name) for name in names if name != against and against in names)
    parts: list[Row] = []
    for first, second in wanted:
        differences = scores.by_seed(second) - scores.by_seed(first)
        differences = differences[np.isfinite(differences)]
        if len(differences):
            parts.append({"variant": second, "against": first, "differences": differences})
    return judged(parts, scores, PAIR, PAIRS)


def compared(design: Design, scores: Scores, factor: Factor, given: tuple[Factor, ...]) -> list[Row]:
    """Levels against the reference at each combination of levels of the ``given`` factors, averaged over the rest."""
    parts: list[Row] = []
    for level in factor.others:
        signs: dict[Place, int] = {(level,): 1, (factor.reference,): -1}
        for where, differences, cells in over_cells(design, scores, (factor,), signs, given):
            parts.append(
                {"factor": factor.name, "level": level, "reference": factor.reference,
                 "where": ", ".join(where) or EVERYWHERE, "cells": cells, "differences": differences}
            )  # fmt: skip
    return parts


def over_cells(
    design: Design,
    scores: Scores,
    factors: Sequence[Factor],
    signs: Mapping[Place, int],
    given: Sequence[Factor] = (),
) -> list[tuple[Place, Numbers, int]]:
    """For each combination of levels of the ``given`` factors: the signed sum over the places of ``factors`` in
    ``signs``, by seed, averaged over the cells of the rest that have all of them, and how many such cells there are.
    """
    found: dict[Place, list[Numbers]] = {}
    for rest, variants in slices(design, factors):
        if not all(place in variants for place in signs):
            continue
        total = np.sum([sign * scores.by_seed(variants[place]) for place, sign in signs.items()], axis=0)
        if np.isfinite(total).any():
            found.setdefault(tuple(rest[factor] for factor in given), []).append(total)
    made = []
    for where, cells in found.items():
        means = np.mean(cells, axis=0)  # NaN where a cell has no such seed
        means = means[np.isfinite(means)]
        if len(means):
            made.append((where, means, len(cells)))
    return made


def slices(design: Design, factors: Sequence[Factor]) -> Iterator[tuple[dict[Factor, str], dict[Place, str]]]:
    """The variants by their levels of ``factors``, for every combination of levels of the other factors there is."""
    own = [design.index(factor) for factor in factors]
    found: dict[Place, dict[Place, str]] = {}
    for place, variant in design.cells.items():
        rest = tuple(level for index, level in enumerate(place) if index not in own)
        found.setdefault(rest, {})[tuple(place[index] for index in own)] = variant
    others = [factor for index, factor in enumerate(design.factors) if index not in own]
    for rest, variants in found.items():
        yield dict(zip(others, rest, strict=True)), variants


def judged(parts: Sequence[Row], scores: Scores, words: tuple[str, str], columns: list[str]) -> pd.DataFrame:
    """The rows with their interval and verdict; verdicts are adjusted for the number of rows."""
    found = [contrast(part["differences"], scores.scale) for part in parts]
    rows = []
    for part, own, adjusted in zip(parts, found, holm([each.p for each in found]), strict=True):
        word = verdict(own, adjusted, scores.metric, words)
        numbers = {"effect": own.mean, "low": own.mean - own.half, "high": own.mean + own.half, "seeds": own.seeds}
        numbers |= {"p": own.p, "adjusted": adjusted}
        rows.append(part | numbers | {"verdict": word, "text": said(word, own, scores.metric)})
    return pd.DataFrame(rows, columns=columns)


def by_size(table: pd.DataFrame) -> pd.DataFrame:
    """The largest effect first."""
    order = table["effect"].astype("float64").abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)
