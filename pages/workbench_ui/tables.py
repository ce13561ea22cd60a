"""The table under the pictures: one row a variant, how it ended, how well, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

if TYPE_CHECKING:
    from workbench_ui.body import Result

Table = tuple[pd.DataFrame, dict[str, Any]]


def outcomes(rows: pd.DataFrame) -> str:
    """``finished``, or ``2 x finished, 1 x diverged`` over several seeds."""
    counts = rows["outcome"].value_counts()
    if len(counts) == 1:
        return str(counts.index[0])
    return ", ".join(f"{count} x {name}" for name, count in counts.items())


def message(rows: pd.DataFrame) -> str:
    """The distinct messages of a variant's runs."""
    return "; ".join(dict.fromkeys(text for text in rows["message"] if text))


def descent_table(result: Result) -> Table:
    """Outcome, step, final value and place of every descent."""
    summary, path = result.records["summary"], result.records["path"]
    last = path.groupby("variant").last() if len(path) else path
    rows: list[dict[str, Any]] = []
    for name in result.order:
        own = summary[summary["variant"] == name]
        if not len(own):
            continue
        end = last.loc[name] if name in last.index else {"x": None, "y": None}
        rows.append(
            {
                "variant": name,
                "outcome": outcomes(own),
                "step": int(own["steps"].iloc[0]),
                "final value": own["value"].iloc[0],
                "x": end["x"],
                "y": end["y"],
                "time": own["seconds"].sum() * 1000,
                "remark": message(own),
            }
        )
    number = st.column_config.NumberColumn
    return pd.DataFrame(rows), {
        "step": number(help="where it converged or diverged, else the last step"),
        "final value": number(format="%.4g"),
        "x": number(format="%.4g"),
        "y": number(format="%.4g"),
        "time": number("time (ms)", format="%.0f"),
        "remark": st.column_config.TextColumn(width="large"),
    }


def sweep_table(result: Result) -> Table:
    """The range of settings with which each optimizer converges, and its fastest."""
    sweep, summary = result.records["sweep"], result.records["summary"]
    rows: list[dict[str, Any]] = []
    for name in result.order:
        own = sweep[sweep["variant"] == name]
        good = own[own["outcome"] == "converged"]
        ended = summary[summary["variant"] == name]
        if not len(own) and not len(ended):
            continue
        fastest = good.loc[good["steps_to_tolerance"].idxmin()] if good["steps_to_tolerance"].notna().any() else None
        rows.append(
            {
                "variant": name,
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
    return pd.DataFrame(rows), {
        "converged": number("converged (share of settings)", format="percent"),
        "smallest": number("smallest that converged", format="%.4g"),
        "largest": number("largest that converged", format="%.4g"),
        "best": number("fastest setting", format="%.4g"),
        "steps": number("its steps", format="%.0f"),
        "diverged": number("diverged (share)", format="percent"),
        "remark": st.column_config.TextColumn(width="large"),
    }


def training_table(result: Result) -> Table:
    """Outcome, accuracy, loss and cost of every variant, over its seeds."""
    summary, curve = result.records["summary"], result.records["curve"]
    rows: list[dict[str, Any]] = []
    for name in result.order:
        own = summary[summary["variant"] == name]
        live = [result.statuses[job.id] for job in result.jobs if job.run.variant == name and job.id in result.statuses]
        if not len(own):
            states = ", ".join(dict.fromkeys(status.state for status in live)) or "not run"
            rows.append({"variant": name, "outcome": states})
            continue
        tests = curve[(curve["variant"] == name) & (curve["split"] == "test")]
        best = tests.loc[tests["accuracy"].idxmax(), "epoch"] if tests["accuracy"].notna().any() else None
        rows.append(
            {
                "variant": name,
                "outcome": outcomes(own),
                "seeds": len(own),
                "best": own["best_accuracy"].mean(),
                "spread": own["best_accuracy"].std() if len(own) > 1 else None,
                "when": best,
                "final": own["final_accuracy"].mean(),
                "loss": own["final_loss"].mean(),
                "time": own["seconds"].mean(),
                "remark": message(own),
            }
        )
    number = st.column_config.NumberColumn
    columns = {
        "best": number("best test accuracy", format="%.4f", help="mean over the seeds"),
        "spread": number("± (std over seeds)", format="%.4f"),
        "when": number("at epoch", format="%.0f"),
        "final": number("final test accuracy", format="%.4f"),
        "loss": number("final training loss", format="%.4g", help="mean of the last epoch"),
        "time": number("time a run (s)", format="%.1f"),
        "remark": st.column_config.TextColumn(width="large"),
    }
    made = pd.DataFrame(rows).dropna(axis="columns", how="all")
    return made, {name: column for name, column in columns.items() if name in made}
