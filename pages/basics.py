"""Basics: the arithmetic of gradients on a handful of numbers. Nothing here needs a run."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from altair.utils.schemapi import debug_mode

from workbench import registry
from workbench.basics import chain, depth, entropy, shortcut, squares
from workbench.basics.slope import LESSON, Slope
from workbench.basics.written import aligned, lowered
from workbench.charts import basics as charts
from workbench.errors import WorkbenchError
from workbench_ui import state, viewport
from workbench_ui.body import Picture, draw
from workbench_ui.param_widget import param_widget

known = registry.current()
RATES = [0.001, 0.01, 0.1, 1.0, 10.0]
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


def chain_rule() -> None:
    """A network that decides about a loan, and every factor of one of its gradients."""
    st.markdown(
        "A network says from **income** and **savings** whether a loan is granted (1) or refused (0). How does its "
        "error E = ½ (y - t)² depend on one weight? Multiply the slopes along the way back: that is all that "
        "`backward()` does."
    )
    controls, picture = st.columns([1, 2], gap="large")
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
            charts.network(units, edges, chosen, viewport.narrow()),
            "Blue: what the forward pass computes. Orange: how the error E changes with that number. "
            "The chain that is written out is shaded.",
        )
    left, right = st.columns(2, gap="large")
    with left:
        st.latex(aligned(passed.chain(chosen).lines()))
        st.latex(aligned(passed.chain(chosen).product()))
    with right:
        show(
            "gradients",
            charts.gradient_sizes(edges),
            "Every layer further back multiplies by a slope, a weight and an input; mostly they are smaller than 1.",
        )
    with st.expander(chain.agreement(rows), icon=":material/check:" if chain.agree(rows) else ":material/error:"):
        st.dataframe(
            rows, hide_index=True, height="content", alt="Each weight's gradient by hand and by torch.",
            column_config={
                "value": number_of("weight is", format="%.4g"),
                "hand": number_of("∂E/∂w by hand", format="%.12f"),
                "torch": number_of("w.grad from torch", format="%.12f"),
                "difference": number_of(format="%.1e"),
            },
        )  # fmt: skip
        st.caption("By hand: the factors multiplied. By torch: one call of `backward()` through the whole network.")


def sum_of_squares() -> None:
    """backward() on the smallest example."""
    st.markdown(
        "The sum of squares, x ↦ x₁² + x₂² + x₃², has the gradient 2x. `backward()` finds it by itself, and **adds** "
        "it to `x.grad`."
    )
    controls, picture = st.columns([1, 2], gap="large")
    with controls:
        x = [slider(f"x{n}", f"x{'₁₂₃'[n - 1]}", -3.0, 3.0, value, 0.1) for n, value in ((1, 1.0), (2, -2.0), (3, 0.5))]
        calls = slider("calls", "calls of backward() without zero_grad()", 1, 5, 1, 1)
    rows = squares.table(x, calls)
    finding(squares.said(rows, calls))
    with picture:
        show(
            "squares",
            charts.tangents(squares.drawing(rows)),
            "The gradient is the slope of the tangent: 2x, and 0 at the bottom.",
        )
    st.latex(aligned(squares.lines(x)))
    st.dataframe(
        rows, hide_index=True, height="content", alt="Each element's gradient by hand and by torch.",
        column_config={
            "name": st.column_config.TextColumn(""),
            "square": number_of("x²", format="%.4g"),
            "hand": number_of("2x" if calls == 1 else f"{calls} · 2x", format="%.12f"),
            "torch": number_of("x.grad", format="%.12f"),
            "difference": number_of(format="%.1e"),
        },
    )  # fmt: skip
    st.code(squares.code(x, calls), language="python")


def cross_entropy() -> None:
    """From logits to the loss, and the trap of a softmax too many."""
    st.markdown(
        "`nn.CrossEntropyLoss` takes **logits**: it applies exp, divides by the sum and takes -log of the target's "
        "share itself. A softmax in front of it is applied twice, and nothing complains."
    )
    controls, picture = st.columns([1, 2], gap="large")
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
            charts.classes(entropy.bars(example), ways),
            "Probabilities lie between 0 and 1, so a second softmax makes them nearly equal.",
        )
    if (tuple(read), target) == (entropy.EXAMPLES, entropy.TARGET):
        st.info(
            f"A study-group report works this example out by hand and gets {entropy.PUBLISHED[0]} and "
            f"{entropy.PUBLISHED[1]}. These are the losses with a softmax too many; its class 3 counts from 0.",
            icon=":material/edit_note:",
        )
    steps, lines = st.columns([3, 2], gap="large")
    with steps:
        st.dataframe(
            example.table(), hide_index=True, height="content", alt="Each step from the logits to both losses.",
            column_config={name: number_of(format="%.4f") for name in ("exp", "softmax", "exp again", "softmax again")},
        )  # fmt: skip
    with lines:
        st.latex(aligned(example.lines()))
    moved = entropy.sweep(examples[shown - 1])
    left, right = st.columns(2, gap="large")
    with left:
        show(
            "loss",
            charts.swept(moved, ways, by, entropy.floor(len(read[shown - 1]))),
            "However sure the network is, the doubled loss stays above its floor, log(1 + (K - 1)/e).",
        )
    with right:
        show(
            "gradient",
            charts.swept(moved, ways, by, 0, "gradient"),
            "A confident mistake (left) should be pushed hardest. Through two softmaxes it is not pushed at all.",
        )


def vanishing() -> None:
    """The slope of an activation, and its powers."""
    st.markdown(
        "On its way back through a layer the gradient is multiplied by the activation's slope. A sigmoid's is **at "
        "most ¼**, so N layers leave at most 0.25ᴺ, before the weights have their say."
    )
    controls, picture = st.columns([1, 2], gap="large")
    with controls:
        f = activation("depth")
        z = slider("z", "z, the weighted sum", -8.0, 8.0, 2.0, 0.1)
        layers = slider("layers", "layers", 1, 60, 10, 1)
    (value,), (slope,) = f.at([z])
    finding(depth.said(f, layers))
    with picture:
        show("slope", charts.slope_curve(depth.curve(f), {"z": z, "f(z)": value, "f'(z)": slope}), depth.flat_said(f))
    most = f.steepest()[1]
    st.latex(depth.line(most, slope, layers))
    show(
        "depth",
        charts.left_over(depth.powers(most, slope, layers), (depth.BEST, depth.HERE, depth.SIGMOID)),
        "A straight line on a log axis: every layer takes the same share. "
        "Weights can make up for it, if they have the right size.",
    )
    with st.container(horizontal=True):
        try_it("ten-sigmoid-layers", "Vanishing by depth, and four ways out of it.")
        try_it("saturated-sigmoid", "One hidden layer, and no gradient either: saturation, not depth.")


def residual() -> None:
    """Two paths through one block, and through many."""
    st.markdown(
        "A residual block computes **y = x + c f(x)**. Its derivative is 1 + c f'(x): whatever f does, "
        "the 1 of the shortcut gets through."
    )
    controls, picture = st.columns([1, 2], gap="large")
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
            charts.block(shortcut.texts(walked[0])),
            "The first block. Blue: forward. Orange: what each path passes back.",
        )
        st.latex(shortcut.line(walked[0], scale))
    left, right = st.columns(2, gap="large")
    with left:
        show(
            "product",
            charts.by_layer(rows, ways, "product", "size of dy/dx", log=True),
            "The derivative of the output by the input, after every layer.",
        )
    with right:
        show(
            "signal",
            charts.by_layer(rows, ways, "signal", "signal"),
            "The same layers forward: a shortcut also adds up what the branches give.",
        )
    said = f"{shortcut.paths_said(walked[0])} (Veit, Wilber, Belongie 2016, arXiv:1605.06431)"
    shares = shortcut.paths(walked[0])
    if len(shares):
        show("paths", charts.path_shares(shares), said)
    else:
        st.caption(said)


def fine_tuning() -> None:
    """Two ways to use trained weights."""
    st.markdown(
        "Both start from weights that were trained on something else, and both replace the last layer.\n\n"
        "| | transfer (frozen features) | fine-tuning |\n| --- | --- | --- |\n"
        "| which weights learn | only the new last layer | all, perhaps not the first layers |\n"
        "| ∂E/∂w of the others | computed or not, never used | used, with a small learning rate |\n"
        "| good for | few labels, a task like the old one | more labels, a task that differs |\n"
        "| what can go wrong | features that do not fit | the old features are forgotten |\n\n"
        "Frozen means more than `requires_grad = False`: **batch norm's running mean and variance are no weights and "
        "go on changing** until the layer is put into `eval()` mode. Here both stay, bit for bit."
    )
    if st.button(
        "Compare both on the page Transfer", icon=":material/sync_alt:", key="basics.transfer", type="primary"
    ):
        state.go("transfer")


LESSONS: dict[str, Callable[[], None]] = {
    "Chain rule": chain_rule,
    "backward()": sum_of_squares,
    "Cross-entropy": cross_entropy,
    "Vanishing": vanishing,
    "Shortcut": residual,
    "Fine-tuning": fine_tuning,
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
