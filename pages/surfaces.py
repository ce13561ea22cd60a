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
from workbench.charts.inspector import inspector
from workbench.charts.panels import described
from workbench.charts.relief import relief
from workbench.charts.style import colors_of
from workbench.descent.finding import finding
from workbench.descent.limits import limit
from workbench.descent.shape import Shape, shape_of
from workbench.descent.simulate import INSPECTED
from workbench.descent.surface import Landscape
from workbench_ui import viewport
from workbench_ui.actions import TUNE_EQUALLY
from workbench_ui.body import Picture, Result, experiment_page
from workbench_ui.tables import descent_table

CONTROLS = "Play, step and scrub with the controls below the picture."


@st.cache_data(max_entries=50, show_spinner=False)
def known_shape(surface: dict[str, Any], plugin: str) -> Shape:
    """The shape of a surface; ``plugin`` only tells one version of its plugin from another."""
    return shape_of(surface, registry.current())


@dataclass(frozen=True)
class Ground:
    """One surface, and the records of the variants that descend on it."""

    landscape: Landscape
    plugin: str  # and its version
    path: pd.DataFrame
    state: pd.DataFrame
    summary: pd.DataFrame
    name: str  # of the surface where there are several, else empty

    @property
    def shape(self) -> Shape:
        """What is drawn below the paths."""
        return known_shape(self.landscape.reference, self.plugin)


def grounds(result: Result) -> Iterator[Ground]:
    """The surfaces of the experiment, nearly always one."""
    known = registry.current()
    variants: dict[str, list[str]] = {}
    for job in result.jobs:
        variants.setdefault(json.dumps(job.run.task["surface"], sort_keys=True), []).append(job.run.variant)
    for text, names in variants.items():
        place = Landscape(json.loads(text), known)
        path, state, summary = (
            rows[rows["variant"].isin(names)]
            for rows in (result.records[name] for name in ("path", "state", "summary"))
        )
        if len(path):
            plugin = known.owner("surface", place.reference["use"]).identity
            name = f" on {place.component.title}" if len(variants) > 1 else ""
            yield Ground(place, plugin, path, state, summary, name)


def say(result: Result) -> str:
    """The finding, from the records, beside the limits that theory knows."""
    known = registry.current()
    limits = {job.run.variant: limit(job.run, known) for job in result.jobs}
    tolerance = result.jobs[0].run.task["tolerance"]
    return finding(result.records["summary"], result.records["path"], tolerance, limits)


def paths(result: Result) -> list[Picture]:
    """Contour and path, one panel a variant, and what falls with every step, under one clock."""
    tolerance = result.jobs[0].run.task["tolerance"]
    made = []
    for ground in grounds(result):
        place, shape = ground.landscape, ground.shape
        size, columns = viewport.panels(
            110 if viewport.narrow() else 140, min(4, max(2, ground.summary["variant"].nunique()))
        )
        draw = partial(
            charts.three_views, ground.path, ground.summary, shape.lines, shape.minima, place.x, place.y, shape.bottom,
            tolerance=tolerance, holes=shape.holes, lowest=shape.lowest,
        )  # fmt: skip
        note = (
            f"Square: start. Star: lowest point. Circle: where a path is now. Triangle at the border: the path leaves "
            f"the plot there. {described(shape.lines)} {CONTROLS}"
        )
        drawn = draw(columns, size, narrow=viewport.narrow())
        made.append(Picture(f"paths{ground.name}", [drawn], note, partial(draw, 3, 230)))
    return made


def values(result: Result) -> list[Picture]:
    """Height above the lowest value by step."""
    note = "How far above the lowest value, on a log axis: a straight line gains the same factor with every step."
    tolerance = result.jobs[0].run.task["tolerance"]
    made = []
    for ground in grounds(result):
        draw = partial(charts.values, ground.path, ground.summary, ground.shape.bottom, tolerance)
        made.append(Picture(f"value by step{ground.name}", [draw(narrow=viewport.narrow())], note, draw))
    return made


def distance(result: Result) -> list[Picture]:
    """Distance to the nearest minimum by step."""
    note = "How far from the nearest minimum, on a log axis: a level line away from zero is no approach at all."
    made = []
    for ground in grounds(result):
        draw = partial(charts.distance, ground.path, ground.summary, ground.shape.minima)
        made.append(Picture(f"distance by step{ground.name}", [draw(narrow=viewport.narrow())], note, draw))
    return made


def inspected(result: Result) -> list[Picture]:
    """One descent, step by step: gradient, move and state, beside the equation they follow."""
    keys = ["variant", "seed"]
    runs = list(result.records["path"][keys].drop_duplicates().itertuples(index=False, name=None))
    if not runs:
        return []
    several = len({seed for _, seed in runs}) > 1
    chosen = st.selectbox(
        "Look into", range(len(runs)), key="surfaces.inspected", width=360,
        format_func=lambda n: f"{runs[n][0]}, seed {runs[n][1]}" if several else runs[n][0],
    )  # fmt: skip
    variant, seed = runs[min(chosen, len(runs) - 1)]
    equation(result, variant)
    for ground in grounds(result):
        path, state = (
            rows[(rows["variant"] == variant) & (rows["seed"] == seed)] for rows in (ground.path, ground.state)
        )
        if not len(path):
            continue
        if not len(state):
            st.info(f"Only descents of at most {INSPECTED:,} steps record what moves them: choose fewer steps.")
            return []
        place, shape = ground.landscape, ground.shape
        color = colors_of(result.order.index(variant) + 1)[-1]
        draw = partial(
            inspector, path, state, shape.lines, shape.minima, place.x, place.y, color,
            holes=shape.holes, lowest=shape.lowest,
        )  # fmt: skip
        size = min(420, viewport.width() - 90)
        note = (
            "Arrows show directions only, their lengths stand in the table. The gradient is the one after remedies, "
            f"the state the one after the move. Where both arrows part, memory or scaling turns the move. {CONTROLS}"
        )
        return [Picture(f"inspector {variant}", [draw(size, narrow=viewport.width() < 900)], note, partial(draw, 380))]
    return []


def equation(result: Result, variant: str) -> None:
    """The rule that an optimizer follows, as its plugin writes it."""
    run = next(job.run for job in result.jobs if job.run.variant == variant)
    component = registry.current().get("optimizer", run.base["optimizer"]["use"])
    if component.equation:
        st.latex(component.equation)
    st.caption(" · ".join(text for text in (component.title, component.summary, component.reference) if text))


def sideways(result: Result) -> list[Picture]:
    """The surface from the side, with all paths on it."""
    with st.container(horizontal=True):
        azimuth = st.slider("turn (degrees)", -180, 180, 30, step=5, key="surfaces.azimuth", width=300)
        elevation = st.slider("look down (degrees)", 5, 90, 35, step=5, key="surfaces.elevation", width=300)
    note = (
        "Height and colour: the logarithm of the value above the lowest, so that the floor of a valley can be seen "
        f"beside its walls. Paths are drawn over everything, also where the surface would hide them. {CONTROLS}"
    )
    made = []
    for ground in grounds(result):
        draw = partial(relief, ground.shape.mesh, ground.shape.bottom, ground.path, ground.summary, azimuth, elevation)
        drawn = draw(min(760, viewport.width() - 20), narrow=viewport.narrow())
        made.append(Picture(f"3-D{ground.name}", [drawn], note, draw))
    return made


experiment_page(
    "surfaces",
    default="nine-optimizers",
    sentence="Same surface, same start, same number of steps: what each optimizer makes of them.",
    finding=say,
    views={"Paths": paths, "Value by step": values, "Distance": distance, "Inspector": inspected, "3-D": sideways},
    table=descent_table,
    actions=[TUNE_EQUALLY],
)
