"""The lesson about ``backward()``."""

from __future__ import annotations

import streamlit as st

from workbench.basics import squares
from workbench.basics.written import aligned
from workbench.charts.basics.squares import tangents
from workbench_ui.basics.widgets import finding, number_of, show, slider


def lesson() -> None:
    """backward() on the smallest example."""
    st.markdown(
        "The sum of squares, x ↦ x₁² + x₂² + x₃², has the gradient 2x. `backward()` finds it by itself, and **adds** "
        "it to `x.grad`."
    )
    controls, picture = st.columns([1, 2], gap="medium")
    with controls:
        x = [slider(f"x{n}", f"x{'₁₂₃'[n - 1]}", -3.0, 3.0, value, 0.1) for n, value in ((1, 1.0), (2, -2.0), (3, 0.5))]
        calls = slider("calls", "calls of backward() without zero_grad()", 1, 5, 1, 1)
    rows = squares.table(x, calls)
    finding(squares.said(rows, calls))
    with picture:
        show(
            "squares",
            tangents(squares.drawing(rows)),
            "The gradient is the slope of the tangent: 2x, and 0 at the bottom.",
        )
    st.latex(aligned(squares.lines(x)))
    st.dataframe(
        rows, hide_index=True, height="content", alt="Each element's gradient by hand and by torch.",
        column_config={
            "name": st.column_config.TextColumn(""),
            "square": number_of("x²", format="%.4g"),
            "hand": number_of("2x" if calls == 1 else f"{calls} · 2x", format="%.4g"),
            "torch": number_of("x.grad", format="%.4g"),
            "difference": number_of(format="%.2g"),
        },
    )  # fmt: skip
    st.code(squares.code(x, calls), language="python")
