"""The really launched app and a headless Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from launching import free_port

playwright = pytest.importorskip("playwright.sync_api", reason='needs: pip install -e ".[browser]"')

playwright.expect.set_options(timeout=60_000)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
CHECKOUT = Path(__file__).parents[2]


@dataclass
class App:
    """A running app: its address, its folders and its log."""

    url: str
    home: Path
    plugins: Path
    log: Path


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """`streamlit run workbench`, with empty folders of its own, until the tests are done."""
    folder = tmp_path_factory.mktemp("app")
    running = App(f"http://localhost:{(port := free_port())}", folder / "home", folder / "plugins", folder / "log")
    running.plugins.mkdir()
    environment = os.environ | {"WORKBENCH_HOME": str(running.home), "WORKBENCH_PLUGINS": str(running.plugins)}
    command = [sys.executable, "-m", "streamlit", "run", "workbench", "--server.port", str(port)]
    with running.log.open("w") as log:
        process = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{running.url}/_stcore/health", timeout=2).read()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    pytest.fail("the app did not start:\n" + running.log.read_text())
                time.sleep(0.2)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator[playwright.Browser]:
    """Debian's Chromium, or whatever is installed under its names."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: playwright.Browser, request: pytest.FixtureRequest) -> Iterator[playwright.Page]:
    """A fresh tab, that notes every address outside this machine that is asked for."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    strangers: list[str] = []
    page.on("request", lambda sent: strangers.append(sent.url) if outside(sent.url) else None)
    yield page
    context.close()
    assert not strangers, f"the app asked the internet: {strangers}"


def outside(url: str) -> bool:
    return not url.startswith(("http://localhost", "ws://localhost", "data:", "blob:", "about:"))
