"""The Training page in a browser: one cursor moves through all its panels."""

from __future__ import annotations

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason='needs: pip install -e ".[browser]"')
expect = playwright.expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PICTURE = '[data-testid="stVegaLiteChart"]'


def visit(page, app) -> None:
    """Open the page, and wait until the ready experiment has been trained."""
    page.goto(f"{app.url}/training")
    expect(page.get_by_role("button", name=re.compile("Run again"))).to_be_visible(timeout=240_000)
    expect(page.locator(f"{PICTURE} svg").first).to_be_visible(timeout=60_000)
    page.wait_for_timeout(2000)


def step_of(page) -> int:
    """Where the cursor stands: the profile's title says it."""
    text = page.locator(f"{PICTURE} svg").get_by_text(re.compile(r"^at step \d+$")).first.text_content()
    return int(text.split()[-1])


FITS = """() => {
    const room = document.querySelector('[data-testid=stMainBlockContainer]').getBoundingClientRect().right + 1
    const charts = [...document.querySelectorAll('[data-testid=stVegaLiteChart] svg')]
    return charts.length && charts.every(each => each.getBoundingClientRect().right <= room)
}"""


def profile_of(page) -> str:
    """The drawn lines of the profile, the last panel of the upper row."""
    return str(page.eval_on_selector_all(f"{PICTURE} svg .mark-line path", "all => all.map(e => e.getAttribute('d'))"))


def test_pointing_at_a_step_marks_it_everywhere(page, app) -> None:
    visit(page, app)
    assert step_of(page) == 0
    before = profile_of(page)
    box = page.locator(f"{PICTURE} svg .concat_0_concat_0_concat_0_group path.background").first.bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    title = page.locator(f"{PICTURE} svg").get_by_text(re.compile(r"^at step \d+$")).first
    expect(title).not_to_have_text("at step 0")
    middle = step_of(page)
    assert 300 < middle < 600  # twenty epochs of 45 batches
    assert profile_of(page) != before
    cell = page.locator(f"{PICTURE} svg .concat_1_child_layer_0_marks path").nth(30)
    cell.hover()
    expect(title).to_have_text(f"at step {cell.evaluate('cell => cell.__data__.datum.step')}")
    assert step_of(page) != middle


@pytest.mark.parametrize("width", [420, 1440])
def test_nothing_scrolls_sideways(page, app, width) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    visit(page, app)
    for name in ("Learning", "First / last layer", "Inside the layers", "At the start"):
        page.get_by_role("tab", name=name).click()
        page.wait_for_timeout(1000)  # the charts of the tab before may still be there
        page.wait_for_function(FITS)
