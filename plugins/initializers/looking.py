"""What an initializer needs that looks at the whole network: a pass without a trace, and weights to scale."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


def look(network: nn.Module, inputs: Tensor) -> None:
    """Let ``inputs`` (batch, ...) pass through the network, for hooks to see; nothing else is different afterwards."""
    with untouched(network):
        network(inputs)


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Afterwards all buffers (running means and variances) and torch's random state are what they were."""
    kept = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            for name, buffer in network.named_buffers():
                buffer.copy_(kept[name])


def rescale(module: nn.Module, factor: float) -> None:
    """Multiply a layer's weight in place; one that is parametrized is assigned, so that what lies beneath follows."""
    with torch.no_grad():
        if parametrize.is_parametrized(module, "weight"):
            module.weight = module.weight * factor
        else:
            module.weight.mul_(factor)
