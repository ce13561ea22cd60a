"""What tests of remedies share."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from workbench import Block, Clock, registry
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder
from workbench.runs import checkpoint
from workbench.training.loop import execute

known = registry.current()
CLOCK = Clock(0, 1, 0, 1)
TASK = {"dataset": "digits", "model": {"use": "mlp", "depth": 3, "width": 16}, "epochs": 1, "batch_size": 128}


def made(kind: str, name: str, *arguments: Any, **given: Any) -> Any:
    """A component with some settings, as the bench makes it."""
    return known.make(kind, {"use": name} | known.settings(kind, name, given), *arguments)


def remedy(name: str, **given: Any) -> Any:
    return made("remedy", name, **given)


def mlp(*sizes: int) -> list[Block]:
    blocks = [Block(nn.Linear(a, b), nn.Tanh()) for a, b in pairwise(sizes)]
    blocks[-1].activation = None
    return blocks


def with_gradient(values: Any, gradient: Any, dtype: torch.dtype = torch.float64) -> Tensor:
    parameter = nn.Parameter(torch.tensor(values, dtype=dtype))
    parameter.grad = torch.tensor(gradient, dtype=dtype)
    return parameter


class Pausing(MemoryRecorder):
    """Pauses before some step, and goes on from what was kept, as read from a file."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at, self.done, self.kept = at, 0, b""

    def progress(self, done: int, total: int) -> None:
        self.done = done

    def asked(self) -> str:
        return "paused" if self.done == self.at else ""

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        self.kept = checkpoint.dumps(dict(state))

    def resume(self) -> dict[str, Any] | None:
        return checkpoint.loads(self.kept) if self.kept else None


def run_of(base: dict[str, Any], task: dict[str, Any] | None = None, **more: Any) -> Any:
    [run] = resolve(parse({"kind": "training", "task": TASK | (task or {}), "base": base, **more}), known)
    return run


def trained(base: dict[str, Any], task: dict[str, Any] | None = None, pause: int = 0) -> MemoryRecorder:
    """Train a small network, with a pause if asked for; the recorder has what came of it, and its ``summary``."""
    run = run_of(base, task)
    recorder = Pausing(pause) if pause else MemoryRecorder()
    recorder.summary = execute(run, known, recorder)
    if pause:
        assert recorder.summary["outcome"] == "paused"
        recorder.at = -1
        recorder.summary = execute(run, known, recorder)
    assert recorder.summary["outcome"] == "finished"
    return recorder


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())
