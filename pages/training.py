"""Training: variants side by side, and the gradients of every layer while they train."""

from functools import partial

import streamlit as st

from workbench.charts import training as charts
from workbench.training.finding import finding
from workbench_ui import viewport
from workbench_ui.body import Picture, Result, experiment_page
from workbench_ui.tables import training_table


def say(result: Result) -> str:
    """The finding, from what has been recorded so far."""
    records = result.records
    return finding(records["summary"], records["curve"], records["layers"])


def learning(result: Result) -> list[Picture]:
    """Loss and accuracy, and under them the gradients by layer and step."""
    curve, layers = result.records["curve"], result.records["layers"]
    if not len(curve):
        return []
    with st.container(horizontal=True):
        axes: tuple[charts.Axis, ...] = ("epoch", "step")
        by = st.segmented_control("x axis", axes, default="epoch", key="training.by", required=True)
        log = st.toggle("log loss", value=True, key="training.log")
        smooth = st.slider("smoothing", 0.0, 0.98, 0.0, key="training.smooth", width=220)
    panels = [
        charts.panel(curve, metric, by, smooth, log and metric == "loss", names=result.order)
        for metric in ("loss", "accuracy")
    ]
    note = "Thin: training batches. Thick: test split. A cross marks where a run diverged."
    if any(variant.fork for variant in result.experiment.variants):
        note += " A ring marks where a branch leaves its trunk: until there both are one."
    pictures = [
        Picture("loss and accuracy", panels, note, partial(charts.curves, curve, by, smooth, log, names=result.order))
    ]
    return pictures + (heat(result, "weight_grad_norm") if len(layers) else [])


def heat(result: Result, statistic: str) -> list[Picture]:
    """One statistic by layer and step."""
    layers = result.records["layers"]
    if not len(layers[layers["statistic"] == statistic]):
        return []
    name = charts.NAMES.get(statistic, statistic)
    return [
        Picture(
            name,
            [charts.gradient_heat(layers, statistic, *viewport.panels(220, 3), names=result.order)],
            f"{name[0].upper()}{name[1:]} of every weight layer at the measured steps; layer 1 is nearest the input.",
            partial(charts.gradient_heat, layers, statistic, names=result.order),
        )
    ]


def ratio(result: Result) -> list[Picture]:
    """How much of the gradient reaches the first layer."""
    layers = result.records["layers"]
    if not len(layers):
        return []
    note = "1: as large in the first layer as in the last. Far below 1: vanishing. Far above: exploding."
    return [Picture("gradient, first over last layer", [charts.gradient_ratio(layers, names=result.order)], note)]


def inside(result: Result) -> list[Picture]:
    """Any of the other measurements by layer and step."""
    layers = result.records["layers"]
    known = [name for name in charts.NAMES if name in set(layers["statistic"]) and name != "weight_grad_norm"]
    if not known:
        return []
    statistic = st.selectbox("what", known, format_func=charts.NAMES.__getitem__, key="training.statistic")
    return heat(result, statistic)


experiment_page(
    "training",
    default="ten-sigmoid-layers",
    sentence="Same start, same batches, one difference each: who learns, and where the gradients go.",
    finding=say,
    views={"Learning": learning, "First / last layer": ratio, "Inside the layers": inside},
    table=training_table,
)
