"""Runs as a person would write them, executed in memory."""

from __future__ import annotations

from typing import Any

import pytest

from workbench import registry
from workbench.experiment import Run, parse, resolve
from workbench.records import MemoryRecorder
from workbench.training.loop import execute


class Bench:
    """Makes runs from plain experiments and executes them."""

    def __init__(self) -> None:
        self.registry = registry.current()

    def runs(self, kind: str = "training", **experiment: Any) -> list[Run]:
        return resolve(parse({"kind": kind, **experiment}), self.registry)

    def run(self, task: dict[str, Any], base: dict[str, Any], kind: str = "training", seed: int = 0) -> Run:
        return self.runs(kind, task=task, base=base, seeds=[seed])[0]

    def execute(self, run: Run, recorder: MemoryRecorder | None = None) -> tuple[dict[str, Any], MemoryRecorder]:
        recorder = recorder or MemoryRecorder()
        if run.source is not None:
            _, source = self.execute(run.source)
            recorder.sources[run.source.id(self.registry)] = source.weights
        return execute(run, self.registry, recorder), recorder

    def train(self, task: dict[str, Any], base: dict[str, Any], **more: Any) -> tuple[dict[str, Any], MemoryRecorder]:
        return self.execute(self.run(task, base, **more))


@pytest.fixture
def bench() -> Bench:
    return Bench()
