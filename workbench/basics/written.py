"""Numbers as a person writes them, in sentences and in LaTeX."""

from __future__ import annotations

import math
from collections.abc import Iterable

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def parts(value: float, digits: int) -> tuple[str, int]:
    """A finite number as (mantissa, power of ten); the power is 0 where the plain number is as short."""
    text = f"{value:#.{digits}g}" if value else "0"
    mantissa, _, power = text.partition("e")
    return mantissa.rstrip("."), int(power or 0)


def number(value: float, digits: int = 3) -> str:
    """A number to ``digits`` significant ones, zeros at the end included: ``0.0100``, ``2.00 · 10⁻⁵``."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite" if value > 0 else "minus infinite"
    mantissa, power = parts(value, digits)
    return f"{mantissa} · 10{raised(power)}" if power else mantissa


def latex(value: float, digits: int = 3) -> str:
    """The same for LaTeX: ``2.00 \\cdot 10^{-5}``."""
    if not math.isfinite(value):
        return rf"\text{{{number(value)}}}"
    mantissa, power = parts(value, digits)
    return rf"{mantissa} \cdot 10^{{{power}}}" if power else mantissa


def bracketed(value: float, digits: int = 3) -> str:
    """A factor in a product in LaTeX: a negative one stands in brackets, and so does a power of ten."""
    text = latex(value, digits)
    return f"({text})" if text.startswith("-") or "cdot" in text else text


def raised(power: int) -> str:
    """A power as it stands above the line: ``20`` becomes ``²⁰``."""
    return str(power).translate(RAISED)


def lowered(name: str) -> str:
    """A name with its figures as an index: ``w11`` becomes ``w₁₁``."""
    return name.translate(LOWERED)


def indexed(name: str) -> str:
    """The same for LaTeX: ``w_{11}``."""
    return f"{name[0]}_{{{name[1:]}}}" if len(name) > 1 else name


def aligned(lines: Iterable[str]) -> str:
    """Lines of LaTeX below each other, aligned at their ``&``; a strut keeps the top of a first fraction in sight."""
    first, *others = lines
    strut = r"\rule{0pt}{2em}" if r"\frac" in first else ""
    return rf"\begin{{aligned}}{strut}" + r"\\[8pt]".join([first, *others]) + r"\end{aligned}"
