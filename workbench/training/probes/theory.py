"""What theory expects of a network before it has learned anything, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from workbench.training.device import random_state, set_random_state
from workbench.training.network import Network, Stage, WeightLayer, weight_of
from workbench.training.probes import dense, units_backward
from workbench.training.probes.gradient import Loss


def predict(
    network: Network, inputs: Tensor, loss: Loss | None = None, loaded: Collection[int] = ()
) -> list[dict[str, Any]]:
    """Rows of the table ``layers`` at step 0, for a network as it was built and its first batch of inputs.

    ``theory_second_moment``: mean of h^2 over units and samples, h = what the layer's activation gives (without one,
    its output). ``theory_signal_norm``: norm of dLoss/d(the layer's output), where that of the last layer is 1.
    ``loss`` is what the backward pass begins with, if it is known; ``loaded`` are the layers, by index, whose weights
    are no fresh draws.

    At such a layer, and at any part that is not covered, the forward prediction ends, and there is none backward.
    Every layer's weights count with their mean and variance as they are, whatever filled them.
    """
    if not network.training:
        return []
    state = random_state(inputs.device)
    try:
        with torch.no_grad():
            follow = units_backward.follow if needs_units(network) else dense.follow
            moments, norms = follow(drawn(network, loaded), inputs, len(network.stages), loss)
            if loss is not None and loss.follows(weight_of(network.weight_layers[-1].module)[0].numel()):
                norms = []
            found = [("theory_second_moment", moments), ("theory_signal_norm", norms)]
            return [
                row(network.weight_layers[n], statistic, value)
                for statistic, values in found
                for n, value in enumerate(values)
                if value is not None and math.isfinite(value)
            ]
    finally:
        set_random_state(state)


def row(layer: WeightLayer, statistic: str, value: float) -> dict[str, Any]:
    """One row of the table."""
    return {"step": 0, "layer": layer.name, "index": layer.index, "statistic": statistic, "value": value}


def drawn(network: Network, loaded: Collection[int]) -> list[Stage]:
    """The stages up to the first that holds another weight layer, one that came before, or one that was loaded."""
    stages: list[Stage] = []
    for stage, layer in zip(network.stages, network.weight_layers, strict=False):
        if not isinstance(stage, Stage) or stage.layer is not layer.module or layer.index in loaded:
            break
        stages.append(stage)
    return stages


def needs_units(network: Network) -> bool:
    """Whether units have to be followed one by one: they have places, or get something before their activation."""
    convolves = any(isinstance(layer.module, nn.modules.conv._ConvNd) for layer in network.weight_layers)
    return convolves or bool(network.shortcuts)
