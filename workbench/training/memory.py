"""How much memory a training will need, said before it takes any."""

from __future__ import annotations

import contextlib
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
from workbench.words import amount

COPIES = {
    "off": 2,
    "light": 3,
    "full": 13,
}  # of every weight: itself, its gradient, and one while it is measured; for the
# curvature of the loss, some vectors as long as all of them
KEEPS = 2  # numbers more that an optimizer like Adam keeps for each
GRAPHS = {"off": 1, "light": 1, "full": 3}  # of a batch's activations: the curvature has a graph of the graph
SPARE = 0.9  # of the free memory may be taken


@dataclass(frozen=True)
class Estimate:
    """Bytes, in the parts that a person can change."""

    weights: int
    activations: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.activations


def check(run: Run, data: Data, batches: tuple[int, int], device: torch.device, registry: Registry) -> None:
    """Raise ``WorkbenchError`` with the figures when the network cannot fit into what is free."""
    try:
        needed = estimate(run, data, batches, registry)
    except (
        Exception,
        SystemExit,
    ):  # cannot be built without memory: the training itself will say what is wrong
        return
    free = available(device)
    parts = (
        f" ({amount(needed.weights)} for the weights, their gradients and what the optimizer keeps, "
        f"{amount(needed.activations)} for the activations of {batches[0]} samples)"
    )
    refuse(needed.total, "this run", "take a smaller width, depth or batch_size", parts, free)


def refuse(needed: float, what: str, cure: str, parts: str = "", free: float | None = None) -> None:
    """Raise ``WorkbenchError`` with the figures when so many bytes are not free (by default on the processor)."""
    free = available(torch.device("cpu")) if free is None else free
    if needed > SPARE * free:
        raise WorkbenchError(
            f"{what} would need about {amount(needed)} of memory{parts}, and {amount(free)} are free; {cure}"
        )


def estimate(run: Run, data: Data, batches: tuple[int, int], registry: Registry) -> Estimate:
    """What the network, its training and a batch take: everything is built, but on torch's device without memory.

    ``batches`` are the samples that are trained on at once, and those that are tested.
    """
    network, probes = blueprint(run, data, registry), run.task["probes"]
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        weights = (COPIES[probes] + keeps(run, registry)) * sum(each.nbytes for each in network.parameters())
        sizes = outputs(network, torch.empty(batches[0], *data.train_x.shape[1:]))
    kept = GRAPHS[probes] * sum(sizes) + max(sizes, default=0)  # for the way back, where each has a gradient
    passing = sum(sorted(sizes)[-3:]) * batches[1] // batches[0]  # in a test a module's input, output and copy
    return Estimate(round(weights), max(kept, passing))


def blueprint(run: Run, data: Data, registry: Registry) -> Network:
    """A run's network on torch's device without memory; raises what a component raises that cannot be built there."""
    remedies = [(reference["use"], registry.make("remedy", reference)) for reference in run.base["remedies"]]
    shape, classes = data.train_x.shape[1:], len(data.classes)
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return build(run.base, run.task["model"], shape, classes, run.seed, remedies, registry)


def keeps(run: Run, registry: Registry) -> float:
    """Numbers that the optimizer keeps for each weight."""
    settings = {key: value for key, value in run.base["optimizer"].items() if key != "use"}
    said = registry.get("optimizer", run.base["optimizer"]["use"]).keeps
    return KEEPS if said is None else float(said(**settings))


def outputs(network: Network, x: Tensor) -> list[int]:
    """The bytes of what each module hands on in a forward pass."""
    sizes: list[int] = []

    def count(module: nn.Module, given: Any, made: Any) -> None:
        sizes.extend(part.nbytes for part in (made if isinstance(made, tuple) else (made,)) if isinstance(part, Tensor))

    handles = [m.register_forward_hook(count) for m in network.modules() if not list(m.children())]
    try:
        network(x)
    finally:
        for handle in handles:
            handle.remove()
    return sizes


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
