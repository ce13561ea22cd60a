"""The lesson about cross-entropy."""

from __future__ import annotations

import streamlit as st

from workbench.basics import entropy
from workbench.basics.written import aligned
from workbench.charts.basics.entropy import classes, swept
from workbench_ui.basics.widgets import finding, number_of, one_of, show, slider


def lesson() -> None:
    """From logits to the loss, and the trap of a softmax too many."""
    st.markdown(
        "`nn.CrossEntropyLoss` takes **logits**: it applies exp, divides by the sum and takes the natural -log of "
        "the target's share itself. A softmax in front of it is applied twice, and nothing complains."
    )
    controls, picture = st.columns([1, 2], gap="medium")
    with controls:
        texts = [
            st.text_input(
                f"logits of example {n}", ", ".join(f"{value:g}" for value in logits), key=f"basics.logits{n}",
                bind="query-params",
            )
            for n, logits in enumerate(entropy.EXAMPLES, 1)
        ]  # fmt: skip
        read = [entropy.parse(text) for text in texts]
        most = min(len(logits) for logits in read) - 1
        target = slider(f"class{most + 1}", "target class, counted from 0", 0, most, min(entropy.TARGET, most), 1)
        shown = one_of("example", "shown", [1, 2], lambda n: f"example {n}")
        by = slider("by", "add to the target's logit", -10.0, 10.0, 0.0, 0.25)
    examples = [entropy.Example(logits, target) for logits in read]
    example = examples[shown - 1].raised(by)
    ways = (entropy.ONCE, entropy.TWICE)
    finding(f"{entropy.said(examples)} {entropy.judged(example)}")
    with picture:
        show(
            "classes",
            classes(entropy.bars(example), ways),
            "Probabilities lie between 0 and 1, so a second softmax makes them nearly equal.",
        )
    if (tuple(read), target) == (entropy.EXAMPLES, entropy.TARGET):
        st.info(
            f"A study-group report works this example out by hand and gets {entropy.PUBLISHED[0]} and "
            f"{entropy.PUBLISHED[1]}. These are the losses with a softmax too many; its class 3 counts from 0.",
            icon=":material/edit_note:",
        )
    steps, lines = st.columns([3, 2], gap="medium")
    with steps:
        st.dataframe(
            example.table(), hide_index=True, height="content", alt="Each step from the logits to both losses.",
            column_config={name: number_of(format="%.4f") for name in ("exp", "softmax", "exp again", "softmax again")},
        )  # fmt: skip
    with lines:
        st.latex(aligned(example.lines()))
    moved = entropy.sweep(examples[shown - 1])
    left, right = st.columns(2, gap="medium")
    with left:
        show(
            "loss",
            swept(moved, ways, by, entropy.floor(len(read[shown - 1]))),
            "However sure the network is, the doubled loss stays above its floor: log(1 + (K - 1)/e) with K classes.",
        )
    with right:
        show(
            "gradient",
            swept(moved, ways, by, 0, "gradient"),
            "A confident mistake (left) should be pushed hardest. Through two softmaxes it is not pushed at all.",
        )
