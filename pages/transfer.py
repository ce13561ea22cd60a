"""Transfer: what a trained network brings to a new task, frozen or not."""

import math
from functools import partial

from workbench.charts.curves import panel
from workbench.charts.heat import gradient_heat
from workbench.charts.transfer import accuracy_by_strategy
from workbench.training.findings.finding import transfer_finding
from workbench_ui import viewport
from workbench_ui.body import Picture, Result, experiment_page
from workbench_ui.tables import training_table


def say(result: Result) -> str:
    """The finding, from what has been recorded so far."""
    return transfer_finding(result.records["summary"], result.records["curve"])


def accuracy(result: Result) -> list[Picture]:
    """Test accuracy of every strategy by epoch."""
    curve = result.records["curve"]
    if not len(curve[curve["split"] == "test"]):
        return []
    note = "Epoch 0 is before the first step on the target. The band reaches from the worst to the best seed."
    return [Picture("test accuracy by strategy", [accuracy_by_strategy(curve, names=result.order)], note)]


def loss(result: Result) -> list[Picture]:
    """Training and test loss of every strategy."""
    curve = result.records["curve"]
    if not len(curve):
        return []
    note = "Thin: training batches. Thick: test split. A cross marks where a run diverged."
    return [Picture("loss", [panel(curve, "loss", "epoch", 0.0, True, names=result.order)], note)]


def gradients(result: Result) -> list[Picture]:
    """Gradients by layer and step: a frozen layer has none."""
    layers = result.records["layers"]
    if not len(layers):
        return []
    rows = math.ceil(len(result.order) / 3)
    width, columns = viewport.panels(220, math.ceil(len(result.order) / rows))  # 2 x 2 rather than 3 + 1
    panels = [gradient_heat(layers, width=width, columns=columns, names=result.order)]
    note = "A frozen layer has no gradient, so its row is empty. Layer 1 is nearest the input."
    return [Picture("gradient by layer", panels, note, partial(gradient_heat, layers, names=result.order))]


experiment_page(
    "transfer",
    default="transfer-digits",
    sentence="Train on a source, then compare ways to learn the target.",
    finding=say,
    views={"Accuracy": accuracy, "Loss": loss, "Gradients": gradients},
    table=training_table,
)
