"""How noisy the gradient of a batch is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from workbench.training.probes.norms import norm

PARTS = 8  # of a batch, whose gradients are compared


def noise_scale(objective: Callable[..., Tensor], parameters: Sequence[Tensor], size: int, parts: int = PARTS) -> float:
    """The simple noise scale tr(Sigma) / |G|^2, in samples: batches much smaller than it are mostly noise.

    ``objective(part)`` is the mean loss of a slice of a batch of ``size`` samples. Sigma is the covariance of the
    gradients of single samples, G their mean. Both are estimated without bias, from the gradients of equal parts of
    at least two samples; what is left over of the batch is not used. NaN with fewer than four samples, and where
    the gradient cannot be told from zero. McCandlish, Kaplan, Amodei, OpenAI 2018, arXiv:1812.06162, appendix A.1.
    """
    parts = min(parts, size // 2)
    if parts < 2:
        return math.nan
    small, big = size // parts, size // parts * parts
    mean, squares = torch.zeros(()), 0.0
    for n in range(parts):
        found = gradient(objective(slice(n * small, (n + 1) * small)), parameters)
        mean = found / parts + (mean if n else 0.0)
        squares += norm(found) ** 2 / parts
    return from_squares(norm(mean) ** 2, squares, big, small)


def from_squares(of_big: float, of_small: float, big: int, small: int) -> float:
    """The noise scale from the mean squared norms of gradients of ``big`` and of ``small`` batches."""
    signal = (big * of_big - small * of_small) / (big - small)
    noise = (of_small - of_big) / (1 / small - 1 / big)
    return noise / signal if signal > 0 else math.nan


def gradient(loss: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """The gradient in all parameters as one row; 0 where the loss does not depend on one."""
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    rows = (torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True))
    return torch.cat([row.reshape(-1) for row in rows])
