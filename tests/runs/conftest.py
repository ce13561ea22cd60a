"""One bench for all tests here: starting workers takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.runs import Bench, light

SABOTAGE = '''
import os
import torch
from workbench import Optimizer, Param, hookimpl

class Counting(torch.optim.SGD):
    """Does `act` at step 10."""
    act = staticmethod(lambda: None)
    def step(self, closure=None):
        self.count = getattr(self, "count", 0) + 1
        if self.count == 10:
            self.act()
        return super().step(closure)

class Raises(Counting):
    def act(self): raise ArithmeticError("the tenth step hurts")

class Hangs(Counting):
    def act(self):
        import time
        time.sleep(1000)

class Exits(Counting):
    def act(self): os._exit(3)

def unbuildable(params, lr):
    raise RuntimeError("no such thing")

@hookimpl
def register_optimizers(register):
    for name, make in (("raises", Raises), ("exits", Exits), ("hangs", Hangs), ("unbuildable", unbuildable)):
        register(Optimizer(name, make, params=[Param("lr", 0.01, low=0.0)]))
'''


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bench folder of its own, and a plugin that misbehaves."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "sabotage.py").write_text(SABOTAGE)
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(plugins))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    """Two training workers and the light lane, which may have to import everything first."""
    with pytest.MonkeyPatch.context() as patch, Bench(workers=2) as bench:
        patch.setattr(light, "PATIENCE", 120.0)
        yield bench
