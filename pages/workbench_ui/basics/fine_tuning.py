"""The lesson about two ways to use trained weights."""

from __future__ import annotations

import streamlit as st

from workbench_ui import state


def lesson() -> None:
    """Two ways to use trained weights."""
    st.markdown(
        "Both start from weights that were trained on something else, and both replace the last layer.\n\n"
        "| | transfer (frozen features) | fine-tuning |\n| --- | --- | --- |\n"
        "| which weights learn | only the new last layer | all, perhaps not the first layers |\n"
        "| the other layers' gradients | computed or not, never used | used, with a small learning rate |\n"
        "| good for | few labels, a task like the old one | more labels, a task that differs |\n"
        "| what can go wrong | features that do not fit | the old features are forgotten |\n\n"
        "Frozen means more than `requires_grad = False`: **batch norm's running mean and variance are no weights and "
        "go on changing** until the layer is put into `eval()` mode. On the page Transfer both stay, bit for bit."
    )
    if st.button(
        "Compare both on the page Transfer", icon=":material/sync_alt:", key="basics.transfer", type="primary"
    ):
        state.go("transfer")
