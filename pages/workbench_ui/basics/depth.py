"""The lesson about vanishing slopes."""

from __future__ import annotations

import streamlit as st

from workbench.basics import depth
from workbench.charts.basics.depth import left_over, slope_curve
from workbench_ui.basics.widgets import activation, finding, show, slider, try_it


def lesson() -> None:
    """The slope of an activation, and its powers."""
    st.markdown(
        "On its way back through a layer the gradient is multiplied by the activation's slope. A sigmoid's is **at "
        "most ¼**, so N layers leave at most 0.25ᴺ, before the weights have their say."
    )
    controls, picture = st.columns([1, 2], gap="medium")
    with controls:
        f = activation("depth")
        z = slider("z", "z, the weighted sum", -8.0, 8.0, 2.0, 0.1)
        layers = slider("layers", "layers", 1, 60, 10, 1)
    (value,), (slope,) = f.at([z])
    finding(depth.said(f, layers))
    with picture:
        show("slope", slope_curve(depth.curve(f), {"z": z, "f(z)": value, "f'(z)": slope}), depth.flat_said(f))
    most = f.steepest()[1]
    st.latex(depth.line(most, slope, layers))
    show(
        "depth",
        left_over(depth.powers(most, slope, layers), (depth.BEST, depth.HERE, depth.SIGMOID)),
        "A straight line on a log axis: every layer takes the same share. "
        "Weights can make up for it, if they have the right size.",
    )
    with st.container(horizontal=True):
        try_it("ten-sigmoid-layers", "Vanishing by depth, and four ways out of it.")
        try_it("saturated-sigmoid", "One hidden layer, and no gradient either: saturation, not depth.")
