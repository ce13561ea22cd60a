"""How sharply the loss is curved."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from workbench.training.probes.norms import norm

STEPS = 20  # products with the Hessian at most
SETTLED = 0.001  # relative change from one product to the next at which it is left
ROUNDING = 1e-6  # relative size of what rounding leaves when the whole space is searched


def top_eigenvalue(loss: Tensor, parameters: Sequence[Tensor]) -> float:
    """The largest eigenvalue of the Hessian of ``loss`` in all parameters, to about a hundredth.

    Gradient descent with a rate above 2 / this cannot settle here. Lanczos' method (1950) with products of the
    Hessian and a vector (Pearlmutter 1994), from a fixed random start. NaN where the loss has no second derivative
    in torch, or something is not finite; 0 where the gradient is constant.
    """
    try:
        return largest(loss, parameters)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # so torch says that a part of the network cannot be differentiated twice
        return math.nan


def largest(loss: Tensor, parameters: Sequence[Tensor]) -> float:
    """The largest eigenvalue; ``RuntimeError`` where there is no second derivative."""
    found = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
    pairs = [(g, p) for g, p in zip(found, parameters, strict=True) if g is not None]
    gradients, weights = [g for g, _ in pairs], [p for _, p in pairs]
    curved = [n for n, g in enumerate(gradients) if g.requires_grad]
    if not curved:
        return 0.0
    if "torch::autograd::Error" in graph([gradients[n] for n in curved]):
        return math.nan  # torch's mark of a function that is differentiable once: it would count as 0
    sizes = [p.numel() for p in weights]

    def product(vector: Tensor) -> Tensor:
        pieces = [v.view_as(p) for v, p in zip(torch.split(vector, sizes), weights, strict=True)]
        made = torch.autograd.grad(
            [gradients[n] for n in curved], weights, [pieces[n] for n in curved], retain_graph=True, allow_unused=True
        )
        rows = (torch.zeros_like(p) if h is None else h for h, p in zip(made, weights, strict=True))
        return torch.cat([row.reshape(-1) for row in rows])

    start = torch.randn(sum(sizes), generator=torch.Generator().manual_seed(0))
    return lanczos(product, start.to(weights[0]))


def graph(tensors: Sequence[Tensor]) -> set[str]:
    """The names of all functions that made these tensors."""
    waiting = [tensor.grad_fn for tensor in tensors]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        new = {before for before, _ in node.next_functions if before is not None} - seen if node is not None else set()
        seen |= new
        waiting += new
    return {node.name() for node in seen if node is not None}


def lanczos(product: Callable[[Tensor], Tensor], start: Tensor) -> float:
    """The largest eigenvalue of a symmetric linear map; NaN when it meets a number that is not finite."""
    here, before = start / norm(start), torch.zeros_like(start)
    diagonal: list[float] = []
    beside: list[float] = []
    best = math.nan
    for _ in range(min(STEPS, len(start))):
        there = product(here)
        diagonal.append(float(torch.dot(here, there)))
        there = there - diagonal[-1] * here - (beside[-1] if beside else 0.0) * before
        size = norm(there)
        if not math.isfinite(diagonal[-1]) or not math.isfinite(size):
            return math.nan
        last, best = best, float(np.linalg.eigvalsh(np.diag(diagonal) + np.diag(beside, -1))[-1])
        if size <= ROUNDING * abs(best) or abs(best - last) <= SETTLED * abs(best):
            break
        beside.append(size)
        here, before = there / size, here
    return best
