"""How many units a weight layer has."""

from __future__ import annotations

from torch import nn

from workbench import Refused

CONVOLUTIONS = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d
)  # fmt: skip


def units(layer: nn.Module) -> tuple[int, int]:
    """How many outputs or channels it gives, and over how many axes of places (0 after Linear, 2 after Conv2d).

    ``Refused`` for layers other than Linear and Conv.
    """
    if isinstance(layer, nn.Linear):
        return layer.out_features, 0
    if isinstance(layer, CONVOLUTIONS):
        return layer.out_channels, len(layer.kernel_size)
    raise Refused(f"cannot tell how many outputs {type(layer).__name__} has; use Linear or Conv layers")
