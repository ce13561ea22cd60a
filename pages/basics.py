"""Basics: the arithmetic of gradients on a handful of numbers. Nothing here needs a run."""

from collections.abc import Callable

import streamlit as st
from altair.utils.schemapi import debug_mode

from workbench.errors import WorkbenchError
from workbench_ui import viewport
from workbench_ui.basics import chain, depth, entropy, fine_tuning, shortcut, squares

LESSONS: dict[str, Callable[[], None]] = {
    "Chain rule": chain.lesson,
    "backward()": squares.lesson,
    "Cross-entropy": entropy.lesson,
    "Vanishing": depth.lesson,
    "Shortcut": shortcut.lesson,
    "Fine-tuning": fine_tuning.lesson,
}

st.title("Basics", anchor=False)
st.caption(
    "Small lessons to move with a slider. Every number is computed as you look, and the arithmetic is written out."
)
for tab, lesson in zip(st.tabs(list(LESSONS), key="basics.lesson", bind="query-params"), LESSONS.values(), strict=True):
    if tab.open:
        with tab, debug_mode(False):  # charts are not validated here; the tests do that
            try:
                lesson()
            except WorkbenchError as error:
                st.error(str(error))
viewport.measure()
