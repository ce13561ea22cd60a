"""What is varied in a sweep: one setting, two as a map, or the start; and how many trials a tuning has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from pydantic import ValidationError

from workbench import Param
from workbench.charts.cells import axis_title
from workbench.errors import WorkbenchError
from workbench.experiment import BASES, TASKS, Experiment, Sweep, merge
from workbench.experiment.axes import complete_axis, natural, numbers
from workbench.registry import Registry
from workbench_ui.param_widget import complain

Plain = dict[str, Any]
MODES = {"one": "a setting", "two": "two", "start": "the start"}
STARTS = ("start.x", "start.y")
LINE, SIDE, MOST = 256, 96, 1024  # settings of one axis, of a map's axes, and the most of those
Composition = tuple[Plain, Plain]  # base and task


def compositions(experiment: Experiment) -> list[Composition]:
    """Base and task of every variant, as far as they are written."""
    common = BASES[experiment.kind].model_validate(experiment.base).model_dump()
    task = TASKS[experiment.kind].model_validate(experiment.task).model_dump()
    found = []
    for variant in experiment.shown_variants:
        base, own = dict(common), dict(task)
        for key, change in variant.overrides().items():
            base[key] = change if key == "remedies" else merge(base[key], change)
        for key, change in variant.task.items():
            change = {"use": change} if key == "surface" and isinstance(change, str) else change
            own[key] = merge(own[key], change) if isinstance(change, dict) else change
        found.append((base, own))
    return found


def offered(experiment: Experiment, known: Registry) -> dict[str, list[Param]]:
    """The numbers that every variant has, each with the Params of all variants."""
    each = [numbers(known, base, task) for base, task in compositions(experiment)]
    return {name: [one[name] for one in each] for name in each[0] if all(name in one for one in each)}


def mode_of(sweep: Sweep) -> str:
    """What is varied."""
    if sweep.second is None:
        return "one"
    return "start" if {sweep.parameter, sweep.second.parameter} == set(STARTS) else "two"


def usual_axis(name: str, params: Sequence[Param], count: int, scale: str | None = None) -> Plain:
    """An axis over the range that makes sense for all variants; over starts the domain, whatever it is."""
    scale = scale or ("log" if params[0].scale == "log" and params[0].search is not None else "linear")
    axis: Plain = {"parameter": name, "count": count, "scale": scale}
    if name in STARTS:
        return axis
    lows, highs = zip(*(natural(name, param, scale) for param in params), strict=True)
    return axis | {"low": min(lows), "high": max(highs)}


def usual_second(first: str, names: dict[str, list[Param]]) -> str:
    """The second axis that says most: a setting with a range worth trying, the optimizer's own before others."""
    others = [name for name in names if name != first]
    worth = [name for name in others if names[name][0].search is not None and name not in STARTS]
    own = [name for name in worth if "." not in name]
    return (own or worth or others)[0]


def usual_sweep(mode: str, sweep: Sweep, names: dict[str, list[Param]]) -> Plain:
    """What a sweep begins with when something else is varied from now on."""
    if mode == "start":
        across, up = (usual_axis(name, names[name], SIDE) for name in STARTS)
        return across | {"second": up}
    first = sweep.parameter if sweep.parameter in names and sweep.parameter not in STARTS else next(iter(names))
    if mode == "one":
        return usual_axis(first, names[first], LINE)
    second = usual_second(first, names)
    return usual_axis(first, names[first], SIDE) | {"second": usual_axis(second, names[second], SIDE)}


def draw_sweep(experiment: Experiment, known: Registry, prefix: str) -> Plain:
    """Which settings are swept, over which range. What cannot be run is said here, and the last that could stays."""
    assert experiment.sweep is not None
    before: Plain = experiment.sweep.model_dump(exclude_none=True)
    try:
        names = offered(experiment, known)
    except WorkbenchError as error:  # a plugin that is gone: its choice says so, too
        complain(str(error))
        return before
    now = mode_of(experiment.sweep)
    mode = st.segmented_control(
        "what is varied", list(MODES), default=now, format_func=MODES.__getitem__, key=f"{prefix}.mode", required=True,
        help="one setting gives strips, two settings give a map, the start shows which minimum is reached from where",
    )  # fmt: skip
    sweep = before if mode == now else usual_sweep(mode, experiment.sweep, names)
    key = f"{prefix}.{mode}"
    if mode == "one":
        made = draw_axis(sweep, names, f"{key}.first", 100_000)
    elif mode == "two":
        made = draw_axis(sweep, names, f"{key}.first", MOST, "across")
        others = {name: params for name, params in names.items() if name != made["parameter"]}
        second = sweep["second"]
        if second["parameter"] not in others:
            name = usual_second(made["parameter"], names)
            second = usual_axis(name, names[name], SIDE)
        made["second"] = draw_axis(second, others, f"{key}.second.{made['parameter']}", MOST, "up")
    else:
        axes = {axis["parameter"]: axis for axis in (sweep, sweep["second"])}
        made, made["second"] = (draw_axis(axes[name], {name: names[name]}, f"{key}.{name}", MOST) for name in STARTS)
    if reason := refusal(made, experiment, known):
        complain(reason)
        return before
    return made


def draw_axis(axis: Plain, names: dict[str, list[Param]], key: str, most: int, where: str = "sweep") -> Plain:
    """One axis: the number, its range and how many settings. ``names`` are those to choose from."""
    listed = list(names)
    known = axis["parameter"] in names
    if not known and len(listed) == 1:
        axis, known = usual_axis(listed[0], names[listed[0]], axis["count"]), True
    parameter = axis["parameter"]
    if len(listed) > 1:
        parameter = st.selectbox(where, listed, listed.index(parameter) if known else 0, format_func=axis_title,
                                 key=f"{key}.parameter", help="the number that is tried over the range")  # fmt: skip
    else:
        st.caption(axis_title(parameter))
    params = names[parameter]
    if parameter != axis["parameter"]:
        axis = usual_axis(parameter, params, axis["count"])
    key = f"{key}.{parameter}"
    scale = axis["scale"]
    if all(param.low is not None and param.low >= 0 for param in params):
        scale = st.segmented_control("scale", ["linear", "log"], default=scale, key=f"{key}.scale", required=True)
    if scale != axis["scale"]:
        axis = usual_axis(parameter, params, axis["count"], scale)
    made: Plain = {"parameter": parameter}
    usual = natural(parameter, params[0], scale)
    for column, end, word, at in zip(st.columns(2), ("low", "high"), ("from", "to"), usual, strict=True):
        given = column.number_input(word, value=axis.get(end), format="%.6g", key=f"{key}.{scale}.{end}",
                                    placeholder=f"{at:.6g}", help="empty: the usual range")  # fmt: skip
        if given is not None:
            made[end] = float(given)
    count = st.number_input("settings tried", 2, most, min(axis["count"], most), step=16, key=f"{key}.count")
    return made | {"count": count, "scale": scale}


def refusal(made: Plain, experiment: Experiment, known: Registry) -> str:
    """Why a sweep cannot be run, or an empty text."""
    try:
        sweep = Sweep.model_validate(made)
        for base, task in compositions(experiment):
            for axis in (sweep, sweep.second):
                if axis is not None:
                    complete_axis(axis, known, base, task, "", "")
    except ValidationError as error:
        return "; ".join(str(problem["msg"]).removeprefix("Value error, ") for problem in error.errors())
    except WorkbenchError as error:
        return str(error).lstrip(": ")
    return ""


def draw_tune(experiment: Experiment, prefix: str) -> Plain:
    """How many trials every variant has."""
    assert experiment.tune is not None
    tip = "settings of its own that each variant is given to try, drawn at random from the ranges worth trying"
    return {"trials": st.number_input("trials", 2, 10_000, experiment.tune.trials, key=f"{prefix}.trials", help=tip)}
