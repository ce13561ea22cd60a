"""Scores: the one number of each run by which variants are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.words import listed, percent


@dataclass(frozen=True)
class Metric:
    """A column of ``summary``, what it is called, and whether more of it is better."""

    column: str
    title: str
    higher: bool

    @property
    def share(self) -> bool:
        """Whether it is spoken of in percent and points."""
        return self.column.endswith("accuracy")

    def value(self, value: float) -> str:
        """``97.1 %`` or ``0.0123``."""
        return percent(value) if self.share else f"{value:.4g}"

    def bare(self, value: float, sign: str = "") -> str:
        """``97.1`` or ``0.0123``: without the unit; with ``sign="+"`` also the sign of what is above 0."""
        text = format(100 * value, f"{sign}.1f") if self.share else format(value, f"{sign}.3g")
        return text.replace("-", "\N{MINUS SIGN}", 1) if value < 0 else text

    @property
    def unit(self) -> str:
        """What follows a difference."""
        return " points" if self.share else ""


ACCURACY = Metric("final_accuracy", "final test accuracy", higher=True)
LOSS = Metric("test_loss", "final test error (mean squared)", higher=False)  # a column that ``with_test_loss`` adds
COUNTED = ("finished", "diverged")


@dataclass(frozen=True)
class Scores:
    """``table``: one row a seed, one column a variant, NaN where nothing was reached (yet).

    ``remarks`` are sentences: who diverged and what counts for it, who is left out.
    """

    metric: Metric
    table: pd.DataFrame
    remarks: tuple[str, ...]

    @cached_property
    def columns(self) -> dict[str, NDArray[np.float64]]:
        """The columns as arrays: effects ask for them often."""
        return {str(name): self.table[name].to_numpy(dtype="float64") for name in self.table}

    def by_seed(self, variant: str) -> NDArray[np.float64]:
        """A variant's scores, one for every seed of the table; NaN for those that are not there."""
        return self.columns[variant] if variant in self.columns else np.full(len(self.table), math.nan)

    @cached_property
    def scale(self) -> float:
        """The largest size of a score: differences far below its rounding are none."""
        sizes = self.table.abs().to_numpy(dtype="float64")
        return float(np.nanmax(sizes)) if np.isfinite(sizes).any() else 0.0

    def of(self, variant: str) -> pd.Series:
        """A variant's scores by seed, those that there are."""
        if variant not in self.table:
            return pd.Series(dtype="float64")
        return self.table[variant].dropna()


def metric_of(summary: pd.DataFrame) -> Metric:
    """Test accuracy, or the test error where no run has an accuracy (networks that give back their input)."""
    ended = summary[summary["outcome"].isin(COUNTED)]
    return LOSS if len(ended) and ended["final_accuracy"].isna().all() else ACCURACY


def scores(summary: pd.DataFrame, curve: pd.DataFrame, metric: Metric | None = None) -> Scores:
    """The scores of all runs that ended, from the records ``summary`` and ``curve``.

    A run that diverged counts as what it reached: with the test accuracy of the network as it was when the run
    ended, where a prediction that is not finite is wrong; by the error with its last finite test error. Runs that
    failed or were stopped do not count.
    """
    metric = metric or metric_of(summary)
    summary = with_test_loss(summary, curve)
    rows: list[dict[str, Any]] = []
    for row in summary.to_dict("records"):
        if row["outcome"] in COUNTED:
            value = float(row[metric.column])
            if not math.isfinite(value) and row["outcome"] == "diverged" and metric == LOSS:
                value = last_loss(curve, row["variant"], row["seed"])
            rows.append({"variant": row["variant"], "seed": row["seed"], "value": value})
    long = pd.DataFrame(rows, columns=["variant", "seed", "value"]).astype({"value": "float64"})
    table = long.pivot_table(index="seed", columns="variant", values="value", sort=False, dropna=False)
    order = list(dict.fromkeys(long["variant"]))
    table = table.reindex(columns=order).sort_index().where(lambda values: np.isfinite(values))
    return Scores(metric, table, tuple(remarks(summary, table, metric)))


def with_test_loss(summary: pd.DataFrame, curve: pd.DataFrame) -> pd.DataFrame:
    """The summary with each run's last test loss: that of the weights that are judged, without what is only noise."""
    tests = curve[curve["split"] == "test"].sort_values("step").groupby(["variant", "seed"])["loss"].last()
    return summary.join(tests.rename("test_loss"), on=["variant", "seed"])


def last_loss(curve: pd.DataFrame, variant: str, seed: int) -> float:
    """A run's last finite test loss, or NaN."""
    own = curve[(curve["variant"] == variant) & (curve["seed"] == seed) & (curve["split"] == "test")]
    finite = own[np.isfinite(own["loss"].astype("float64"))].sort_values("step")
    return float(finite["loss"].iloc[-1]) if len(finite) else math.nan


def without_accuracy(summary: pd.DataFrame) -> list[str]:
    """Variants that finished without any accuracy."""
    ended = summary[summary["outcome"] == "finished"]
    return [str(name) for name, own in ended.groupby("variant", sort=False) if own["final_accuracy"].isna().all()]


def blind_said(names: Sequence[str]) -> str:
    """Why some variants do not count beside others that have an accuracy."""
    words = ("gives its input back, has", "does") if len(names) == 1 else ("give their input back, have", "do")
    return f"{listed(names)} {words[0]} no accuracy and {words[1]} not count."


def remarks(summary: pd.DataFrame, table: pd.DataFrame, metric: Metric) -> list[str]:
    """What has to be known about the scores: who diverged, and who does not count."""
    sentences = []
    if metric.share and (blind := without_accuracy(summary)):
        sentences.append(blind_said(blind))
    reached = "the test accuracy it had then" if metric.share else "its last finite test error"
    for name, rows in summary[summary["outcome"] == "diverged"].groupby("variant", sort=False):
        of = len(summary[summary["variant"] == name])
        own = table.loc[table.index.isin(rows["seed"]), name].dropna() if name in table else pd.Series(dtype="float64")
        seeds = f" with {len(rows)} of {of} seeds" if of > 1 else ""
        if len(own) < len(rows):
            sentences.append(f"{name} diverged{seeds} before it reached a number, and does not count there.")
            continue
        values = sorted({metric.value(value) for value in (own.min(), own.max())})
        sentences.append(f"{name} diverged{seeds} and counts there with {reached}: {' to '.join(values)}.")
    for outcome, words in (("failed", "failed"), ("stopped", "were stopped")):
        if names := list(dict.fromkeys(summary.loc[summary["outcome"] == outcome, "variant"])):
            sentences.append(f"Runs of {listed(names)} {words}; they do not count.")
    return sentences
