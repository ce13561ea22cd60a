"""Clipping of the gradient's norm."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from workbench import Clock, Param, Remedy


class ClipNorm(Remedy):
    """Shorten the gradient of all parameters together to a largest length; its direction stays."""

    name = "clip_norm"
    title = "Gradient clipping by norm"
    equation = r"g \leftarrow g \cdot \min\!\left(1, \frac{c}{\lVert g \rVert + 10^{-6}}\right)"
    reference = "Pascanu, Mikolov, Bengio 2012, arXiv:1211.5063"
    params = (
        Param(
            "max_norm", 1.0, low=1e-6, high=1e6, scale="log", help="the largest length c that is let through",
            search=(0.01, 100.0),
        ),
    )  # fmt: skip
    max_norm: float

    def before_step(self, parameters: Sequence[Tensor], clock: Clock) -> None:
        """Clip as ``torch.nn.utils.clip_grad_norm_``; a gradient with NaN stays NaN."""
        nn.utils.clip_grad_norm_(parameters, self.max_norm)
