"""Data sets that have to be fetched: one worker at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import Timeout

from workbench import registry
from workbench.training import data


def test_only_one_process_loads_a_data_set_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    held: list[bool] = []
    original = registry.Registry.make

    def make(self: registry.Registry, *arguments: object) -> object:
        try:
            with data.downloading().acquire(timeout=0):
                held.append(False)
        except Timeout:
            held.append(True)
        return original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(registry.Registry, "make", make)
    monkeypatch.setattr(data, "_kept", {})
    data.load({"use": "digits", "classes": ""}, registry.current())
    assert held == [True]
