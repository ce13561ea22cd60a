"""What a comparison of descents shows, in a sentence with its numbers, built from records alone."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

import pandas as pd

from workbench.words import listed

PHRASES = (  # outcome, of one variant, of several
    ("oscillating", "oscillates", "oscillate"),
    ("stuck", "is stuck", "are stuck"),
    ("slow", "is still on the way", "are still on the way"),
    ("failed", "failed", "failed"),
    ("stopped", "stopped before the end", "stopped before the end"),
)
Limits = Mapping[str, float | None]


def rate_of(path: pd.DataFrame, variant: str) -> float | None:
    """The learning rate of a variant's first step."""
    rates = path.loc[(path["variant"] == variant) & path["lr"].notna(), "lr"]
    return float(rates.iloc[0]) if len(rates) else None


def finding(summary: pd.DataFrame, path: pd.DataFrame, tolerance: float, limits: Limits | None = None) -> str:
    """Who reached the lowest value, who first, who diverged and by which limit; then who did neither.

    ``limits`` gives the variants' critical rates where a formula is known. With several seeds a variant
    counts as having reached it when every seed did.
    """
    if summary.empty:
        return "No run has finished yet."
    ends: dict[str, list[tuple[str, float]]] = {}  # of a variant: the outcome and the steps of each seed
    for name, outcome, steps in zip(summary["variant"], summary["outcome"], summary["steps"], strict=True):
        ends.setdefault(str(name), []).append((outcome, float(steps)))
    every = " in every seed" if summary["seed"].nunique() > 1 else ""
    reached = {
        name: median(steps for _, steps in own)
        for name, own in ends.items()
        if all(outcome == "converged" for outcome, _ in own)
    }
    verb = "reaches" if len(reached) == 1 else "reach"
    text = f"{len(reached)} of {len(ends)} {verb} f - f_min ≤ {tolerance:g}{every}"
    if reached:
        fewest = min(reached.values())
        first = [name for name, count in reached.items() if count == fewest]
        after = "1 step" if fewest == 1 else f"{fewest:g} steps"
        if len(ends) == 1:
            text += f", after {after}"
        else:
            text += f"; {listed(first)} first, after {after}" + (" (median)" if every else "")
    sentences = [text + "."]

    def ended(word: str) -> list[str]:
        return [name for name, own in ends.items() if any(outcome == word for outcome, _ in own)]

    for name in ended("diverged"):
        sentence = f"{name} diverged from step {min(s for outcome, s in ends[name] if outcome == 'diverged'):g} on"
        limit, rate = (limits or {}).get(name), rate_of(path, name)
        if limit is not None and rate is not None:
            side = "above" if rate > limit else "below"
            sentence += f": its learning rate {rate:g} is {side} the limit {limit:g}"
        sentences.append(sentence + ".")
    for word, one, many in PHRASES:
        if group := ended(word):
            sentences.append(f"{listed(group)} {one if len(group) == 1 else many}.")
    return " ".join(sentences)
