"""Layers that keep what they know."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from workbench import Block, Param, Refused, Remedy


class Freeze(Remedy):
    """Keep the first layers as they are: weights, and batch norm's running mean and variance."""

    name = "freeze"
    title = "Frozen layers"
    equation = r"\Delta W_l = 0 \quad (l \le k)"
    reference = "Yosinski, Clune, Bengio, Lipson 2014, arXiv:1411.1792"
    pretraining = False  # the source is trained as a whole
    params = (
        Param(
            "layers", -1, low=-1000, high=1000, help="how many first layers; -1 = all but the last, -2 = all but two"
        ),
    )
    layers: int

    def after_init(self, network: nn.Module, inputs: Tensor) -> None:
        """Freeze ``blocks[:layers]``; raises ``Refused`` when that is none, or leaves nothing to train."""
        blocks: list[Block] = network.blocks  # type: ignore[assignment]
        frozen = blocks[: self.layers]
        if len(frozen) == len(blocks):
            raise Refused(f"layers = {self.layers} freezes all {len(blocks)} layers and leaves nothing to train")
        if self.layers and not frozen:
            raise Refused(f"layers = {self.layers} freezes nothing: the network has {len(blocks)} layers")
        for block in frozen:
            for part in block.modules():
                for module in part.modules():
                    hold(module)


def hold(module: nn.Module) -> None:
    """Stop gradients to a module's own parameters and keep it in evaluation mode for good."""
    for parameter in module.parameters(recurse=False):
        parameter.requires_grad_(False)
    module.eval()

    def stay(mode: bool = True) -> Any:
        return module

    module.train = stay  # type: ignore[method-assign]
