import logging

import pytest

from workbench import registry as registries
from workbench.experiment import Run, parse, resolve
from workbench.records import MemoryRecorder


@pytest.fixture(scope="session")
def registry():
    logging.getLogger("workbench.registry").setLevel(logging.CRITICAL)
    return registries.load()


@pytest.fixture
def run_of(registry):
    """Make the one run of an experiment that is written as keyword arguments."""

    def make(kind="descent", **keys) -> Run:
        return resolve(parse({"kind": kind, **keys}), registry)[0]

    return make


@pytest.fixture
def descend(registry, run_of):
    """Execute a descent: its summary and its path."""
    from workbench.descent.simulate import execute

    def go(optimizer, steps=100, **keys):
        task = {"steps": steps} | keys.pop("task", {})
        recorder = MemoryRecorder()
        run = run_of(task=task, base={"optimizer": optimizer} | keys)
        return execute(run, registry, recorder), recorder.table("path")

    return go
