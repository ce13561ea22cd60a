"""What the small lessons are made of: sliders kept in the address, a finding, charts with a note, ways on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from workbench import registry
from workbench.basics.slope import LESSON, Slope
from workbench.errors import WorkbenchError
from workbench_ui import state
from workbench_ui.body import Picture, draw
from workbench_ui.param_widget import param_widget

number_of = st.column_config.NumberColumn


def slider(name: str, label: str, low: float, high: float, value: float, step: float, tip: str | None = None) -> Any:
    """A slider whose setting is kept in the address: it survives a change of page, and can be passed on."""
    return st.slider(label, low, high, value, step, key=f"basics.{name}", help=tip, bind="query-params")


def one_of(name: str, label: str, options: Sequence[Any], say: Callable[[Any], str] = str) -> Any:
    """One of a few, kept in the same way; the first is the default."""
    return st.segmented_control(
        label, options, default=options[0], format_func=say, key=f"basics.{name}", required=True, bind="query-params"
    )


def activation(name: str) -> Slope:
    """Any registered activation with its settings."""
    known = registry.current()
    names = known.names("activation")
    if not names:
        raise WorkbenchError("no activation is registered; the page Plugins says why")
    chosen = st.selectbox(
        "activation f", names, names.index(LESSON) if LESSON in names else 0, key=f"basics.{name}.f",
        bind="query-params", format_func=lambda each: known.get("activation", each).title,
    )  # fmt: skip
    kept = st.session_state.setdefault("basics.settings", {})
    reference = {"use": chosen}
    if params := known.get("activation", chosen).params:
        with st.popover("Its settings", icon=":material/tune:"):
            for param in params:
                key = f"basics.{name}.{chosen}.{param.name}"
                reference[param.name] = kept[key] = param_widget(param, kept.get(key, param.default), key)
    return Slope(reference, known)


def finding(text: str) -> None:
    """What the numbers say."""
    st.markdown(f"**{text}**")


def show(name: str, chart: Any, note: str) -> None:
    """One chart with the sentence that says what to see in it."""
    draw("basics", name, Picture(name, [chart], note), note)


def try_it(lesson: str, why: str) -> None:
    """The way to the ready experiment that shows the same in a real network."""
    if lesson in state.lessons() and st.button(
        state.lesson(lesson).title, icon=":material/model_training:", key=f"basics.open.{lesson}", help=why
    ):
        state.go(state.open_experiment(state.lesson(lesson)))
