"""How much memory a training will need, said before it takes any."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from workbench.components import Data
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.registry import Registry
from workbench.training.network import Network, build

COPIES = 4  # of every weight: itself, its gradient, and two numbers that an optimizer like Adam keeps
SPARE = 0.9  # of the free memory may be taken
UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True)
class Estimate:
    """Bytes, in the parts that a person can change."""

    weights: int
    activations: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.activations


def check(run: Run, data: Data, batch_size: int, device: torch.device, registry: Registry) -> None:
    """Raise ``WorkbenchError`` with the figures when the network cannot fit into what is free."""
    try:
        needed = estimate(run, data, batch_size, registry)
    except (
        Exception,
        SystemExit,
    ):  # cannot be built without memory: the training itself will say what is wrong
        return
    free = available(device)
    if needed.total > SPARE * free:
        raise WorkbenchError(
            f"this run would need about {human(needed.total)} of memory ({human(needed.weights)} for the weights, "
            f"their gradients and what the optimizer keeps, {human(needed.activations)} for the activations of "
            f"{batch_size} samples), and {human(free)} are free; take a smaller width, depth or batch_size"
        )


def estimate(run: Run, data: Data, batch_size: int, registry: Registry) -> Estimate:
    """What the network, its training and one batch take: everything is built, but on torch's device without memory."""
    remedies = [(reference["use"], registry.make("remedy", reference)) for reference in run.base["remedies"]]
    shape = data.train_x.shape[1:]
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network = build(run.base, run.task["model"], shape, len(data.classes), run.seed, remedies, registry)
        weights = COPIES * sum(parameter.nbytes for parameter in network.parameters())
        return Estimate(weights, activations(network, torch.empty(batch_size, *shape)))


def activations(network: Network, x: Tensor) -> int:
    """Bytes of what the modules hand on in a forward pass: kept for the way back, where each has a gradient."""
    sizes: list[int] = []

    def count(module: nn.Module, given: Any, made: Any) -> None:
        sizes.extend(part.nbytes for part in (made if isinstance(made, tuple) else (made,)) if isinstance(part, Tensor))

    handles = [m.register_forward_hook(count) for m in network.modules() if not list(m.children())]
    try:
        network(x)
    finally:
        for handle in handles:
            handle.remove()
    return sum(sizes) + max(sizes, default=0)


def available(device: torch.device) -> int:
    """Free bytes on a device; on the processor no more than the container may have."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    from distributed import get_worker
    from distributed.system import MEMORY_LIMIT

    limit = MEMORY_LIMIT
    with contextlib.suppress(ValueError):  # not in a worker
        limit = get_worker().memory_manager.memory_limit or limit
    return int(min(psutil.virtual_memory().available, limit - psutil.Process().memory_info().rss))


def human(count: float) -> str:
    """``1.5 GB``."""
    if not math.isfinite(count):
        return str(count)
    size, unit = next((pair for pair in UNITS if count >= pair[0]), (1.0, "bytes"))
    return f"{count / size:.3g} {unit}"
