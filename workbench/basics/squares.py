"""The smallest lesson: ``backward()`` on x -> sum x^2, beside the derivative 2x that everybody knows."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch

from workbench.basics.written import lowered, number


def by_hand(x: Sequence[float], calls: int = 1) -> list[float]:
    """2x for each element, as often as ``backward()`` was called: torch adds to ``x.grad``."""
    return [calls * 2 * each for each in x]


def by_torch(x: Sequence[float], calls: int = 1) -> list[float]:
    """What stands in ``x.grad`` after ``calls`` of ``(x**2).sum().backward()`` without setting it to zero."""
    leaf = torch.tensor(list(x), dtype=torch.float64, requires_grad=True)
    for _ in range(calls):
        torch.autograd.backward((leaf**2).sum())
    assert leaf.grad is not None
    found: list[float] = leaf.grad.tolist()
    return found


def table(x: Sequence[float], calls: int = 1) -> pd.DataFrame:
    """One row an element: name, x, square, hand, torch, difference."""
    hand, torch_ = by_hand(x, calls), by_torch(x, calls)
    return pd.DataFrame(
        {
            "name": [lowered(f"x{index}") for index in range(1, len(x) + 1)],
            "x": list(x),
            "square": [each**2 for each in x],
            "hand": hand,
            "torch": torch_,
            "difference": [abs(one - other) for one, other in zip(hand, torch_, strict=True)],
        }
    )


def drawing(rows: pd.DataFrame) -> pd.DataFrame:
    """The points of a picture: name, x, square, slope (that of the function, however often torch has added it)."""
    return rows[["name", "x", "square"]].assign(slope=by_hand(rows["x"].tolist()))


def within(value: float) -> str:
    """A number as a part of a formula: in brackets when it is negative."""
    return f"({value:g})" if value < 0 else f"{value:g}"


def code(x: Sequence[float], calls: int = 1) -> str:
    """What to type for the same numbers."""
    listed = ", ".join(f"{each:.1f}" for each in x)
    again = "(x**2).sum().backward()\n" * calls
    return f"x = torch.tensor([{listed}], requires_grad=True)\n{again}x.grad  # {by_torch(x, calls)}"


def lines(x: Sequence[float]) -> list[str]:
    """The arithmetic in LaTeX."""
    squares = " + ".join(f"{within(each)}^2" for each in x)
    doubles = r",\; ".join(rf"2 \cdot {within(each)}" for each in x)
    gradient = r",\; ".join(f"{2 * each:g}" for each in x)
    return [
        rf"\textstyle\sum x_i^2 &= {squares} = {sum(each**2 for each in x):.4g}",
        rf"2x &= ({doubles})",
        rf"&= ({gradient})",
    ]


def said(rows: pd.DataFrame, calls: int) -> str:
    """The finding."""
    worst = float(rows["difference"].max())
    same = "exactly" if worst == 0 else f"to within {number(worst, 2)}"
    if calls == 1:
        return f"2x by hand and torch's x.grad agree {same}."
    return (
        f"After {calls} calls of backward() without zero_grad(), x.grad is {calls} times the gradient: "
        f"torch adds, and {calls} · 2x by hand agrees {same}."
    )
