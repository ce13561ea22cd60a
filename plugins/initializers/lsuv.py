"""Layer-sequential unit variance: measure, then rescale, one layer after the other."""

import math

import torch
from torch import Tensor, nn

from workbench import Initializer, Param, Refused

from .looking import look, rescale


def fill(weight: Tensor, tolerance: float, iterations: int) -> None:
    """Fill with a random (semi-)orthogonal matrix; the settings are for ``finish``."""
    nn.init.orthogonal_(weight)


def finish(network: nn.Module, inputs: Tensor, tolerance: float, iterations: int) -> None:
    """Scale each weight layer, in forward order, until its output on ``inputs`` has variance 1.

    The variance is taken over all numbers that the layer puts out, before batch norm and activation. Running
    means, variances and the random state are left as they were. The paper stops silently after ``iterations``;
    this raises ``Refused``, as it does for a layer whose output does not vary, which no scale can mend.
    """
    layers, found = network.weight_layers, {}
    for number, layer in enumerate(layers):
        pair = layers[number : number + 2]  # one pass tells whether this one is right, and what the next one needs
        if layer.name not in found:
            found = variances(network, pair, inputs)
        off = None
        for _ in range(iterations):
            variance = found[layer.name]
            if abs(variance - 1) < tolerance:
                break
            if not 0 < variance < math.inf:
                raise Refused(
                    f"the output of {layer.name} has variance {variance:g} on the first batch, and no scale of its "
                    "weights makes that 1; look at what it is given: the data, or an activation that is dead there"
                )
            # A layer that feeds itself (recurrent) answers more than linearly: whole steps would jump to and fro.
            jumps = off is not None and abs(math.log(variance)) > abs(off) / 2
            off = math.log(variance)
            rescale(layer.module, variance ** (-0.25 if jumps else -0.5))
            found = variances(network, pair, inputs)
        if not abs((variance := found[layer.name]) - 1) < tolerance:
            raise Refused(
                f"the output of {layer.name} still has variance {variance:g} after {iterations} rescalings; allow more "
                f"iterations or a tolerance above {abs(variance - 1):.2g}, or leave out what standardises its weights"
            )


def variances(network: nn.Module, layers, inputs: Tensor) -> dict[str, float]:
    """By name, the variance of all that weight layers put out, each time they are used, when ``inputs`` pass through.

    Raises ``Refused`` for a layer that is not used.
    """
    outputs: dict[str, list[Tensor]] = {layer.name: [] for layer in layers}
    handles = [
        layer.module.register_forward_hook(
            lambda module, given, made, seen=outputs[layer.name]: seen.append(made.flatten())
        )
        for layer in layers
    ]
    try:
        look(network, inputs)
    finally:
        for handle in handles:
            handle.remove()
    if idle := [name for name, seen in outputs.items() if not seen]:
        raise Refused(f"{idle[0]} takes no part in the forward pass, so its output has no variance")
    return {name: torch.cat(seen).double().var(correction=0).item() for name, seen in outputs.items()}


lsuv = Initializer(
    "lsuv",
    fill,
    finish=finish,
    params=[
        Param(
            "tolerance",
            0.01,
            low=1e-5,
            high=1.0,
            scale="log",
            help="how far from 1 the variance of a layer's output may be (in the paper 0.1)",
        ),
        Param(
            "iterations",
            100,
            low=1,
            high=1000,
            help="rescalings of a layer at most; one is enough where it is used once",
        ),
    ],
    title="LSUV",
    summary="Orthogonal weights, then each layer is scaled until its output on the first batch has variance 1.",
    equation=r"W_l \leftarrow \frac{W_l}{\sqrt{\mathrm{Var}\, (W_l h_{l-1})}}\quad \text{for } l = 1, 2, \dots",
    reference="Mishkin, Matas 2015, arXiv:1511.06422",
)
