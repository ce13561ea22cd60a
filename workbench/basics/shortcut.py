"""The residual shortcut: y = x + c f(x) has the derivative 1 + c f'(x), two paths instead of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import pandas as pd

from workbench.basics.slope import Slope
from workbench.basics.written import bracketed, latex, number, raised
from workbench.words import percent

MAIN = 0.9
WITH, WITHOUT = "with the shortcut", "without it"


@dataclass(frozen=True)
class Walk:
    """One number on its way through N layers: ``signal`` (the input first) and each layer's derivative."""

    signal: tuple[float, ...]
    factors: tuple[float, ...]

    @property
    def products(self) -> tuple[float, ...]:
        """d(signal after n layers) / d(input), for n = 0 to N."""
        made = [1.0]
        for factor in self.factors:
            made.append(made[-1] * factor)
        return tuple(made)


def walks(activation: Slope, start: float, layers: int, scale: float) -> tuple[Walk, Walk]:
    """The same number through y = x + c f(x) and through y = c f(x); ``scale`` is c."""
    on, off, on_factors, off_factors = [start], [start], list[float](), list[float]()
    for _ in range(layers):
        values, slopes = activation.at([on[-1], off[-1]])
        on.append(on[-1] + scale * values[0])
        off.append(scale * values[1])
        on_factors.append(1 + scale * slopes[0])
        off_factors.append(scale * slopes[1])
    return Walk(tuple(on), tuple(on_factors)), Walk(tuple(off), tuple(off_factors))


def by_length(branches: Sequence[float]) -> list[float]:
    """What the paths through k branches add to the product of all (1 + branch), for k = 0 to N.

    The product has 2^N terms, one for each choice of shortcut or branch in every layer (Veit, Wilber, Belongie 2016,
    arXiv:1605.06431); those with the same number of branches are added. Their sum is the product.
    """
    made = [1.0]
    for branch in branches:
        made = [before + branch * shorter for before, shorter in zip([*made, 0.0], [0.0, *made], strict=True)]
    return made


def table(walked: tuple[Walk, Walk]) -> pd.DataFrame:
    """One row a layer and way: layer, way, signal, product."""
    rows = [
        {"layer": layer, "way": way, "signal": signal, "product": product}
        for way, walk in zip((WITH, WITHOUT), walked, strict=True)
        for layer, (signal, product) in enumerate(zip(walk.signal, walk.products, strict=True))
    ]
    return pd.DataFrame(rows)


def paths(walk: Walk) -> pd.DataFrame:
    """One row a number of branches: branches, paths (how many there are), share (what they add to the gradient).

    No rows where a term is not finite.
    """
    shares = by_length([factor - 1 for factor in walk.factors])
    if not all(map(math.isfinite, shares)):
        shares = []
    return pd.DataFrame(
        {
            "branches": range(len(shares)),
            "paths": [float(math.comb(len(walk.factors), count)) for count in range(len(shares))],
            "share": shares,
        }
    )


def paths_said(walk: Walk) -> str:
    """How many paths there are, and how short those are that carry nine tenths of the gradient."""
    shares = by_length([factor - 1 for factor in walk.factors])
    sizes = [abs(share) for share in shares]
    layers, total = len(walk.factors), sum(sizes)
    every = f"One choice in every layer makes 2{raised(layers)} = {2**layers:,} paths"
    if not math.isfinite(total):
        return f"{every}, and their sum is too large for a number: no share can be given."
    running = list(accumulate(sizes))
    most = next(count for count, size in enumerate(running) if size >= MAIN * total)
    whole = "it" if min(shares) >= 0 else "all sizes, signs aside"
    return (
        f"{every}, which add up to {number(walk.products[-1])}. Those through at most {most} of {layers} branches "
        f"carry {percent(running[most] / total)} of {whole}."
    )


def texts(walk: Walk) -> dict[str, str]:
    """The numbers of the first block for a picture: x, f, y, and what the paths pass back: one, branch, sum."""
    before, after = walk.signal[:2]
    return {
        "x": f"{before:g}",
        "f": number(after - before),
        "y": number(after),
        "one": "1",
        "branch": number(walk.factors[0] - 1),
        "sum": number(walk.factors[0]),
    }


def line(walk: Walk, scale: float) -> str:
    """The derivative of the first block in LaTeX."""
    branch = walk.factors[0] - 1
    slope = f"{scale:g} \\cdot f'({walk.signal[0]:g})"
    return rf"\frac{{dy}}{{dx}} = 1 + {slope} = 1 + {bracketed(branch)} = {latex(walk.factors[0])}"


def said(walked: tuple[Walk, Walk]) -> str:
    """The finding."""
    on, off = (walk.products[-1] for walk in walked)
    layers = len(walked[0].factors)
    over = "1 layer" if layers == 1 else f"{layers} layers"
    if on == 1:
        kept = "exactly what came in, 1"
    elif not abs(on) <= 100:
        kept = f"{number(on)}: the shortcut keeps a gradient from vanishing, not from growing"
    else:
        kept = number(on)
    return f"Over {over} the derivative is {number(off)} without the shortcut; with it {kept}."
