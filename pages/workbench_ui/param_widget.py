"""One widget for one Param: everything it shows comes from the Param."""

from __future__ import annotations

import math
import re
from typing import Any

import streamlit as st

from workbench import Param
from workbench.param import plain


def param_widget(param: Param, value: Any, key: str) -> Any:
    """Draw the widget and return the setting.

    What is typed and not allowed stays in the widget, with the reason below it; the setting is then ``value``.
    """
    label = param.name.replace("_", " ")
    try:
        value = param.check(value)
    except ValueError as error:  # only in an experiment that was written elsewhere, and is refused as a whole
        complain(f"{label}: {error}")
        value = param.default
    tip = f"{param.help + '; ' if param.help else ''}{param.allowed}; default {spelt(param.default)}"
    given = widget(param, value, label, tip, key)
    try:
        return param.check(given)
    except ValueError as error:
        complain(str(error))
        return value


def widget(param: Param, value: Any, label: str, tip: str, key: str) -> Any:
    """The widget that fits the Param's type, and what it says; ``value`` is allowed."""
    if param.choices:
        choices = list(param.choices)
        return st.selectbox(label, choices, index=choices.index(value) if value in choices else 0, key=key, help=tip)
    if isinstance(param.default, bool):
        return st.toggle(label, value=bool(value), key=key, help=tip)
    if isinstance(param.default, tuple):
        return interval(value, label, tip, key)
    if isinstance(param.default, str):
        if param.long:
            return st.text_area(label, value=value, key=key, help=tip, height="content")
        return st.text_input(label, value=value, key=key, help=tip)
    if isinstance(param.default, int):
        low = None if param.low is None else int(param.low)
        high = None if param.high is None else int(param.high)
        whole = st.number_input(label, low, high, value=int(value), step=1, key=key, help=tip)
        return param.default if whole is None else whole
    number = st.number_input(
        label, param.low, param.high, value=float(value), step=stride(float(value)), format="%.6g", key=key, help=tip
    )
    return param.default if number is None else number


def interval(value: tuple[float, float], label: str, tip: str, key: str) -> tuple[float, float]:
    """Both ends of an interval, side by side; an end that is left empty stays as it is."""
    ends = []
    for column, word, end in zip(st.columns(2), ("from", "to"), value, strict=True):
        given = column.number_input(
            f"{label} {word}", value=float(end), step=stride(float(end)), format="%.6g", key=f"{key}.{word}", help=tip
        )
        ends.append(end if given is None else given)
    return ends[0], ends[1]


def complain(reason: str) -> None:
    """Say below a widget why what it holds is not taken."""
    st.caption(f":red[:material/error:] {literal(reason)}")


def literal(text: str) -> str:
    """Text that Markdown leaves as it is: formulas are full of its signs."""
    return re.sub(r"([\\`*_\[\]$:~#<>])", r"\\\1", text)


def spelt(value: Any) -> str:
    """A default as a person writes it."""
    if isinstance(value, tuple):
        return f"{plain(value[0])} to {plain(value[1])}"
    return literal(str(value))


def stride(value: float) -> float:
    """What + and - change: one in the leading digit, so that 0.003 goes to 0.004 and 20 to 30."""
    return 10.0 ** math.floor(math.log10(abs(value))) if value and math.isfinite(value) else 0.01
