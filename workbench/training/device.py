"""Where tensors are: on a graphics processor if there is one, unless the task says otherwise."""

from __future__ import annotations

import torch

from workbench.components import Data
from workbench.errors import WorkbenchError


def choose(wanted: str) -> torch.device:
    """The device that ``task.device`` means here; ``WorkbenchError`` when this machine has none."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        wanted = next(name for name, is_there in there.items() if is_there)
    if not there[wanted]:
        names = ", ".join(name for name, is_there in there.items() if is_there)
        raise WorkbenchError(f"task.device = {wanted!r}: there is none where this runs; allowed: auto, {names}")
    return torch.device(wanted)


def move(data: Data, device: torch.device) -> Data:
    """The whole data set on a device: no batch travels during the training."""
    if device.type == "cpu":
        return data
    train_x, train_y = data.train_x.to(device), data.train_y.to(device)
    return Data(train_x, train_y, data.test_x.to(device), data.test_y.to(device), data.classes)


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """The global random state of the processor and of the device."""
    state = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        state[device.type] = getattr(torch, device.type).get_rng_state()
    return state


def set_random_state(state: dict[str, torch.Tensor]) -> None:
    """The inverse; a state of a device that is not there is left out, as its numbers are others anyway."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])
