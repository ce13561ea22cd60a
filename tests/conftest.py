"""What all tests share: a home of their own, one thread, and big data only where it is."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from launching import Command

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported
DATA = os.environ.get("WORKBENCH_DATA", "")


@pytest.fixture(scope="session", autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing a test does may touch the runs of the person who tests, nor depend on their settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WORKBENCH_PLUGINS", "WORKBENCH_LOAD_PLUGINS", "WORKBENCH_SCHEDULER"):
            patch.delenv(name, raising=False)
        patch.setenv("WORKBENCH_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for one test."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def workbench(home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """``workbench(*arguments)`` runs the command line here and returns (exit code, stdout, stderr)."""
    from workbench import cli

    logger = logging.getLogger("workbench")
    before, level = list(logger.handlers), logger.level

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["workbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        for handler in logger.handlers:
            handler.flush()
        printed = capfd.readouterr()
        return int(left.value.code or 0), printed.out, printed.err

    yield call
    for handler in [handler for handler in logger.handlers if handler not in before]:
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(level)


@pytest.fixture
def mnist_folder(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the real MNIST, or a skip that says how to provide it."""
    if not DATA or not (Path(DATA) / "MNIST").is_dir():
        pytest.skip("set WORKBENCH_DATA to a folder that holds MNIST in torchvision's layout")
    monkeypatch.setenv("WORKBENCH_DATA", DATA)
    return Path(DATA).resolve()


@pytest.fixture
def drop_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """``drop_in(name, source)`` writes a plugin file into a folder that WORKBENCH_PLUGINS names."""
    folder = tmp_path / "dropped"
    folder.mkdir()
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(folder))

    def write(name: str, source: str) -> Path:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
        return file

    return write
