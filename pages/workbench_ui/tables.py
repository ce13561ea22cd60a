"""The table under the pictures: one row a variant, how it ended, how well, and what it cost."""

from __future__ import annotations

import math
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


COST_COLUMNS = {
    "evaluations": st.column_config.NumberColumn(
        "evaluations a step", format="%.3g", help="how often the gradient is evaluated in one step, on average"
    ),
    "microseconds": st.column_config.NumberColumn(
        "time a step (µs)", format="%.0f", help="measured on this machine, the bench's own bookkeeping included"
    ),
    "state_bytes": st.column_config.NumberColumn(
        "state (bytes)", format="%d", help="what the optimizer keeps besides the two coordinates, 16 bytes"
    ),
}


def costs(summary: pd.DataFrame, path: pd.DataFrame) -> dict[str, dict[str, float]]:
    """What a step of each variant's descents cost: gradient evaluations, microseconds (median of the seeds), bytes.

    NaN where no step was taken.
    """
    keys = ["variant", "seed"]
    rows = summary.join(path.groupby(keys)["step"].max().rename("taken"), on=keys)
    taken = rows["taken"].where(rows["taken"] > 0)
    each = pd.DataFrame({"evaluations": rows["evaluations"] / taken, "microseconds": rows["seconds"] * 1e6 / taken})
    found = each.groupby(rows["variant"]).median().join(summary.groupby("variant")["state_bytes"].max())
    return {str(name): row for name, row in found.astype("float64").to_dict("index").items()}


def descent_table(result: Result) -> Table:
    """Outcome, step, final value and place of every descent."""
    summary, path = result.records["summary"], result.records["path"]
    last = path.groupby("variant")[["x", "y"]].last().to_dict("index") if len(path) else {}
    summaries, cost = dict(iter(summary.groupby("variant"))), costs(summary, path)
    rows: list[dict[str, Any]] = []
    for name in result.order:
        if name not in summaries:
            continue
        own, end = summaries[name], last.get(name, {"x": None, "y": None})
        rows.append(
            {
                "variant": name,
                "outcome": outcomes(own),
                "step": int(own["steps"].iloc[0]),
                "final value": own["value"].iloc[0],
                "x": end["x"],
                "y": end["y"],
                **cost[name],
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
        **COST_COLUMNS,
        "time": number("time (ms)", format="%.0f"),
        "remark": st.column_config.TextColumn(width="large"),
    }


def tuning_table(result: Result) -> Table:
    """The best trial of each variant, and how many of its trials converge."""
    from workbench.descent.tuned import best_of_each  # brings torch along, which the other tables do without
    from workbench.descent.tuning_finding import found_of

    trials, summary = result.records["trials"], result.records["summary"]
    found = {each.name: each for each in found_of(trials)} if len(trials) else {}
    best = best_of_each(trials, ["variant"]).set_index("variant")
    rows: list[dict[str, Any]] = []
    for name in result.order:
        ended = summary[summary["variant"] == name]
        lost = message(ended[ended["outcome"].isin(["failed", "stopped"])])
        if name not in found:
            if len(ended):
                rows.append({"variant": name, "outcome": outcomes(ended), "remark": lost})
            continue
        own, first = found[name], best.loc[name]
        rows.append(
            {
                "variant": name,
                "outcome": first["outcome"],
                "steps": first["steps_to_tolerance"],
                "median": own.median if len(own.steps) > 1 and math.isfinite(own.median) else None,
                "converge": f"{own.good} of {own.trials}",
                "chance": own.chance,
                "value": first["value"],
                "best settings": first["settings"],
                "remark": lost,
            }
        )
    number = st.column_config.NumberColumn
    columns = {
        "best settings": st.column_config.TextColumn(width="large"),
        "steps": number("steps", format="%.0f", help="steps to tolerance of the best trial"),
        "median": number("steps, median search", format="%.4g", help="the best trial of each seed, and their median"),
        "value": number("final value", format="%.4g"),
        "converge": st.column_config.TextColumn("trials that converge"),
        "chance": number("trials for an even chance", format="%d", help="so many, and half of all searches get there"),
        "remark": st.column_config.TextColumn(width="medium"),
    }
    made = pd.DataFrame(rows).replace("", None).dropna(axis="columns", how="all")
    return made, {name: column for name, column in columns.items() if name in made}


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
        "when": number("at epoch", format="%.0f", help="of the seed with the best test accuracy"),
        "final": number("final test accuracy", format="%.4f"),
        "loss": number("final training loss", format="%.4g", help="mean of the last epoch"),
        "time": number("time a run (s)", format="%.1f"),
        "remark": st.column_config.TextColumn(width="large"),
    }
    made = pd.DataFrame(rows).replace("", None).dropna(axis="columns", how="all")
    return made, {name: column for name, column in columns.items() if name in made}
