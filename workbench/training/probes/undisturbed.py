"""Looking at a network without leaving a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from workbench.training.device import random_state, set_random_state


@contextmanager
def undisturbed(network: nn.Module) -> Iterator[None]:
    """Whatever runs inside, the network's buffers (running statistics) and the random state are then as they were.

    Gradients stay too, as long as they are taken by ``torch.autograd.grad`` and not by ``backward``.
    """
    device = next(network.parameters()).device
    state = random_state(device)
    kept = [
        (module, name, buffer, buffer.clone())
        for module in network.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    try:
        with torch.enable_grad():
            yield
    finally:
        with torch.no_grad():
            for module, name, buffer, copy in kept:
                module._buffers[name] = buffer
                buffer.copy_(copy)
        set_random_state(state)
