"""What a sweep over one setting shows, in sentences with their numbers, built from records alone."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from workbench.descent.limits import Limit
from workbench.descent.map_finding import percent
from workbench.descent.tolerance import Tolerance, in_decades, tolerances

Limits = Mapping[str, Limit | None]


def named(parameter: str) -> str:
    """What a person calls the settings of an axis."""
    return "learning rates" if parameter == "lr" else f"values of {parameter}"


def sweep_finding(sweep: pd.DataFrame, limits: Limits | None = None, log: bool = False) -> str:
    """Which variant tolerates the widest range of the settings, which the least, and how far theory is from it.

    ``limits`` gives the variants' critical rates where a formula is known; ``log``: the settings are log-spaced.
    """
    if sweep.empty:
        return "No setting was tried."
    sentences = [] if log and in_decades(sweep) else [most(sweep)]
    if in_decades(sweep):
        sentences.append(widest(sweep, log))
    for name in sweep["variant"].drop_duplicates():
        limit = (limits or {}).get(str(name))
        if limit is not None:
            sentences.append(agreement(str(name), sweep[sweep["variant"] == name], limit))
    return " ".join(sentences)


def widest(sweep: pd.DataFrame, log: bool) -> str:
    """Whose longest unbroken stretch of converging settings is the widest, and whose the narrowest, in decades."""
    found = tolerances(sweep, log)
    best, worst = (pick(found.values(), key=lambda one: one.decades) for pick in (max, min))
    if best.most == 0:
        low, high = sweep["setting"].min(), sweep["setting"].max()
        return f"None of the {named(str(sweep['parameter'].iloc[0]))} from {low:g} to {high:g} converges."
    text = f"The longest unbroken stretch that converges is {in_words(best)} wide with {best.variant}"
    if len(found) > 1:
        tied = best.decades == worst.decades
        text += ", and as wide with every other variant" if tied else f", {in_words(worst)} with {worst.variant}"
    return text + "."


def in_words(found: Tolerance) -> str:
    """``at least 1.43 decades (0.0186 to 0.5)``; with seeds their median and range."""
    text = f"{'at least ' if found.more else ''}{found.decades:.2f} decades"
    if found.seeds > 1:
        return f"{text} (median of {found.seeds} seeds; {found.least:.2f} to {found.most:.2f})"
    return f"{text} ({found.low:.3g} to {found.high:.3g})" if found.decades > 0 else "0 decades"


def most(sweep: pd.DataFrame) -> str:
    """Who converges with the largest share of the settings, and who with the smallest."""
    converged = sweep["outcome"] == "converged"
    groups = {str(name): group for name, group in converged.groupby(sweep["variant"], sort=False)}
    shares = {name: float(group.mean()) for name, group in groups.items()}
    seeds = sweep["seed"].nunique()
    counts = {name: f"{int(group.sum())} of {len(group)}" for name, group in groups.items()}
    if seeds > 1:  # a setting is tried once with each seed
        counts = {name: percent(share) for name, share in shares.items()}
    best, worst = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
    low, high, what = sweep["setting"].min(), sweep["setting"].max(), named(str(sweep["parameter"].iloc[0]))
    what = (
        f"of the {what} from {low:g} to {high:g}, over {seeds} seeds,"
        if seeds > 1
        else f"{what} from {low:g} to {high:g}"
    )
    text = f"{counts[best]} {what} converge with {best}"
    if len(shares) > 1:
        tied = shares[best] == shares[worst]
        text += ", and as many with every other variant" if tied else f", {counts[worst]} with {worst}"
    return text + "."


def agreement(name: str, rows: pd.DataFrame, limit: Limit) -> str:
    """How the measured outcomes lie beside a limit.

    An exact one separates what diverges from what does not; a local one only says that nothing above it stays at the
    lowest point.
    """
    if limit.local:
        above = rows[rows["setting"] > limit.rate]
        still = int((above["outcome"] == "converged").sum())
        said = "no setting above it converges" if not still else f"{still} of {len(above)} settings above it converge"
        if not len(above):
            said = "no setting above it was tried"
        return f"The local limit of {name}, at the lowest point, is {limit.rate:.6g}: {said}."
    diverged = rows["outcome"] == "diverged"
    tried = rows["outcome"] != "failed"
    wrong = int((tried & ~diverged & (rows["setting"] > limit.rate)).sum())
    wrong += int((diverged & (rows["setting"] < limit.rate)).sum())
    said = "every setting agrees" if not wrong else f"{wrong} of {len(rows)} settings lie on the other side of it"
    return f"The limit of {name} is {limit.rate:.6g}: {said}."
