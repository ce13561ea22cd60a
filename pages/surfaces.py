"""Surfaces: what each optimizer does on a function of two variables, side by side."""

from collections.abc import Iterator
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
from workbench.descent.shape import Shape, shape_of
from workbench.descent.simulate import INSPECTED
from workbench_ui import viewport
from workbench_ui.actions import TUNE_EQUALLY
from workbench_ui.body import Picture, Result, experiment_page
from workbench_ui.grounds import Ground, grounds, limits
from workbench_ui.kept import Kept
from workbench_ui.tables import descent_table

CONTROLS = "Play, step and scrub with the controls below the picture."


@st.cache_data(max_entries=50, show_spinner=False)
def known_shape(surface: dict[str, Any], plugin: str) -> Shape:
    """The shape of a surface; ``plugin`` only tells one version of its plugin from another."""
    return shape_of(surface, registry.current())


def shape_on(ground: Ground) -> Shape:
    """What is drawn below the paths."""
    return known_shape(ground.surface, ground.plugin)


def drawn_on(result: Result) -> Iterator[tuple[Ground, pd.DataFrame, pd.DataFrame]]:
    """The surfaces on which a step was taken, with the paths and the summaries there."""
    for ground in grounds(result):
        path, summary = (ground.of(result.records[table]) for table in ("path", "summary"))
        if len(path):
            yield ground, path, summary


def say(result: Result) -> str:
    """The finding, from the records, beside the limits that theory knows."""
    exact = {name: found.rate for name, found in limits(result).items() if found is not None and not found.local}
    tolerance = result.jobs[0].run.task["tolerance"]
    return finding(result.records["summary"], result.records["path"], tolerance, exact)


def paths(result: Result) -> list[Picture]:
    """Contour and path, one panel a variant, and what falls with every step, under one clock."""
    tolerance = result.jobs[0].run.task["tolerance"]
    made = []
    for ground, path, summary in drawn_on(result):
        shape = shape_on(ground)
        size, columns = viewport.panels(110 if viewport.narrow() else 140, min(4, max(2, len(ground.variants))))
        draw = partial(
            charts.three_views, path, summary, shape.lines, shape.minima, *ground.domain, shape.bottom,
            tolerance=tolerance, holes=shape.holes, lowest=shape.lowest,
        )  # fmt: skip
        note = (
            f"Square: start. Star: lowest point. Circle: where a path is now. Triangle at the border: the path leaves "
            f"the plot there. {described(shape.lines)} {CONTROLS}"
        )
        drawn = Kept(partial(draw, columns, size, narrow=viewport.narrow()))
        made.append(Picture(f"paths{ground.name}", [drawn], note, partial(draw, 3, 230)))
    return made


def values(result: Result) -> list[Picture]:
    """Height above the lowest value by step."""
    note = "How far above the lowest value, on a log axis: a straight line gains the same factor with every step."
    tolerance = result.jobs[0].run.task["tolerance"]
    made = []
    for ground, path, summary in drawn_on(result):
        draw = partial(charts.values, path, summary, shape_on(ground).bottom, tolerance)
        made.append(Picture(f"value by step{ground.name}", [draw(narrow=viewport.narrow())], note, draw))
    return made


def distance(result: Result) -> list[Picture]:
    """Distance to the nearest minimum by step."""
    note = "How far from the nearest minimum, on a log axis: a level line away from zero is no approach at all."
    made = []
    for ground, path, summary in drawn_on(result):
        draw = partial(charts.distance, path, summary, shape_on(ground).minima)
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
    path, state = (
        rows[(rows["variant"] == variant) & (rows["seed"] == seed)]
        for rows in (result.records["path"], result.records["state"])
    )
    if not len(state):
        st.info(f"Only descents of at most {INSPECTED:,} steps record what moves them: choose fewer steps.")
        return []
    ground = next(ground for ground in grounds(result) if variant in ground.variants)
    shape = shape_on(ground)
    color = colors_of(result.order.index(variant) + 1)[-1]
    draw = partial(
        inspector, path, state, shape.lines, shape.minima, *ground.domain, color,
        holes=shape.holes, lowest=shape.lowest,
    )  # fmt: skip
    size = min(420, viewport.width() - 90)
    note = (
        "Arrows show directions only, their lengths stand in the table. The gradient is the one after remedies, "
        f"the state the one after the move. Where both arrows part, memory or scaling turns the move. {CONTROLS}"
    )
    narrow = viewport.width() < 900
    drawn = Kept(partial(draw, size, narrow=narrow))
    return [Picture(f"inspector {variant}", [drawn], note, partial(draw, 380))]


def equation(result: Result, variant: str) -> None:
    """The rule that an optimizer follows, as its plugin writes it."""
    run = next(job.run for job in result.jobs if job.run.variant == variant)
    component = registry.current().get("optimizer", run.base["optimizer"]["use"])
    if component.equation:
        st.latex(broken(component.equation) if viewport.narrow() else component.equation)
    st.caption(" · ".join(text for text in (component.title, component.summary, component.reference) if text))


def broken(equation: str) -> str:
    """An equation of several parts with one below the other, where a screen has no room for them side by side."""
    return r"\begin{gathered}" + equation.replace(r"\quad", r"\\") + r"\end{gathered}"


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
    for ground, path, summary in drawn_on(result):
        shape = shape_on(ground)
        draw = partial(relief, shape.mesh, shape.bottom, path, summary, azimuth, elevation)
        width = min(760, viewport.width() - 20)
        drawn = Kept(partial(draw, width, narrow=viewport.narrow()))
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
