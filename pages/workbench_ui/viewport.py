"""How wide the page is. Vega cannot wrap small multiples by itself, so the page says how many fit."""

from __future__ import annotations

import streamlit as st

USUAL = 1000  # pixels between the margins until the browser has answered
STEP = 40  # coarse on purpose: each change is a rerun

SCRIPT = """
export default function({ setStateValue }) {
  const main = document.querySelector('[data-testid="stMainBlockContainer"]');
  let last = null, timer = null;
  const measure = () => {
    const style = getComputedStyle(main);
    const width = main.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const coarse = Math.floor(width / %d) * %d;
    if (coarse > 0 && coarse !== last) { last = coarse; setStateValue('width', coarse); }
  };
  const watch = new ResizeObserver(() => { clearTimeout(timer); timer = setTimeout(measure, 250); });
  if (main) { watch.observe(main); measure(); }
  return () => { watch.disconnect(); clearTimeout(timer); };
}
""" % (STEP, STEP)  # noqa: UP031  (braces of the script)


def measure() -> None:
    """Ask the browser for the width; call it once in a page, where an empty element does no harm."""
    component = st.components.v2.component("workbench_viewport", js=SCRIPT)
    component(key="viewport", on_width_change=lambda: None, height=1)


def width() -> int:
    """The width of the page between its margins, in pixels."""
    answer = st.session_state.get("viewport") or {}
    return int(answer.get("width") or USUAL)


def narrow() -> bool:
    """Whether a legend finds no room beside a chart."""
    return width() < 640


def panels(least: int, most: int = 4, axis: int = 84, gap: int = 20) -> tuple[int, int]:
    """The width of each panel of small multiples, and how many stand side by side.

    ``least`` is the narrowest a panel may be, ``axis`` what the axis at the left takes, in pixels.
    """
    room = width() - axis
    count = max(1, min(most, room // (least + gap)))
    return max(min(room // count - gap, 420), 120), count
