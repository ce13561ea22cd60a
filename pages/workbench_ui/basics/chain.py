"""The lesson about the chain rule."""

from __future__ import annotations

import streamlit as st

from workbench.basics import chain
from workbench.basics.written import aligned, lowered
from workbench.charts.basics.chain import gradient_sizes
from workbench.charts.basics.network import network
from workbench_ui import viewport
from workbench_ui.basics.widgets import activation, finding, number_of, one_of, show, slider

RATES = [0.001, 0.01, 0.1, 1.0, 10.0]


def lesson() -> None:
    """A network that decides about a loan, and every factor of one of its gradients."""
    st.markdown(
        "A network says from **income** and **savings** whether a loan is granted (1) or refused (0). How does its "
        "error E = ½ (y - t)² depend on one weight? Multiply the slopes along the way back: that is all that "
        "`backward()` does."
    )
    controls, picture = st.columns([1, 2], gap="medium")
    with controls:
        inputs = {
            "x1": slider("income", "income x₁", 0.0, 1.0, chain.INPUTS["x1"], 0.05),
            "x2": slider("savings", "savings x₂", 0.0, 1.0, chain.INPUTS["x2"], 0.05),
        }
        target = slider("target", "target t", 0.0, 1.0, chain.TARGET, 0.05, "0: the loan should be refused")
        with st.popover("The six weights", icon=":material/tune:"):
            weights = {
                name: slider(name, lowered(name), -5.0, 5.0, value, 0.1) for name, value in chain.WEIGHTS.items()
            }
        f = activation("chain")
        lr = st.select_slider("learning rate", RATES, 0.1, key="basics.lr", bind="query-params")
        chosen = one_of("weight", "write out the chain of", list(chain.WEIGHTS), lowered)
    passed = chain.forward(inputs, weights, target, f)
    rows = chain.table(passed, f)
    units, edges = chain.drawing(passed)
    finding(chain.said(passed, chosen, lr))
    with picture:
        show(
            "network",
            network(units, edges, chosen, viewport.narrow()),
            "Blue: what the forward pass computes. Orange: how the error E changes with that number. "
            "The chain that is written out is shaded.",
        )
    left, right = st.columns(2, gap="medium")
    with left:
        st.latex(aligned(passed.chain(chosen).lines()))
        st.latex(aligned(passed.chain(chosen).product()))
    with right:
        show(
            "gradients",
            gradient_sizes(edges),
            "Every layer further back multiplies by a slope, a weight and an input; mostly they are smaller than 1.",
        )
    with st.expander(chain.agreement(rows), icon=":material/check:" if chain.agree(rows) else ":material/error:"):
        st.dataframe(
            rows, hide_index=True, height="content", alt="Each weight's gradient by hand and by torch.",
            column_config={
                "value": number_of("weight is", format="%.4g"),
                "hand": number_of("∂E/∂w by hand", format="%.12f"),
                "torch": number_of("w.grad from torch", format="%.12f"),
                "difference": number_of(format="%.2g"),
            },
        )  # fmt: skip
        st.caption("By hand: the factors multiplied. By torch: one call of `backward()` through the whole network.")
