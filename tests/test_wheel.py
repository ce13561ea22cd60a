"""A wheel, installed in an environment of its own, gives the same bench as the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest
from launching import LOOPBACK, free_port, listeners, needs_proc

from workbench import house, registry


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=house.CHECKOUT, check=True, capture_output=True, timeout=120)
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def workbench(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `workbench` command of an installed wheel; the packages it needs are borrowed from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    python = folder / "bin" / "python" if os.name != "nt" else folder / "Scripts" / "python.exe"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True, timeout=120)
    script = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    site = subprocess.run([str(python), "-c", script], check=True, capture_output=True, text=True).stdout.strip()
    borrowed = dict.fromkeys([sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]])
    Path(site, "borrowed.pth").write_text("\n".join(borrowed))
    return python.parent / "workbench"


def outside(tmp_path: Path) -> dict[str, str]:
    """An environment that knows nothing of the checkout."""
    dropped = ("PYTHONPATH", "WORKBENCH_PLUGINS", "WORKBENCH_LOAD_PLUGINS")
    return {k: v for k, v in os.environ.items() if k not in dropped} | {"WORKBENCH_HOME": str(tmp_path / "home")}


def test_the_wheel_carries_the_whole_house(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "workbench/.streamlit/config.toml" in names
    for folder in ("plugins", "pages", "lessons"):
        for file in house.folder(folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                inside = f"workbench/_house/{folder}/{file.relative_to(house.folder(folder)).as_posix()}"
                assert inside in names, f"{inside} is missing"
    assert not [name for name in names if name.startswith(("tests/", "docs/")) or "__pycache__" in name]


def test_it_has_the_same_plugins_and_components(workbench: Path, tmp_path: Path) -> None:
    answer = subprocess.run(
        [str(workbench), "plugins", "--json"],
        cwd=tmp_path, env=outside(tmp_path), check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found = {plugin["name"]: plugin for plugin in json.loads(answer.stdout)}
    for plugin in registry.current().plugins:
        if plugin.place == "built-in":
            assert found[plugin.name]["errors"] == []
            assert str(house.CHECKOUT / "plugins") not in found[plugin.name]["path"]
            assert [(c["kind"], c["name"]) for c in found[plugin.name]["components"]] == plugin.components


@needs_proc
def test_its_app_starts_with_the_settings_in_force(workbench: Path, tmp_path: Path) -> None:
    port = free_port()
    with (tmp_path / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [str(workbench), "app", "--port", str(port)],
            cwd=tmp_path, env=outside(tmp_path) | {"HOME": str(tmp_path)}, stdout=output, stderr=output,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not listeners(port):
            assert process.poll() is None, (tmp_path / "output.txt").read_text()
            assert time.monotonic() < deadline, (tmp_path / "output.txt").read_text()
            time.sleep(0.1)
        assert listeners(port) <= LOOPBACK
        while True:
            try:
                with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5) as answer:
                    assert answer.read() == b"ok"
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)
    assert "usage statistics" not in (tmp_path / "output.txt").read_text()
