"""Training: variants side by side, and the gradients of every layer while they train."""

from functools import partial

import streamlit as st

from workbench import registry
from workbench.charts import curvature, heat, histograms
from workbench.charts import learning as learning_charts
from workbench.charts import training as charts
from workbench.charts.curves import judged
from workbench.charts.elapsed import elapsed, measuring_share
from workbench.charts.inside import inside as by_layer
from workbench.charts.profile import profile_at_start
from workbench.charts.ratio import gradient_ratio, marks_said, ratio_said
from workbench.charts.signal import signal
from workbench.training.edge import edges
from workbench.training.findings.finding import finding
from workbench.training.signal import BACKWARD, FORWARD, at_start, factors, said
from workbench_ui import viewport
from workbench_ui.body import Picture, Result, View, experiment_page
from workbench_ui.doctor import doctor
from workbench_ui.kept import Kept
from workbench_ui.matrix import has_matrix, matrix
from workbench_ui.tables import training_table


def say(result: Result) -> str:
    """The finding, from what has been recorded so far."""
    records = result.records
    return finding(records["summary"], records["curve"], records["layers"])


def statistics(result: Result) -> set[str]:
    """What was measured in the layers or of the whole network."""
    return set(result.records["layers"]["statistic"].unique())


def measured(result: Result) -> list[str]:
    """The statistics that are there, the gradient first."""
    there = statistics(result)
    return [name for name in dict.fromkeys(["weight_grad_norm", *charts.NAMES]) if name in there]


def panels(result: Result) -> tuple[int, int]:
    """The width of each variant's panel, and how many stand side by side: no more than there are."""
    return viewport.panels(220, min(3, len(result.order)))


def full(result: Result) -> bool:
    """Whether all is measured that can be."""
    return any(job.run.task["probes"] == "full" for job in result.jobs)


def price(result: Result) -> str:
    """What measuring the layers has cost."""
    share = measuring_share(result.records["timing"])
    if not share > 0:  # nothing was read yet
        return ""
    return f" Measuring took {100 * share:.2g} % of the time."


def learning(result: Result) -> list[Picture]:
    """Loss and accuracy, and under them a measurement by layer and step, with one cursor for all."""
    curve, layers = result.records["curve"], result.records["layers"]
    if not len(curve):
        return []
    known = measured(result)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = st.segmented_control("x axis", charts.AXES, default="epoch", key="training.by", required=True)
        if known:
            statistic = st.selectbox(
                "by layer", known, format_func=charts.NAMES.__getitem__, key="training.heat", width=300
            )
        log = st.toggle("log loss", value=True, key="training.log")
        log_x = st.toggle("log x", value=False, key="training.log_x")
        smooth = st.slider("smoothing", 0.0, 0.98, 0.0, key="training.smooth", width=180)
    if by == "seconds":
        curve = elapsed(curve, result.records["timing"])
        if not curve["seconds"].notna().any():
            st.info("No clock was read yet: it is read at every test.")
            return []
    note = "Thin: training batches. Thick: test split. A cross marks where a run diverged."
    if smooth:
        note += " Pale: the batches themselves, not smoothed."
    if any(variant.fork for variant in result.experiment.variants):
        note += " A ring marks where a branch leaves its trunk: until there both are one."
    if not judged(curve):
        note += " These networks give their input back, so there is no accuracy."
    shown = statistic if known else ""
    rows = layers[layers["statistic"] == shown]
    draw = partial(learning_charts.learning, curve, rows, shown, by, smooth, log, log_x, names=result.order)
    if known:
        note += (
            f" Point at a step in any of them. Below: {charts.NAMES[statistic]} of every weight layer; layer 1 is "
            "nearest the input."
        )
    live = any(status.live for status in result.statuses.values())
    kept = Kept(partial(draw, room=viewport.width(), heat=panels(result), live=live))
    return [Picture("learning", [kept], note + price(result), draw)]


def ratio(result: Result) -> list[Picture]:
    """How much of the gradient reaches the first layer."""
    layers = result.records["layers"]
    known = [name for name in ("weight_grad_norm", "signal_grad_norm") if name in statistics(result)]
    if not known:
        return []
    statistic = st.segmented_control(
        "gradient of", known, default=known[0], key="training.ratio", required=True,
        format_func=lambda name: {"weight_grad_norm": "the weights", "signal_grad_norm": "the signal"}[name],
    )  # fmt: skip
    note = "1: as large in the first layer as in the last. Far below 1: vanishing. Far above: exploding. "
    note += marks_said(layers, statistic)
    if numbers := ratio_said(layers, statistic, result.order):
        note += f"First → last measured step: {numbers}."
    draw = partial(gradient_ratio, layers, statistic, names=result.order)
    return [Picture("gradient, first over last layer", [draw(room=viewport.width())], note, draw)]


def inside(result: Result) -> list[Picture]:
    """Any of the measurements: over the steps, one line a layer; of untrained networks from layer to layer."""
    layers = result.records["layers"]
    known = sorted(measured(result), key=lambda name: name != "activation_std")  # it first: the gradient has a view
    if not known:
        return []
    forms = {"lines": by_layer, "heat map": heat.gradient_heat} if layers["step"].max() > 0 else {}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        statistic = st.selectbox(
            "what", known, format_func=charts.NAMES.__getitem__, key="training.statistic", width=340
        )
        form = ""
        if forms:
            form = st.segmented_control("as", list(forms), default="lines", key="training.inside", required=True)
    name = charts.NAMES[statistic]
    note = f"{name[0].upper()}{name[1:]} of every weight layer at the measured steps; layer 1 is nearest the input."
    if not full(result):
        note += " Set probes to full (under More) for histograms, curvature and gradient noise."
    if not forms:
        draw = partial(profile_at_start, layers, statistic, names=result.order)
        return [Picture(name, [draw(room=viewport.width())], note, draw)]
    chart = forms[form](layers, statistic, *panels(result), names=result.order)
    return [Picture(name, [chart], note, partial(forms[form], layers, statistic, names=result.order))]


def sizes(result: Result) -> list[Picture]:
    """How the entries of every layer are spread over the sizes, at one step."""
    table = result.records["histograms"]
    if not len(table):
        return []
    steps = sorted({int(step) for step in table["step"]})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        whats: tuple[histograms.What, ...] = ("gradient", "activation")
        what = st.segmented_control("of", whats, default="gradient", key="training.what", required=True)
        step = steps[0]
        if len(steps) > 1:
            step = st.select_slider("step", steps, value=steps[0], key="training.sizes", width=420)
    if not len(table[table["what"] == what]):
        return []
    draw = partial(histograms.spread, table, what, step, names=result.order)
    width, columns = panels(result)
    note = (
        f"Step {step}: where the {histograms.WORDS[what]} lie, each row one layer. Column 0: exactly 0. Column ∞: not "
        "finite. Half a power of ten a column."
    )
    return [Picture(f"sizes of {what}s", [draw(width=width, columns=columns)], note, draw)]


def beginning(result: Result) -> list[Picture]:
    """Signals in the untrained network, and what theory says of them."""
    layers = result.records["layers"]
    start = at_start(layers)
    if start.empty:
        return []
    names = [name for name in result.order if name in set(start["variant"])]
    found = factors(start)
    told = [said(found, direction, names) for direction in (FORWARD, BACKWARD)]
    note = " ".join(["Points: measured at step 0. Lines: theory, where there is one.", *filter(None, told)])
    draw = partial(signal, start, result.order, charts.seeds_of(layers))
    return [Picture("signals at the start", [Kept(partial(draw, room=viewport.width()))], note, draw)]


def whole(result: Result) -> list[Picture]:
    """Curvature of the loss, and noise of the gradient."""
    layers, curve = result.records["layers"], result.records["curve"]
    there = statistics(result)
    pictures = []
    if "hessian_eigenvalue" in there:
        limit = edges([job.run for job in result.jobs], curve, registry.current())
        note = "How curved the loss of the step's own batch is where it is most curved. " + (
            "Dashed: the curvature that the learning rate can bear (2/lr without momentum), exact for descent on a "
            "quadratic, a landmark for batches."
            if len(limit)
            else "No dashed limit: none is known for these optimizers and remedies."
        )
        draw = partial(curvature.whole_network, layers, "hessian_eigenvalue", names=result.order, limit=limit)
        pictures.append(Picture("curvature", [draw(room=viewport.width())], note, draw))
    if "noise_scale" in there:
        batches = {int(job.run.task["batch_size"]) for job in result.jobs}
        batch = batches.pop() if len(batches) == 1 else None
        note = (
            "Batches far below this size are mostly noise, far above it they repeat themselves (McCandlish et al. "
            "2018). A cross: the gradient of the batch cannot be told from noise."
        )
        draw = partial(curvature.whole_network, layers, "noise_scale", names=result.order, batch=batch)
        pictures.append(Picture("gradient noise", [draw(room=viewport.width())], note, draw))
    return pictures


def views(result: Result) -> dict[str, View]:
    """What this experiment has to show: an untrained network first of all what theory says of it."""
    tasks = [job.run.task for job in result.jobs]
    trained, probed = any(task["epochs"] for task in tasks), any(task["probes"] != "off" for task in tasks)
    found: dict[str, View] = {"Learning": learning} if trained or not probed else {"At the start": beginning}
    if trained and probed:
        found["First / last layer"] = ratio
    if probed:
        found |= {"Inside the layers": inside, "At the start": beginning}
    if full(result):
        found |= {"Histograms": sizes, "Curvature and noise": whole}
    if trained and has_matrix(result):
        found["Matrix"] = matrix
    found["Doctor"] = doctor
    return found


experiment_page(
    "training",
    default="ten-sigmoid-layers",
    sentence="Same start, same batches, one difference each: who learns, and where the gradients go.",
    finding=say,
    views=views,
    table=training_table,
)
