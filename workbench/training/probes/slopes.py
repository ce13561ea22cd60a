"""The slope f'(z) of an activation, whatever it is, from automatic differentiation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from workbench.training.device import random_state, set_random_state


def slope(activation: nn.Module | None, z: Tensor) -> Tensor:
    """f'(z), entry by entry; 1 without an activation. Changes no module and no random state."""
    if activation is None:
        return torch.ones_like(z)
    state = random_state(z.device)
    try:
        with torch.enable_grad():
            z = z.detach().clone().requires_grad_()
            h = activation.forward(z.clone())  # not through its hooks; a clone, as it may work in place
            return through(h, torch.autograd.graph.get_gradient_edge(z))
    finally:
        set_random_state(state)


def evaluated(f: nn.Module, at: Tensor) -> tuple[Tensor, Tensor]:
    """f and f' at these points, entry by entry, in the points' precision; f may be changed by it."""
    with torch.enable_grad():
        at = at.detach().requires_grad_()
        h = f(at.clone()).to(at.dtype)
        return h.detach(), through(h, torch.autograd.graph.get_gradient_edge(at))


def through(h: Tensor, edge: Any) -> Tensor:
    """f'(z) of what an activation has just made of z, whose place in the graph is ``edge``; the graph stays.

    Weights of an activation (PReLU) get no gradient here; an output that does not depend on z has slope 0.
    """
    if not h.requires_grad:
        return torch.zeros_like(h)
    found = torch.autograd.grad(h, edge, torch.ones_like(h), retain_graph=True, allow_unused=True)[0]
    return torch.zeros_like(h) if found is None else found
