"""What N layers leave of a gradient when each one multiplies it by an activation's slope."""

from __future__ import annotations

import pandas as pd

from workbench.basics.slope import FAR, Slope
from workbench.basics.written import aligned, bracketed, latex, number

QUARTER = 0.25  # the largest slope of a sigmoid, at 0
BEST, HERE, SIGMOID = "largest slope", "slope at z", "a sigmoid's 0.25"


def curve(activation: Slope, reach: float = 8.0, points: int = 161) -> pd.DataFrame:
    """f and f' over [-reach, reach]: z, what (``f(z)`` or ``f'(z)``), value."""
    z = [reach * (2 * index / (points - 1) - 1) for index in range(points)]
    values, slopes = activation.at(z)
    return pd.DataFrame({"z": z * 2, "what": ["f(z)"] * points + ["f'(z)"] * points, "value": [*values, *slopes]})


def powers(steepest: float, here: float, layers: int) -> pd.DataFrame:
    """|factor|^n for n = 0 to N: layers, way, left."""
    rows = [
        {"layers": count, "way": way, "left": abs(factor) ** count}
        for way, factor in ((BEST, steepest), (HERE, here), (SIGMOID, QUARTER))
        for count in range(layers + 1)
    ]
    return pd.DataFrame(rows)


def line(steepest: float, here: float, layers: int) -> str:
    """The powers in LaTeX: of the steepest slope, and of the one at z."""
    made = []
    for name, slope in ((r"\max |f'|", steepest), ("|f'(z)|", abs(here))):
        made.append(rf"{name}^{{{layers}}} &= {bracketed(slope)}^{{{layers}}} = {latex(slope**layers)}")
    return aligned(made)


def said(activation: Slope, layers: int) -> str:
    """The finding: the steepest place, and what it leaves at best."""
    place, most = activation.steepest()
    left = most**layers
    over = "1 layer" if layers == 1 else f"{layers} layers"
    if most > 1 + 1e-12:
        end = f"the activation alone may multiply a gradient by up to {number(left)} over {over}, or let it vanish"
    elif most > 1 - 1e-12:
        end = f"where it has that slope, {over} leave the gradient as it is"
    else:
        end = f"{over} leave at most {number(left)} of the gradient"
    return f"The slope of {activation.title} is at most {most:.4g}, at z = {place:.4g}: {end}."


def flat_said(activation: Slope) -> str:
    """Where a float32 no longer sees any slope."""
    low, high = activation.flat()
    if low is None and high is None:
        return f"In float32 its slope is nowhere exactly 0 from z = -{FAR:g} to {FAR:g}."
    ends = [f"{word} z = {end:.4g}" for word, end in (("below", low), ("above", high)) if end is not None]
    return (
        f"In float32, as in training, its slope is exactly 0 {' and '.join(ends)}: no gradient passes there, "
        "and no learning rate helps."
    )
