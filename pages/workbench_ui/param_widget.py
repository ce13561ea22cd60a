"""One widget for one Param: everything it shows comes from the Param."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from workbench import Param


def param_widget(param: Param, value: Any, key: str) -> Any:
    """Draw the widget and return the setting."""
    label = param.name.replace("_", " ")
    try:
        value = param.check(value)
    except ValueError as error:  # only in an experiment that was written elsewhere, and is refused as a whole
        st.caption(f":red[{label}: {error}]")
        value = param.default
    tip = f"{param.help + '; ' if param.help else ''}{param.allowed}; default {param.default}"
    if param.choices:
        choices = list(param.choices)
        return st.selectbox(label, choices, index=choices.index(value) if value in choices else 0, key=key, help=tip)
    if isinstance(param.default, bool):
        return st.toggle(label, value=bool(value), key=key, help=tip)
    if isinstance(param.default, str):
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


def stride(value: float) -> float:
    """What + and - change: one in the leading digit, so that 0.003 goes to 0.004 and 20 to 30."""
    return 10.0 ** math.floor(math.log10(abs(value))) if value and math.isfinite(value) else 0.01
