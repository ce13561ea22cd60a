"""What a comparison of descents shows, in a sentence with its numbers, built from records alone."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from workbench.words import listed

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
    finished = summary[~summary["outcome"].isin(["failed", "stopped"])]
    names = [str(name) for name in summary["variant"].drop_duplicates()]
    seeds = summary["seed"].nunique()
    every = " in every seed" if seeds > 1 else ""
    reached: dict[str, float] = {}
    for name in names:
        rows = finished[finished["variant"] == name]
        if len(rows) == (summary["variant"] == name).sum() and (rows["outcome"] == "converged").all():
            reached[name] = float(rows["steps"].median())
    verb = "reaches" if len(reached) == 1 else "reach"
    text = f"{len(reached)} of {len(names)} {verb} f - f_min ≤ {tolerance:g}{every}"
    if reached:
        steps = min(reached.values())
        first = [name for name, count in reached.items() if count == steps]
        after = "1 step" if steps == 1 else f"{steps:g} steps"
        if len(names) == 1:
            text += f", after {after}"
        else:
            text += f"; {listed(first)} first, after {after}" + (" (median)" if seeds > 1 else "")
    sentences = [text + "."]
    for name in [str(name) for name in finished.loc[finished["outcome"] == "diverged", "variant"].drop_duplicates()]:
        rows = finished[(finished["variant"] == name) & (finished["outcome"] == "diverged")]
        sentence = f"{name} diverged from step {int(rows['steps'].min())} on"
        limit, rate = (limits or {}).get(name), rate_of(path, name)
        if limit is not None and rate is not None:
            side = "above" if rate > limit else "below"
            sentence += f": its learning rate {rate:g} is {side} the limit {limit:g}"
        sentences.append(sentence + ".")
    for word, phrase in (("oscillating", "oscillates"), ("stuck", "is stuck"), ("slow", "is still on the way")):
        group = [str(name) for name in finished.loc[finished["outcome"] == word, "variant"].drop_duplicates()]
        if group:
            plural = {"oscillates": "oscillate", "is stuck": "are stuck", "is still on the way": "are still on the way"}
            sentences.append(f"{listed(group)} {phrase if len(group) == 1 else plural[phrase]}.")
    for word, phrase in (("failed", "failed"), ("stopped", "stopped before the end")):
        group = [str(name) for name in summary.loc[summary["outcome"] == word, "variant"].drop_duplicates()]
        if group:
            sentences.append(f"{listed(group)} {phrase}.")
    return " ".join(sentences)
