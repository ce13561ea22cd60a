"""Clipping of the gradient's entries."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from workbench import Clock, Param, Remedy


class ClipValue(Remedy):
    """Cut every entry of the gradient off at a largest size; the gradient's direction changes."""

    name = "clip_value"
    title = "Gradient clipping by value"
    equation = r"g_i \leftarrow \min(\max(g_i, -c), c)"
    reference = "Mikolov 2012, Statistical language models based on neural networks, PhD thesis, Brno"
    params = (
        Param("clip_value", 1.0, low=1e-9, high=1e6, scale="log", help="the largest entry c", search=(1e-3, 10.0)),
    )
    clip_value: float

    @torch.no_grad()
    def before_step(self, parameters: Sequence[Tensor], clock: Clock) -> None:
        """Clip as ``torch.nn.utils.clip_grad_value_``; NaN stays NaN."""
        for p in parameters:
            if p.grad is not None:
                p.grad.clamp_(-self.clip_value, self.clip_value)
