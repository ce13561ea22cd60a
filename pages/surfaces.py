"""Surfaces: what each optimizer does on a function of two variables, side by side."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from workbench import registry
from workbench.charts import descent as charts
from workbench.descent.contours import contours
from workbench.descent.finding import finding
from workbench.descent.limits import limit
from workbench.descent.surface import Landscape
from workbench_ui import viewport
from workbench_ui.body import Picture, Result, experiment_page
from workbench_ui.tables import descent_table


@st.cache_data(max_entries=50, show_spinner=False)
def iso_lines(surface: dict[str, Any], plugin: str) -> pd.DataFrame:
    """The contour of a surface; ``plugin`` only tells one version of its plugin from another."""
    return contours(surface, registry.current())


@dataclass(frozen=True)
class Ground:
    """One surface, and the records of the variants that descend on it."""

    landscape: Landscape
    path: pd.DataFrame
    summary: pd.DataFrame
    name: str  # of the surface where there are several, else empty


def grounds(result: Result) -> Iterator[Ground]:
    """The surfaces of the experiment, nearly always one."""
    known = registry.current()
    variants: dict[str, list[str]] = {}
    for job in result.jobs:
        variants.setdefault(json.dumps(job.run.task["surface"], sort_keys=True), []).append(job.run.variant)
    for text, names in variants.items():
        place = Landscape(json.loads(text), known)
        path, summary = (
            rows[rows["variant"].isin(names)] for rows in (result.records["path"], result.records["summary"])
        )
        if len(path):
            yield Ground(place, path, summary, f" on {place.component.title}" if len(variants) > 1 else "")


def say(result: Result) -> str:
    """The finding, from the records, beside the limits that theory knows."""
    known = registry.current()
    limits = {job.run.variant: limit(job.run, known) for job in result.jobs}
    tolerance = result.jobs[0].run.task["tolerance"]
    return finding(result.records["summary"], result.records["path"], tolerance, limits)


def paths(result: Result) -> list[Picture]:
    """Contour and path, one panel a variant; the slider under them plays the steps."""
    known = registry.current()
    size, columns = viewport.panels(140, 3)
    made = []
    for ground in grounds(result):
        place = ground.landscape
        lines = iso_lines(place.reference, known.owner("surface", place.reference["use"]).identity)
        lowest = place.minima or (place.bottom,)
        draw = partial(charts.paths, ground.path, ground.summary, lines, lowest, place.x, place.y)
        note = (
            "Square: start. Star: lowest point. Triangle at the border: the path leaves the plot there. "
            "Iso-lines are spaced evenly in the logarithm of the height above the lowest point."
        )
        made.append(Picture(f"paths{ground.name}", [draw(columns, size)], note, partial(draw, 3, 230)))
    return made


def values(result: Result) -> list[Picture]:
    """Height above the lowest value by step."""
    note = "How far above the lowest value of the surface, on a log axis."
    tolerance = result.jobs[0].run.task["tolerance"]
    return [
        Picture(
            f"value by step{ground.name}",
            [charts.values(ground.path, ground.summary, ground.landscape.lowest, tolerance, narrow=viewport.narrow())],
            note,
            partial(charts.values, ground.path, ground.summary, ground.landscape.lowest, tolerance),
        )
        for ground in grounds(result)
    ]


def distance(result: Result) -> list[Picture]:
    """Distance to the lowest point by step."""
    note = "How far from the lowest point, on a log axis."
    return [
        Picture(
            f"distance by step{ground.name}",
            [charts.distance(ground.path, ground.summary, ground.landscape.bottom, narrow=viewport.narrow())],
            note,
            partial(charts.distance, ground.path, ground.summary, ground.landscape.bottom),
        )
        for ground in grounds(result)
    ]


experiment_page(
    "surfaces",
    default="nine-optimizers",
    sentence="Same surface, same start, same number of steps: what each optimizer makes of them.",
    finding=say,
    views={"Paths": paths, "Value by step": values, "Distance": distance},
    table=descent_table,
)
