"""The tables under strips, maps and basins: one row a variant, how much of what was tried converges, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from workbench.descent.basins import shares
from workbench.descent.map_finding import best_cell
from workbench.descent.tolerance import in_decades, tolerances
from workbench_ui.tables import Table, message

if TYPE_CHECKING:
    from workbench_ui.body import Result


def sweep_table(result: Result) -> Table:
    """The range of settings with which each optimizer converges, its width in decades, and its fastest."""
    sweep, summary = result.records["sweep"], result.records["summary"]
    settings = result.experiment.sweep
    log = settings is not None and settings.scale == "log"
    widths = tolerances(sweep, log) if in_decades(sweep) else {}
    rows: list[dict[str, Any]] = []
    for name in result.order:
        own = sweep[sweep["variant"] == name]
        good = own[own["outcome"] == "converged"]
        ended = summary[summary["variant"] == name]
        if not len(own) and not len(ended):
            continue
        fastest = good.loc[good["steps_to_tolerance"].idxmin()] if good["steps_to_tolerance"].notna().any() else None
        width = widths.get(name)
        rows.append(
            {
                "variant": name,
                "decades": None if width is None else width.decades,
                "range": "" if width is None or width.seeds < 2 else f"{width.least:.2f} to {width.most:.2f}",
                "converged": len(good) / len(own) if len(own) else None,
                "smallest": good["setting"].min() if len(good) else None,
                "largest": good["setting"].max() if len(good) else None,
                "best": None if fastest is None else fastest["setting"],
                "steps": None if fastest is None else fastest["steps_to_tolerance"],
                "diverged": (own["outcome"] == "diverged").mean() if len(own) else None,
                "remark": message(ended),
            }
        )
    number = st.column_config.NumberColumn
    columns = {
        "decades": number(
            "tolerance (decades)",
            format="%.2f",
            help="log10 of the highest over the lowest setting of the longest unbroken stretch that converges; "
            "over several seeds the median",
        ),
        "range": st.column_config.TextColumn("over the seeds", help="the least to the most decades"),
        "converged": number("converged (share of settings)", format="percent"),
        "smallest": number("smallest that converged", format="%.4g"),
        "largest": number("largest that converged", format="%.4g"),
        "best": number("fastest setting", format="%.4g"),
        "steps": number("its steps", format="%.0f"),
        "diverged": number("diverged (share)", format="percent"),
        "remark": st.column_config.TextColumn(width="large"),
    }
    made = pd.DataFrame(rows)
    if not widths:
        made = made.drop(columns=["decades", "range"], errors="ignore")
    elif not made["range"].any():
        made = made.drop(columns="range")
    return made, {name: column for name, column in columns.items() if name in made}


def map_table(result: Result) -> Table:
    """The share of a map's cells that converge, and the two settings with the fewest steps."""
    sweep, summary = result.records["sweep"], result.records["summary"]
    names = [str(sweep[key].iloc[0]) for key in ("parameter", "parameter_2")] if len(sweep) else ["first", "second"]
    rows: list[dict[str, Any]] = []
    for name in result.order:
        own, ended = sweep[sweep["variant"] == name], summary[summary["variant"] == name]
        if not len(own) and not len(ended):
            continue
        best = best_cell(own)
        rows.append(
            {
                "variant": name,
                "converged": (own["outcome"] == "converged").mean() if len(own) else None,
                "steps": None if best is None else best.steps,
                "first": None if best is None else best.first,
                "second": None if best is None else best.second,
                "diverged": (own["outcome"] == "diverged").mean() if len(own) else None,
                "remark": message(ended),
            }
        )
    number = st.column_config.NumberColumn
    return pd.DataFrame(rows), {
        "converged": number("converged (share of cells)", format="percent"),
        "steps": number("fewest steps", format="%.0f"),
        "first": number(f"at {names[0]}", format="%.4g"),
        "second": number(f"and {names[1]}", format="%.4g"),
        "diverged": number("diverged (share)", format="percent"),
        "remark": st.column_config.TextColumn(width="large"),
    }


def basins_table(result: Result, lowest: Mapping[str, int]) -> Table:
    """The share of the starts that reach the lowest minimum, another one, or none.

    ``lowest`` says of each variant how many minima of its surface are equally low.
    """
    sweep, summary = result.records["sweep"], result.records["summary"]
    rows: list[dict[str, Any]] = []
    for name in result.order:
        own, ended = sweep[sweep["variant"] == name], summary[summary["variant"] == name]
        if not len(own) and not len(ended):
            continue
        found = shares(own, lowest[name])
        rows.append(
            {
                "variant": name,
                "lowest": found.lowest,
                "others": sum(found.minima.values()) - found.lowest,
                "none": found.none,
                "diverged": found.diverged,
                "starts": found.starts,
                "remark": message(ended),
            }
        )
    number = st.column_config.NumberColumn
    return pd.DataFrame(rows), {
        "lowest": number("reach the lowest", format="percent"),
        "others": number("reach another minimum", format="percent"),
        "none": number("reach none", format="percent"),
        "diverged": number("diverge", format="percent"),
        "starts": number("starts", format="%d"),
        "remark": st.column_config.TextColumn(width="large"),
    }
