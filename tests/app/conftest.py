"""Pages without a browser: one bench and one folder for all of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from workbench_ui.bench import open_bench

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def _bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setenv("WORKBENCH_HOME", str(tmp_path_factory.mktemp("home")))
    patch.delenv("WORKBENCH_PLUGINS", raising=False)
    bench = open_bench()
    while not bench.warmed:  # all workers start before a page poses as the main program
        time.sleep(0.05)
    yield
    open_bench().close()
    open_bench.clear()
    patch.undo()


@pytest.fixture(autouse=True)
def _main() -> Iterator[None]:
    """Put the main program back: worker processes that start later would import the page in its place."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def visit() -> Callable[..., AppTest]:
    """Run a page's script as the router would."""

    def run(name: str, **state: object) -> AppTest:
        test = AppTest.from_file(str(CHECKOUT / "pages" / f"{name}.py"), default_timeout=120)
        for key, value in state.items():
            test.session_state[key.replace("__", ".")] = value
        return test.run()

    return run
