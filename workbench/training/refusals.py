"""What speaks against a training before its first step: no such device, unusable data, batches, memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from workbench.components import Data
from workbench.errors import Refused, WorkbenchError
from workbench.experiment import Run
from workbench.registry import Registry
from workbench.training import data, device, memory

TEST_BATCH = (500, 2000)  # least and most samples that are tested at once; between them, as many as are trained on


@dataclass(frozen=True)
class Ground:
    """What a training stands on: its device, its data, and how many samples it takes at once."""

    device: torch.device
    data: Data
    batch_size: int
    test_batch: int


def ground(run: Run, registry: Registry, normalize: bool = True) -> Ground:
    """The device and the data that a run asks for; ``WorkbenchError`` when there are none, or no room for it."""
    chosen = device.choose(run.task["device"])
    task = run.task if normalize else run.task | {"normalize": False}
    found = data.prepare(task, run.seed, registry)
    samples, (least, most) = len(found.train_y), TEST_BATCH
    check_batch_size(run, samples)
    size = min(run.task["batch_size"], samples)
    made = Ground(chosen, found, size, min(max(size, least), most, len(found.test_y)))
    memory.check(run, found, (made.batch_size, made.test_batch), chosen, registry)
    return made


def check(run: Run, registry: Registry) -> None:
    """Raise ``WorkbenchError`` with what speaks against a run, as far as it can be known before it begins.

    Nothing is trained, and no network takes memory. What a plugin does wrong later is left to the run, and so is
    whether inputs can be normalised.
    """
    if run.source is not None:
        check(run.source, registry)
    stood_on = ground(run, registry, normalize=False)
    try:
        network = memory.blueprint(run, stood_on.data, registry)
    except WorkbenchError as error:
        if isinstance(error.__cause__, Refused):
            raise
        return  # a plugin cannot build without memory, or not at all: the run will say so
    except (Exception, SystemExit):
        return
    check_last_batch(run, network, len(stood_on.data.train_y))


def check_batch_size(run: Run, samples: int) -> None:
    """Refuse batches that are larger than the data, unless the task itself cuts the data."""
    size = run.task["batch_size"]
    if size > samples and run.task.get("labels_per_class") is None:
        raise WorkbenchError(
            f"task.batch_size = {size} is larger than the {samples} training samples of "
            f"{run.task['dataset']['use']!r}; allowed: 1 to {samples}"
        )


def check_last_batch(run: Run, network: nn.Module, samples: int) -> None:
    """Refuse a batch of a single sample, of which batch norm has no variance."""
    size = min(run.task["batch_size"], samples)
    normed = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
    if normed and (samples % size == 1 or size == 1):
        raise WorkbenchError(
            f"task.batch_size = {size}: with {samples} training samples the last batch holds one sample, and "
            "batch norm needs two; choose another batch_size"
        )
