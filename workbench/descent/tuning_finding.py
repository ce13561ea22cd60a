"""What a tuning shows, in a few sentences with their numbers, built from records alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from workbench.descent.best_of import even_chance, gaps
from workbench.descent.tuned import best_of_each
from workbench.words import listed


@dataclass(frozen=True)
class Found:
    """What one variant's searches found: the steps of the best trial of each, and its settings."""

    name: str
    steps: list[float]  # infinite: no trial got there
    settings: str  # of the best trial of all
    good: int  # trials that converged
    trials: int
    chance: int | None  # trials for an even chance of one that converges, all seeds pooled

    @property
    def median(self) -> float:
        """The steps of its usual search."""
        return statistics.median(self.steps)


def found_of(trials: pd.DataFrame) -> list[Found]:
    """The variants of the table ``trials``, the fastest first."""
    steps: dict[str, list[float]] = {}
    best = best_of_each(trials)
    for name, found in zip(best["variant"], best["steps_to_tolerance"].fillna(math.inf), strict=True):
        steps.setdefault(str(name), []).append(float(found))
    settings = dict(best_of_each(trials, ["variant"])[["variant", "settings"]].itertuples(index=False))
    good = (trials["outcome"] == "converged").groupby(trials["variant"]).sum()
    counts = trials.groupby("variant").size()
    made = [
        Found(name, own, settings[name], int(good[name]), int(counts[name]), even_chance(counts[name], good[name]))
        for name, own in steps.items()
    ]
    return sorted(made, key=lambda each: each.median)


def tuning_finding(trials: pd.DataFrame, summary: pd.DataFrame, tolerance: float, lowest: Mapping[str, float]) -> str:
    """Who gets there soonest once tuned, who needs the fewest trials for it, and how sure that is.

    ``lowest`` is the lowest value of each variant's surface.
    """
    if trials.empty:
        return " ".join(["No trial has finished yet.", *unfinished(summary)])
    found = found_of(trials)
    searches = max(len(each.steps) for each in found)
    counts = trials.groupby(["variant", "seed"]).size()
    sentences = [f"With {counts.max()} random trials each, {ranking(found, tolerance, trials, lowest)}"]
    reached = [each for each in found if each.good]
    if len(reached) > 1:
        sentences.append(easiest(reached))
    sentences += unfinished(summary)
    if len(found) > 1 and reached:
        sentences.append(certainty(found, searches))
    return " ".join(sentences)


def ranking(found: list[Found], tolerance: float, trials: pd.DataFrame, lowest: Mapping[str, float]) -> str:
    """Who is first, and who follows."""
    goal = f"f - f_min ≤ {tolerance:g}"
    there = [each for each in found if math.isfinite(each.median)]
    if not there:
        gap = pd.Series(gaps(trials, lowest), index=trials.index)
        row = trials.loc[gap.idxmin()]
        some = [each for each in found if each.good]
        if some:
            return f"none reaches {goal} in at least half of its searches."
        if not math.isfinite(gap.min()):
            return f"none reaches {goal}: every trial diverges."
        return f"none reaches {goal}; {row['variant']} comes closest, to {gap.min():.2g}, at {row['settings']}."
    first = [each for each in there if each.median == there[0].median]
    rest = [each for each in there if each.median > there[0].median]
    several = " in the median search" if len(found[0].steps) > 1 else ""
    after = "1 step" if first[0].median == 1 else f"{first[0].median:g} steps"
    verb = "reaches" if len(first) == 1 else "reach"
    text = f"{listed(each.name for each in first)} {verb} {goal} soonest, after {after}{several}"
    text += f" (its best: {first[0].settings})" if len(first) == 1 else ""
    if rest:
        text += "; then " + listed(f"{each.name} ({each.median:g})" for each in rest)
    text += "."
    never = [each.name for each in found if not each.good]
    seldom = [each.name for each in found if each.good and not math.isfinite(each.median)]
    if never:
        text += f" {listed(never)} {'does' if len(never) == 1 else 'do'} not get there in any trial."
    if seldom:
        text += f" {listed(seldom)} {'does' if len(seldom) == 1 else 'do'} not get there in most searches."
    return text


def easiest(reached: list[Found]) -> str:
    """Who is the easiest to tune, and who the hardest of those that get there."""
    chances = [each.chance or math.inf for each in reached]
    easy = [each for each, chance in zip(reached, chances, strict=True) if chance == min(chances)]
    hard = [each for each, chance in zip(reached, chances, strict=True) if chance == max(chances)]
    number = "1 trial" if easy[0].chance == 1 else f"{easy[0].chance} trials"
    if len(easy) == len(reached):
        return f"All that get there are about as easy to tune: an even chance takes {number}."
    names = listed(each.name for each in easy)
    text = (
        f"Easiest to tune {'is' if len(easy) == 1 else 'are'} {names}: an even chance of getting there takes {number}"
    )
    return f"{text}, and {hard[0].chance} with {listed(each.name for each in hard)}."


def certainty(found: list[Found], searches: int) -> str:
    """How far the ranking can be trusted."""
    if searches == 1:
        return "Each searched once (n = 1): close ranks may be luck, more seeds tell."
    first, *others = found
    near = [each.name for each in others if min(each.steps) <= max(first.steps)]
    if near:
        return (
            f"The searches of {first.name} overlap with those of {listed(near)}: n = {searches} cannot tell them apart."
        )
    quickest = min(min(each.steps) for each in others)
    if math.isinf(quickest):
        return f"No search of another gets there at all (n = {searches} each)."
    return (
        f"Even the slowest search of {first.name} ({max(first.steps):g} steps) beats the luckiest of any other "
        f"({quickest:g}), n = {searches} each."
    )


def unfinished(summary: pd.DataFrame) -> list[str]:
    """Who failed or was stopped."""
    sentences = []
    for word, phrase in (("failed", "failed"), ("stopped", "stopped before the end")):
        group = [str(name) for name in summary.loc[summary["outcome"] == word, "variant"].drop_duplicates()]
        if group:
            sentences.append(f"{listed(group)} {phrase}.")
    return sentences
