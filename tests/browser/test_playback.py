"""Pictures that play: in the app, and in a file opened from disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason='needs: pip install -e ".[browser]"')
expect = playwright.expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def visit(page, app) -> None:
    page.goto(f"{app.url}/surfaces")
    expect(page.locator("input[type=range][name=step]").first).to_be_visible(timeout=60_000)
    settled(page)


def settled(page) -> None:
    """Wait until the script has ended for good: the page tells its width a moment after it is drawn."""
    for _ in range(2):
        page.wait_for_function("document.querySelector('[data-testid=stApp]')?.dataset.testScriptState !== 'running'")
        page.wait_for_timeout(700)


def open_tab(page, tab: str, last: int) -> None:
    """Show a view, and wait until the one before has gone."""
    if tab != "Paths":
        page.get_by_role("tab", name=tab).click()
        settled(page)
    slider = page.locator("input[type=range][name=step]")
    expect(slider).to_have_count(1, timeout=60_000)
    expect(slider).to_have_attribute("max", str(last))


def controls(page):
    """Slider, play, back, forth and speed of the one picture that is shown."""
    buttons = [page.locator(f"input[type=button][title='{title}']") for title in
               ("play or pause", "one step back", "one step on")]  # fmt: skip
    return page.locator("input[type=range][name=step]"), *buttons, page.locator("select[name=speed]")


def step_of(slider) -> int:
    return int(slider.input_value())


def wait_for(page, condition: str, value: int) -> None:
    page.wait_for_function(
        f"value => Number(document.querySelector('input[type=range][name=step]').value) {condition} value", arg=value
    )


def plays_pauses_scrubs_and_steps(page, last: int, first: int) -> None:
    slider, play, back, forth, speed = controls(page)
    expect(slider).to_have_value(str(first))
    expect(slider).to_have_attribute("max", str(last))
    expect(play).to_have_value(re.compile("Play"))
    play.click()
    expect(play).to_have_value(re.compile("Pause"))
    wait_for(page, "<", last)
    seen = step_of(slider)
    wait_for(page, ">", seen + 3)
    play.click()
    expect(play).to_have_value(re.compile("Play"))
    rest = step_of(slider)
    page.wait_for_timeout(400)
    assert step_of(slider) == rest
    slider.fill("10")
    forth.click()
    expect(slider).to_have_value("11")
    back.click()
    back.click()
    expect(slider).to_have_value("9")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("10")
    slider.fill(str(last - 12))
    speed.select_option(label="fast")
    play.focus()
    page.keyboard.press("Space")
    expect(slider).to_have_value(str(last))
    expect(play).to_have_value(re.compile("Play"))
    play.click()  # at its end it begins anew
    wait_for(page, "<", last - 20)


@pytest.mark.parametrize(
    ("tab", "last", "first"),
    [
        ("Paths", 150, 150),
        ("Value by step", 150, 150),
        ("Distance", 150, 150),
        ("Inspector", 149, 0),
        ("3-D", 150, 150),
    ],
)
def test_every_view_plays_in_the_page(page, app, tab, last, first) -> None:
    visit(page, app)
    open_tab(page, tab, last)
    plays_pauses_scrubs_and_steps(page, last, first)


def test_all_panels_follow_the_one_clock(page, app) -> None:
    visit(page, app)
    slider, *_ = controls(page)
    points = page.locator('[data-testid="stVegaLiteChart"] svg .mark-symbol path')
    expect(points.first).to_be_attached()
    before = points.count()
    slider.fill("3")
    page.wait_for_function(
        "count => document.querySelectorAll('[data-testid=stVegaLiteChart] svg .mark-symbol path').length < count / 4",
        arg=before,
    )
    rules = page.locator('[data-testid="stVegaLiteChart"] svg .mark-rule line')
    xs = {rules.nth(index).get_attribute("transform") for index in range(rules.count())}
    slider.fill("140")
    expect(slider).to_have_value("140")
    page.wait_for_timeout(300)
    moved = {rules.nth(index).get_attribute("transform") for index in range(rules.count())}
    assert len(moved - xs) >= 1


def test_a_frame_asks_nothing_of_the_app(page, app) -> None:
    frames: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frames.append(frame)))
    visit(page, app)
    frames.clear()
    _, play, *_ = controls(page)
    play.click()
    wait_for(page, "<", 150)
    wait_for(page, ">", 20)
    assert not frames


@pytest.mark.parametrize("tab", ["Paths", "Inspector", "3-D"])
def test_an_exported_page_plays_from_disk_without_a_network(page, app, browser, tmp_path: Path, tab) -> None:
    visit(page, app)
    last = 149 if tab == "Inspector" else 150
    open_tab(page, tab, last)
    page.get_by_role("button", name="Share").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="HTML", exact=True).first.click()
    file = tmp_path / "picture.html"
    download.value.save_as(file)
    context = browser.new_context(offline=True)
    alone = context.new_page()
    alone.set_default_timeout(30_000)
    problems: list[str] = []
    alone.on("pageerror", lambda error: problems.append(str(error)))
    alone.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    asked: list[str] = []
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(file.as_uri())
    expect(alone.locator("svg").first).to_be_visible()
    expect(alone.get_by_text("Nine optimizers in one valley").first).to_be_attached()
    plays_pauses_scrubs_and_steps(alone, last, 0 if tab == "Inspector" else last)
    context.close()
    assert asked == [file.as_uri()]
    assert not problems
