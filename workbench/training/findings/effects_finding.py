"""What a matrix shows, said in sentences whose numbers all come from the records."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from workbench.training.findings.effects import effects_by, interactions, main_effects
from workbench.training.findings.factors import Design
from workbench.training.findings.matrix import Matrix
from workbench.training.findings.scores import Metric, Scores
from workbench.training.findings.verdict import ALONE, EFFECT, EQUAL, LEVEL, TOGETHER
from workbench.words import listed

SHOWN = 12  # main effects in the lines for a terminal


def effects_finding(matrix: Matrix) -> str:
    """The finding of a matrix: which remedy helps where, what helps on average, and how far that can be trusted."""
    return " ".join(sentences(matrix.design, matrix.scores))


def effects_lines(matrix: Matrix) -> list[str]:
    """A matrix as lines for a terminal: its factors, the finding, and the main effects, the largest first.

    Empty when the variants differ in nothing.
    """
    if not matrix.design.factors:
        return []
    found = main_effects(matrix.design, matrix.scores)
    rows = [f"  {row.level} instead of {row.reference}: {row.text}" for row in found.head(SHOWN).itertuples()]
    if len(found) > SHOWN:
        rows.append(f"  and {len(found) - SHOWN} smaller ones")
    title = [f"Effects on the {matrix.scores.metric.title}, averaged over the cells that have both:"] if rows else []
    return [matrix.design.describe(), effects_finding(matrix), *title, *rows]


def sentences(design: Design, scores: Scores) -> Iterator[str]:
    """The sentences of the finding."""
    if not design.factors:
        yield "The variants differ in nothing."
        return
    mains = main_effects(design, scores)
    if not len(mains):
        yield "No two variants that can be compared have finished with the same seed yet."
        return
    if (mains["seeds"] < 2).all():
        yield alone(mains, scores.metric)
    else:
        yield from dependence(design, scores)
        yield average(mains, scores.metric, len(design.factors))
    yield from scores.remarks


def alone(mains: pd.DataFrame, metric: Metric) -> str:
    """One seed: sizes, no verdict."""
    row = mains.iloc[0]
    size = f"{metric.bare(row['effect'], '+')}{metric.unit}"
    return (
        f"{ALONE.capitalize()}: add seeds. In this one the largest difference is {row['level']} instead of "
        f"{row['reference']}, {size}."
    )


def dependence(design: Design, scores: Scores) -> Iterator[str]:
    """The largest interaction that can be told from chance, as a sentence about where the level helps."""
    if len(design.factors) < 2:
        return
    found = interactions(design, scores)
    if not len(found):
        yield "No interaction can be computed: no two factors are crossed in cells that are there."
        return
    sure = found[found["verdict"].isin(TOGETHER)]
    if not len(sure):
        seeds = int(found["seeds"].max())
        of = f"Of {len(found)} interactions none is" if len(found) > 1 else "The interaction is not"
        yield f"{of} distinguishable from chance with {seeds} seeds."
        return
    row = sure.iloc[0]
    factor, other = design.factor(str(row["factor"])), design.factor(str(row["with"]))
    by = effects_by(design, scores, factor, other)
    by = by[by["level"] == row["level"]].assign(gain=lambda t: t["effect"] * (1 if scores.metric.higher else -1))
    by = by.sort_values("gain", ascending=False, kind="stable")
    yield f"{contrasted(str(row['level']), by, scores.metric)}: the effect of {factor.title} depends on {other.title}."


def contrasted(level: str, by: pd.DataFrame, metric: Metric) -> str:
    """``batch_norm helps with depth 10 (+60.1 points), not with depth 2 (+0.2 points)``: best and worst place."""
    best, worst = by.iloc[0], by.iloc[-1]
    sizes = [f"with {row['where']} ({metric.bare(row['effect'], '+')}{metric.unit})" for row in (best, worst)]
    helps, harms = EFFECT
    if best["verdict"] == helps:
        word = "less" if str(worst["verdict"]).endswith(helps) else "not"
        word = f"and {harms}" if worst["verdict"] == harms else word
        return f"{level} {best['verdict']} {sizes[0]}, {word} {sizes[1]}"
    if worst["verdict"] == harms:
        word = "less" if str(best["verdict"]).endswith(harms) else "not"
        return f"{level} {worst['verdict']} {sizes[1]}, {word} {sizes[0]}"
    return f"{level} does better {sizes[0]} than {sizes[1]}"


def average(mains: pd.DataFrame, metric: Metric, factors: int) -> str:
    """What helps and what harms on average, the largest first, and what cannot be told.

    Named is only what holds among all the comparisons. Of the others it is said how many would hold if each were the
    only one, beside the number that chance alone lets through.
    """
    parts = []
    for word in EFFECT:
        own = mains[mains["verdict"] == word]
        if len(own):
            named = [f"{row.level} ({metric.bare(row.effect, '+')}{metric.unit})" for row in own.itertuples()]
            verb = word if len(named) == 1 else word.removesuffix("s")
            parts.append(f"{listed(named[:3])} {verb}" + (f" (and {len(named) - 3} more)" if len(named) > 3 else ""))
    seeds = int(mains["seeds"].max())
    start = "On average over the other factors " if factors > 1 else ""
    unsure = mains[~mains["verdict"].isin([*EFFECT, EQUAL])]
    likely = likely_said(mains)
    if not parts:
        none = f"no level is distinguishable from its reference with {seeds} seeds.{likely}"
        return start + none if start else none[0].upper() + none[1:]
    text = start + "; ".join(parts) + "."
    if len(unsure):
        text += f" {len(unsure)} of {len(mains)} cannot be told from chance with {seeds} seeds.{likely}"
    return text


def likely_said(mains: pd.DataFrame) -> str:
    """`` 3 of 43 would hold alone; about 2 would by chance.``: empty where none would."""
    count = int(mains["verdict"].str.startswith("likely ").sum())
    if not count:
        return ""
    compared = int(mains["p"].notna().sum())
    chance = LEVEL * compared
    about = f"{chance:.0f}" if chance >= 1 else f"{chance:.1g}"
    return f" {count} of {compared} would hold alone; about {about} would by chance."
