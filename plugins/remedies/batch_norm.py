"""Batch normalisation between a weight layer and its activation."""

from __future__ import annotations

from torch import nn

from workbench import Block, Param, Remedy

NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class BatchNorm(Remedy):
    """Give every unit mean 0 and variance 1 over the batch, before its activation."""

    name = "batch_norm"
    title = "Batch norm"
    equation = r"\hat z = \gamma\,\frac{z - \mu_B}{\sqrt{\sigma_B^2 + \epsilon}} + \beta"
    reference = "Ioffe, Szegedy 2015, arXiv:1502.03167"
    params = (
        Param("momentum", 0.1, low=0.0, high=1.0, help="share of the newest batch in the running mean and variance"),
        Param("eps", 1e-5, low=1e-12, high=1.0, scale="log", help="added to the variance before the root"),
    )
    momentum: float
    eps: float

    def edit_blocks(self, blocks: list[Block]) -> list[Block]:
        """Put a norm behind every weight layer that has an activation, so not behind the last."""
        for block in blocks:
            if block.activation is not None:
                block.norm.append(self.norm(block.layer))
        return blocks

    def norm(self, layer: nn.Module) -> nn.Module:
        """The norm for a layer's outputs; ``TypeError`` for layers other than Linear and Conv."""
        if isinstance(layer, nn.Linear):
            return nn.BatchNorm1d(layer.out_features, eps=self.eps, momentum=self.momentum)
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            return NORMS[len(layer.kernel_size)](layer.out_channels, eps=self.eps, momentum=self.momentum)
        raise TypeError(f"cannot tell how many outputs {type(layer).__name__} has; use Linear or Conv layers")
