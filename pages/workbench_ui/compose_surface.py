"""What only descents have in their task: where they start, the part of the plane, the noise, and what seeds draw."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import streamlit as st

from workbench import Param, Surface
from workbench.experiment import Experiment
from workbench.param import plain
from workbench_ui.param_widget import param_widget

Plain = dict[str, Any]
RANDOM = "random"
START = "where every descent starts"


def draw_hosted(label: str, params: Sequence[Param], settings: Plain, like: Plain, key: str) -> Plain:
    """The settings that the bench itself obeys, out of the way; those that differ from ``like`` or the defaults."""
    made: Plain = {}
    with st.popover(label, width="stretch"):
        for param in params:
            usual = like.get(param.name, param.default)
            given = param_widget(param, settings.get(param.name, usual), f"{key}.{param.name}")
            if given != (tuple(usual) if isinstance(usual, list) else usual):
                made[param.name] = list(given) if isinstance(given, tuple) else given
    if made:
        st.caption(", ".join(f"{name} {spelt(value)}" for name, value in made.items()))
    return made


def spelt(value: Any) -> str:
    """``-2 to 3`` or ``0.1``."""
    return f"{plain(value[0])} to {plain(value[1])}" if isinstance(value, list) else plain(value)


def domain(surface: Surface, reference: Plain) -> tuple[tuple[float, float], tuple[float, float]]:
    """The part of the plane that is drawn."""
    (left, right), (low, high) = (reference.get(axis, getattr(surface, axis)) for axis in "xy")
    return (left, right), (low, high)


def usual_start(surface: Surface, reference: Plain) -> list[float]:
    """Where a descent starts when nothing is said."""
    return [min(max(at, low), high) for at, (low, high) in zip(surface.start, domain(surface, reference), strict=True)]


def draw_start(value: Any, surface: Surface, reference: Plain, key: str, varied: Collection[str] = ()) -> Any:
    """The start: two sliders over the part of the surface that is drawn, or "random".

    ``varied`` are the axes of a sweep; a coordinate among them needs no slider.
    """
    swept = [axis for axis in "xy" if f"start.{axis}" in varied]
    lot = False
    if not swept:
        lot = st.toggle("random start for each seed", value == RANDOM, key=f"{key}.random",
                        help="each seed draws one point of the domain, the same for every variant")  # fmt: skip
    if lot:
        return RANDOM
    point = value if isinstance(value, list | tuple) else usual_start(surface, reference)
    made = []
    for axis, (low, high), at in zip("xy", domain(surface, reference), point, strict=True):
        if axis in swept:
            made.append(float(at))
            continue
        span = (min(low, at), max(high, at))
        made.append(st.slider(f"start {axis}", *span, float(at), (high - low) / 100,
                              key=f"{key}.{reference['use']}.{axis}", help=START))  # fmt: skip
    if swept:
        st.caption(f"Start {' and '.join(swept)}: varied below.")
    return made


def by_lot(task: Plain, variants: Sequence[Plain]) -> bool:
    """Whether seeds make a difference on a surface: the start or the gradients' noise is drawn."""
    tasks = [task, *(variant.get("task", {}) for variant in variants)]
    surfaces = [each["surface"] for each in tasks if isinstance(each.get("surface"), dict)]
    return any(each.get("start") == RANDOM for each in tasks) or any(each.get("noise") for each in surfaces)


def draw_seeds(experiment: Experiment, drawn: bool, key: str) -> list[int]:
    """How many seeds; a single one proves nothing. A list written by hand stays until the number changes.

    ``drawn``: on a surface something is drawn by lot; otherwise every seed is the same, and the widget is left out.
    """
    kind, seeds = experiment.kind, experiment.seeds
    if kind in ("descent", "sweep") and not drawn and len(seeds) == 1:
        return seeds
    tip = "every variant is run with each seed: the same start and the same batches within a seed"
    if kind in ("descent", "sweep"):
        tip = "each seed draws its own start and its own noise, the same for every variant"
    elif kind == "tune":
        tip = "each seed is a search of its own: other trials, and another start and noise where they are random"
    count = st.number_input("seeds", 1, 1000, len(seeds), key=key, help=tip)
    return seeds if count == len(seeds) else list(range(count))
