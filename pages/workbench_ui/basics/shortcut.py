"""The lesson about the residual shortcut."""

from __future__ import annotations

import streamlit as st

from workbench.basics import shortcut
from workbench.charts.basics.shortcut import block, by_layer, path_shares
from workbench_ui.basics.widgets import activation, finding, show, slider


def lesson() -> None:
    """Two paths through one block, and through many."""
    st.markdown(
        "A residual block computes **y = x + c f(x)**. Its derivative is 1 + c f'(x): whatever f does, "
        "the 1 of the shortcut gets through."
    )
    controls, picture = st.columns([1, 2], gap="medium")
    with controls:
        f = activation("residual")
        start = slider("start", "input x", -3.0, 3.0, 0.5, 0.1)
        scale = slider("scale", "size of the branch c", 0.0, 2.0, 1.0, 0.05, "0: as ReZero and SkipInit begin")
        layers = slider("blocks", "layers", 1, 50, 20, 1)
    walked = shortcut.walks(f, start, layers, scale)
    ways = (shortcut.WITH, shortcut.WITHOUT)
    rows = shortcut.table(walked)
    finding(shortcut.said(walked))
    with picture:
        show(
            "block",
            block(shortcut.texts(walked[0])),
            "The first block. Blue: forward. Orange: the factor with which each path passes a gradient back.",
        )
        st.latex(shortcut.line(walked[0], scale))
    left, right = st.columns(2, gap="medium")
    with left:
        show(
            "product",
            by_layer(rows, ways, "product", "size of dy/dx", log=True),
            "Every layer multiplies it: by c f' without the shortcut, by 1 + c f' with it. At an exact 0 a line ends.",
        )
    with right:
        show(
            "signal",
            by_layer(rows, ways, "signal", "the number after the layer"),
            "The same layers forward: a shortcut also adds up what the branches give.",
        )
    said = f"{shortcut.paths_said(walked[0])} (Veit, Wilber, Belongie 2016, arXiv:1605.06431)"
    shares = shortcut.paths(walked[0])
    if len(shares):
        show("paths", path_shares(shares), said)
    else:
        st.caption(said)
