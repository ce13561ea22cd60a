"""A unit in a picture: a circle with its name, and the colours of the numbers beside it."""

from __future__ import annotations

import math

import altair as alt

from workbench.charts.basics.frame import INKS
from workbench.charts.style import INK, QUIET

FORWARD, BACKWARD = INKS[:2]
RADIUS = 21  # pixels of a unit


def circles(dots: alt.Chart, size: int) -> list[alt.Chart]:
    """The circle of every row of ``dots``, and its name in letters of this size; readable on light and on dark."""
    return [
        dots.mark_point(filled=True, size=math.pi * RADIUS**2, color="white", opacity=1),
        dots.mark_point(filled=True, size=math.pi * RADIUS**2, color=QUIET, opacity=0.35, stroke=INK, strokeWidth=1.5),
        dots.mark_text(fontSize=size, fontWeight="bold", color="#1b2730").encode(text="name:N"),
    ]
