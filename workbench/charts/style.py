"""What all charts have in common: colours, marks, words and numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, TypeVar

import altair as alt

# Ten colours, at least 3:1 against white and against #12181d, at least 16 apart (CIE 1976, full sight
# and the dichromacies of Machado, Oliveira and Fernandes 2009); chosen by search within those bounds.
PALETTE = (
    "#0072b2",
    "#d55e00",
    "#00966e",
    "#871eff",
    "#d2003c",
    "#8787a5",
    "#ff4b78",
    "#8778ff",
    "#e100c3",
    "#00783c",
)
DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2])  # a new one each time the colours begin again
QUIET = "#84939e"  # iso-lines and other background, on light and dark
INK = "#718089"  # marks and words inside a plot, on light and dark

# outcome: (colour, shape); the word is always written, too
OUTCOMES = {
    "converged": ("#15916a", "circle"),
    "slow": ("#b08400", "triangle-right"),
    "oscillating": ("#8f68dc", "diamond"),
    "stuck": ("#7c8b97", "square"),
    "diverged": ("#d1422f", "cross"),
    "finished": ("#15916a", "circle"),
    "stopped": ("#7c8b97", "square"),
    "failed": ("#d1422f", "cross"),
}


def colors_of(count: int) -> list[str]:
    """The first ``count`` colours; from the eleventh on they begin again, told apart by ``dashes_of``."""
    return [PALETTE[index % len(PALETTE)] for index in range(count)]


def dashes_of(count: int) -> list[list[int]]:
    """The dash patterns that go with ``colors_of``."""
    return [DASHES[index // len(PALETTE) % len(DASHES)] for index in range(count)]


def variant_colors(names: Sequence[str]) -> alt.Scale:
    """The colour of each variant, in their order; the same in every chart."""
    return alt.Scale(domain=list(names), range=colors_of(len(names)))


def variant_dashes(names: Sequence[str]) -> alt.Scale:
    """The dash pattern of each variant: solid for the first ten."""
    return alt.Scale(domain=list(names), range=dashes_of(len(names)))


def outcome_colors(names: Sequence[str]) -> alt.Scale:
    """The fixed colours of outcomes, in the fixed order; words that are not known come last, in grey."""
    known = [name for name in OUTCOMES if name in names] + [name for name in names if name not in OUTCOMES]
    return alt.Scale(domain=known, range=[OUTCOMES.get(name, (INK, ""))[0] for name in known])


def number(value: float, digits: int = 3) -> str:
    """A number to the digits that mean something: 0.0498, 1.2e-08, 214; words for what is not finite."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.{digits}g}"


def counted(count: int, thing: str) -> str:
    """``1 step``, ``43 steps``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def describe_outcome(outcome: str, steps: int) -> str:
    """An outcome with the step that matters: ``converged, 43 steps``, ``diverged from step 214``."""
    if outcome == "converged":
        return f"converged, {counted(steps, 'step')}"
    if outcome == "diverged":
        return f"diverged from step {steps}"
    if outcome == "stopped":
        return f"stopped at step {steps}"
    return outcome


AnyChart = TypeVar("AnyChart", alt.Chart, alt.LayerChart, alt.FacetChart)


def titled(chart: AnyChart, title: str, notes: Sequence[str] = ()) -> AnyChart:
    """The chart under its title and notes; unchanged when there are none."""
    notes = [note for note in notes if note]
    if not title and not notes:
        return chart
    if not title:  # Vega drops the notes of an empty title: then they are the title
        return chart.properties(title=alt.TitleParams(notes, anchor="start", fontWeight="normal", fontSize=12))
    return chart.properties(title=alt.TitleParams(text=title, subtitle=notes, anchor="start", subtitleColor=INK))


def panel_header(labels: Sequence[str | Sequence[str]], size: int, **more: Any) -> alt.Header:
    """The titles of small multiples whose panels are numbered, each of one line or several; ``size`` in pixels."""
    return alt.Header(
        labelExpr=f"{json.dumps(labels, ensure_ascii=False)}[datum.value]",
        labelFontSize=12,
        labelFontWeight="bold",
        labelAnchor="start",
        labelLimit=size + 20,
        **more,
    )
