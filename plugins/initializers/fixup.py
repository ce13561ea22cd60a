"""Fixup: residual networks that start well without normalisation."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from workbench import Block, Initializer, Refused

from .looking import look, rescale

Layers = list[nn.Module]


def fill(weight: Tensor) -> None:
    """Fill as He et al.: N(0, 2/fan_in)."""
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


def finish(network: nn.Module, inputs: Tensor) -> None:
    """Set the last layer of the network and of every residual branch to 0, and shrink the others of a branch.

    A branch of m weight layers in a network with L branches: its last layer becomes 0, the others are multiplied by
    L^(-1/(2m - 2)). A branch of one layer is just 0. Of the paper's three rules these are the first two. Of the third,
    the learnt multiplier in every branch is the remedy ``rezero`` with start = 1, and the learnt scalar biases are
    left to the layers' own, one for each unit.

    Raises ``Refused`` when the network adds nothing anywhere, and when a branch that becomes 0 ends in an
    activation that is flat at 0 (ReLU): its weights would never get a gradient.
    """
    weights = [layer.module for layer in network.weight_layers]
    found = branches(network, inputs, weights)
    if not found:
        raise Refused(
            "this network adds nothing to what a branch is given, and Fixup scales residual branches; add the remedy "
            "residual between layers of equal width, or choose a model with shortcuts"
        )
    for layers in found:
        for module in layers[:-1]:
            rescale(module, len(found) ** (-1 / (2 * len(layers) - 2)))
    for module in (weights[-1], *(layers[-1] for layers in found)):
        rescale(module, 0.0)
    for block in network.blocks:
        if (block.skip or block.residual) and any(scale.numel() and not scale.any() for scale in scales(block)):
            raise Refused(
                "a branch is multiplied by 0 at the start already (rezero), and Fixup makes its last layer 0, too: "
                "neither would ever get a gradient; start rezero at 1, as in the paper, or use one of them"
            )


def scales(block: Block) -> list[Tensor]:
    """What a branch is multiplied by before it is added."""
    return [parameter for part in block.branch for parameter in part.parameters()]


def branches(network: nn.Module, inputs: Tensor, weights: Layers) -> list[Layers]:
    """The weight layers of every residual branch, in forward order; a branch without any is none."""
    found = []
    added = adding(network, inputs)
    for number, block in enumerate(network.blocks):
        if block.skip:
            found.append(inside(network.blocks[number + 1 - block.skip : number + 1], weights))
        if number in added:
            refuse_flat(block.activation, number + 1)
            found.append(inside([block], weights))
    return [layers for layers in found if layers]


def inside(blocks: Sequence[Block], weights: Layers) -> Layers:
    """The weight layers of some blocks, without those of shortcuts."""
    parts = [part for block in blocks for part in (*block.before, block.layer, *block.norm, *block.after)]
    modules = {module for part in parts for module in part.modules()}
    return [module for module in weights if module in modules]


def adding(network: nn.Module, inputs: Tensor) -> set[int]:
    """The numbers of the ``residual`` blocks whose output has the shape of their input: only there is a sum."""
    shapes: dict[tuple[int, str], torch.Size] = {}
    handles = []
    for number, block in enumerate(network.blocks):
        parts = [*block.before, block.layer, *block.norm, block.activation, *block.after]
        parts = [part for part in parts if part is not None]
        handles += [
            parts[0].register_forward_pre_hook(
                lambda module, given, number=number: shapes.__setitem__((number, "in"), given[0].shape)
            ),
            parts[-1].register_forward_hook(
                lambda module, given, made, number=number: shapes.__setitem__((number, "out"), made.shape)
            ),
        ]
    try:
        look(network, inputs)
    finally:
        for handle in handles:
            handle.remove()
    marked = [number for number, block in enumerate(network.blocks) if block.residual]
    return {number for number in marked if shapes[number, "in"] == shapes[number, "out"]}


def refuse_flat(activation: nn.Module | None, number: int) -> None:
    """Raise ``Refused`` when an activation has the slope 0 at 0, where a branch of zeros would stay for ever."""
    if activation is None:
        return
    with torch.enable_grad():
        z = torch.zeros(1, requires_grad=True)
        [slope] = torch.autograd.grad(activation(z).sum(), z)
    if slope.item() == 0:
        raise Refused(
            f"the residual branch of block {number} ends in {type(activation).__name__}, whose slope at 0 is 0: once "
            "Fixup has set the branch to 0 it would never move; take an activation with a slope there (leaky_relu, "
            "gelu, tanh), or a model whose shortcuts end before the activation"
        )


fixup = Initializer(
    "fixup",
    fill,
    finish=finish,
    title="Fixup",
    summary="Every residual branch begins as 0; the more branches there are, the smaller the other weights in them. "
    "Weights only: the paper's learnt multipliers are the remedy rezero with start = 1.",
    equation=r"W \leftarrow L^{-\frac{1}{2m - 2}}\, W,\quad W_{\text{last of a branch}} = W_{\text{last}} = 0",
    reference="Zhang, Dauphin, Ma 2019, arXiv:1901.09321",
)
