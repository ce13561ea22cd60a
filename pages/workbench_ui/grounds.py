"""On which surfaces the variants of an experiment descend, and what theory knows of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from workbench import registry
from workbench.descent.limits import Limit, LimitCurve, known_limit, limit_curve
from workbench.experiment import Run
from workbench.param import Interval

if TYPE_CHECKING:
    from workbench_ui.body import Result


@dataclass(frozen=True)
class Ground:
    """One surface, and the variants that descend on it, in order."""

    surface: dict[str, Any]
    plugin: str  # that the surface comes from, and its version
    variants: list[str]
    name: str  # of the surface where there are several, else empty

    @property
    def domain(self) -> tuple[Interval, Interval]:
        """The part of the plane that is drawn: along x and along y."""
        (left, right), (low, high) = self.surface["x"], self.surface["y"]
        return (left, right), (low, high)

    def of(self, records: pd.DataFrame) -> pd.DataFrame:
        """The records of its variants."""
        return records[records["variant"].isin(self.variants)] if self.name else records


def grounds(result: Result) -> list[Ground]:
    """The surfaces of the experiment, nearly always one."""
    variants: dict[str, dict[str, None]] = {}
    for job in result.jobs:
        surface = json.dumps(job.run.task["surface"], sort_keys=True)
        variants.setdefault(surface, {})[job.run.variant] = None
    known = registry.current()
    found = []
    for text, names in variants.items():
        surface = json.loads(text)
        name = f" on {known.get('surface', surface['use']).title}" if len(variants) > 1 else ""
        found.append(Ground(surface, known.owner("surface", surface["use"]).identity, list(names), name))
    return found


@st.cache_data(max_entries=500, show_spinner=False)
def theory(run_id: str, _run: Run) -> tuple[Limit | None, LimitCurve | None]:
    """The critical learning rate, or along a map its curve; a run's id stands for all that decides them."""
    known = registry.current()
    return known_limit(_run, known), limit_curve(_run, known)


def limits(result: Result) -> dict[str, Limit | None]:
    """The critical rates that theory knows."""
    return {job.run.variant: theory(job.id, job.run)[0] for job in result.jobs}


def curves(result: Result) -> dict[str, LimitCurve | None]:
    """The critical rates along the other axis of a map."""
    return {job.run.variant: theory(job.id, job.run)[1] for job in result.jobs}
