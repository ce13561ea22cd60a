"""Where the units of the chain rule's network stand, its connections, and the words beside them."""

from __future__ import annotations

from typing import Any

from workbench.charts.basics.frame import Side
from workbench.charts.basics.unit import RADIUS

Offset = tuple[float, float]
PLACES = {"x1": (0.0, 1.0), "x2": (0.0, -1.0), "1": (1.0, 1.0), "2": (1.0, -1.0), "y": (2.0, 0.0), "E": (3.0, 0.0)}
EDGES = {
    "w11": ("x1", "1"),
    "w12": ("x1", "2"),
    "w21": ("x2", "1"),
    "w22": ("x2", "2"),
    "v1": ("1", "y"),
    "v2": ("2", "y"),
}
SHIFT = {"left": 7, "right": -7, "center": 0}
LIFT = {"bottom": -5, "top": 5, "middle": 0}


def beside(across: float, down: float, narrow: bool) -> tuple[Side, Offset, Offset]:
    """Where both numbers of a unit stand, clear of its connections: their alignment, and how far off in pixels."""
    if narrow:
        off = -RADIUS - 6 if across < 0 else RADIUS + 6
        return "right" if across < 0 else "left", (off, -8), (off, 9)
    if down == 0:
        return "center", (0, -RADIUS - 9), (0, RADIUS + 11)
    sign = -1 if down > 0 else 1
    return "center", (0, sign * (RADIUS + 10)), (0, sign * (RADIUS + 27))


def place(unit: str, narrow: bool) -> tuple[float, float]:
    """Where a unit stands; in a narrow picture the first layer is at the top."""
    along, across = PLACES[unit]
    return (-across, -along) if narrow else (along, across)


def line(name: str, ends: tuple[str, str], narrow: bool) -> dict[str, Any]:
    """A connection between two units, and where its label stands: beside the line, clear of the one it crosses."""
    (x, y), (x2, y2) = (place(unit, narrow) for unit in ends)
    share = 0.2 if narrow and x != x2 and name.startswith("w") else 0.27 if x != x2 and y != y2 else 0.5
    align, baseline = ("left", "bottom") if (x2 - x) * (y2 - y) < 0 else ("left", "top")
    if narrow:
        if x == x2:
            align, baseline = "right" if x < 0 else "left", "middle"
        else:
            align, baseline = "left" if x < x2 else "right", "bottom"
    elif y == y2:
        align, baseline = "center", "bottom" if y > 0 else "top"
    return {
        "name": name, "across": x, "down": y, "across2": x2, "down2": y2, "align": align, "baseline": baseline,
        "at": x + share * (x2 - x), "by": y + share * (y2 - y),
    }  # fmt: skip
