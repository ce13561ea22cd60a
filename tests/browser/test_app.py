"""What only a browser shows: the launched app, page by page, as a newcomer would use it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason='needs: pip install -e ".[browser]"')
expect = playwright.expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

DROPPED = """
import torch
from workbench import Optimizer, Param, hookimpl

class SignSGD(torch.optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})
    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(p.grad.sign(), alpha=group["lr"])

@hookimpl
def register_optimizers(register):
    register(Optimizer("dropped_sign", SignSGD, title="Dropped sign",
                       params=[Param("lr", 0.01, low=1e-5, high=1.0, scale="log")]))
"""


def visit(page, app, name: str = "") -> None:
    page.goto(f"{app.url}/{name}")
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    settled(page)


def settled(page) -> None:
    """Wait until the script of the page has ended."""
    page.wait_for_function("document.querySelector('[data-testid=stApp]')?.dataset.testScriptState !== 'running'")


def charts(page):
    return page.locator('[data-testid="stVegaLiteChart"] canvas, [data-testid="stVegaLiteChart"] svg')


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("", "Gradient Workbench"),
        ("surfaces", ""),
        ("rates", ""),
        ("training", ""),
        ("transfer", ""),
        ("basics", "Basics"),
        ("runs", "Runs"),
        ("plugins", "Plugins"),
    ],
)
def test_every_page_opens_without_an_error(page, app, name, title) -> None:
    visit(page, app, name)
    expect(page.get_by_role("heading", level=1).first).to_contain_text(title)
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0


def test_home_opens_the_nine_optimizers_with_one_click(page, app) -> None:
    visit(page, app)
    page.get_by_role("button", name="Open and run").first.click()
    expect(charts(page).first).to_be_visible()
    expect(page.get_by_text(re.compile(r"diverged from step \d+")).first).to_be_visible()


def test_the_slider_under_the_paths_plays_the_steps_in_the_browser(page, app) -> None:
    visit(page, app, "surfaces")
    expect(charts(page).first).to_be_visible()
    slider = page.locator('[data-testid="stVegaLiteChart"] input[type=range]')
    expect(slider).to_have_value("150")
    points = page.locator('[data-testid="stVegaLiteChart"] svg .mark-symbol path')
    expect(points.first).to_be_attached()
    before = points.count()
    slider.fill("3")
    page.wait_for_function(
        "count => document.querySelectorAll('[data-testid=stVegaLiteChart] svg .mark-symbol path').length < count / 4",
        arg=before,
    )


def test_a_ready_sweep_shows_its_strips(page, app) -> None:
    visit(page, app, "rates")
    expect(charts(page).first).to_be_visible()


def test_a_moved_slider_answers_while_trainings_run(page, app) -> None:
    visit(page, app, "training")
    expect(page.get_by_role("button", name="Stop").or_(page.get_by_role("button", name="Run again"))).to_be_visible()
    visit(page, app, "surfaces")
    expect(charts(page).first).to_be_visible()
    slider = page.get_by_role("slider", name=re.compile("steps")).first
    slider.focus()
    page.keyboard.press("ArrowLeft")
    settled(page)
    expect(charts(page).first).to_be_visible()


def test_the_ready_training_runs_to_its_end_and_is_shown(page, app) -> None:
    visit(page, app, "training")
    expect(page.get_by_role("button", name="Run again")).to_be_visible(timeout=180_000)
    expect(charts(page).first).to_be_visible()
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0


def test_the_ready_transfer_runs_to_its_end_and_is_shown(page, app) -> None:
    visit(page, app, "transfer")
    expect(page.get_by_role("button", name="Run again")).to_be_visible(timeout=180_000)
    expect(charts(page).first).to_be_visible()
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0


def test_stop_stops_a_run(page, app) -> None:
    visit(page, app, "training")
    expect(page.get_by_role("button", name="Run again")).to_be_visible(timeout=180_000)
    epochs = page.get_by_role("spinbutton", name=re.compile("epochs")).first
    epochs.fill("3000")
    epochs.press("Enter")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text(re.compile(r"runs done.*left"))).to_be_visible()
    stop = page.get_by_role("button", name="Stop")
    stop.click()
    expect(stop).to_be_hidden()
    expect(page.get_by_text("stopped").first).to_be_attached()


def test_a_run_is_selected_deleted_and_had_back(page, app) -> None:
    visit(page, app, "training")
    expect(page.get_by_role("button", name="Run again")).to_be_visible(timeout=180_000)
    visit(page, app, "runs")
    list_of_runs = page.locator('[data-testid="stDataFrame"]').first
    expect(list_of_runs).to_be_visible()
    expect(list_of_runs.locator('[data-testid="data-grid-canvas"]')).to_be_visible()
    list_of_runs.click(position={"x": 17, "y": 52})  # the box of the first row: the table is drawn on a canvas
    expect(page.get_by_text("1 run selected")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Deleted 1 run")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Deleted 1 run")).to_be_hidden()


def test_pictures_and_experiments_can_be_downloaded(page, app, tmp_path: Path) -> None:
    visit(page, app, "surfaces")
    expect(charts(page).first).to_be_visible()
    page.get_by_role("button", name="Share").click()
    for name, start in (("PNG", b"\x89PNG"), ("SVG", b"<svg"), ("Experiment (TOML)", b"format = 1")):
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).first.click()
        content = Path(download.value.path()).read_bytes()
        assert start in content[:400], name
        if name == "SVG":
            text = content.decode()
            assert "experiment" in text
            assert re.search(r"seed", text)


def test_a_dropped_plugin_appears_everywhere_and_a_broken_one_only_in_the_list(page, app) -> None:
    (app.plugins / "dropped_sign.py").write_text(DROPPED)
    for name in ("surfaces", "rates", "training", "transfer"):
        visit(page, app, name)
        box = page.get_by_role("combobox", name=re.compile("^optimizer|Selected.*optimizer", re.I)).first
        box.click()
        box.fill("Dropped")
        expect(page.get_by_role("option", name="Dropped sign").first).to_be_visible()
        page.keyboard.press("Escape")
    (app.plugins / "dropped_sign.py").write_text(DROPPED + "\ndef broken(:\n")
    visit(page, app, "plugins")
    expect(page.get_by_text("SyntaxError").first).to_be_visible()
    visit(page, app, "surfaces")
    expect(charts(page).first).to_be_visible()
    (app.plugins / "dropped_sign.py").unlink()


@pytest.mark.parametrize("name", ["", "surfaces", "training", "runs", "plugins"])
def test_a_narrow_screen_scrolls_no_page_sideways(page, app, name) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    visit(page, app, name)
    if name not in ("", "runs", "plugins"):
        expect(charts(page).first).to_be_attached()
    page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollWidth <= 420", timeout=20_000)


def test_no_traceback_reaches_the_log_in_all_this(app) -> None:
    assert "Traceback" not in app.log.read_text()
