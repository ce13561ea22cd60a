"""What a formula may call: each function by name, with the least and the greatest number of its arguments.

All work element by element on tensors of float64, give NaN or an infinity where they are not defined, and can be
differentiated twice. Where a slope is not unique (abs at 0, hypot at (0, 0)) it is 0, as torch has it for abs. That of
sqrt is infinite at 0, so sqrt(x**2 + y**2) has none at (0, 0); hypot(x, y) has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor


@dataclass(frozen=True)
class Function:
    """A function and how many arguments it takes: from ``least`` to ``most``."""

    call: Callable[..., Tensor]
    least: int
    most: int

    @property
    def takes(self) -> str:
        """The number of arguments in words."""
        if self.least != self.most:
            return f"at least {self.least} arguments"
        return f"{self.least} argument{'s' if self.least > 1 else ''}"


def hypot(a: Tensor, b: Tensor) -> Tensor:
    """The root of a^2 + b^2. torch's own has the slope NaN at (0, 0)."""
    origin = (a == 0) & (b == 0)
    return torch.where(origin, 0.0, torch.hypot(torch.where(origin, 1.0, a), b))


def least(*values: Tensor) -> Tensor:
    """The smallest of several; NaN when one of them is."""
    return reduce(torch.minimum, values)


def greatest(*values: Tensor) -> Tensor:
    """The largest of several; NaN when one of them is."""
    return reduce(torch.maximum, values)


MANY = 1000
OF_ONE = (
    "abs acos acosh asin asinh atan atanh ceil cos cosh erf exp expm1 floor log log10 log1p log2 relu round sigmoid "
    "sign sin sinh sqrt square tan tanh"
)
FUNCTIONS = {name: Function(getattr(torch, name), 1, 1) for name in OF_ONE.split()} | {
    "atan2": Function(torch.atan2, 2, 2),
    "hypot": Function(hypot, 2, 2),
    "pow": Function(torch.pow, 2, 2),
    "min": Function(least, 2, MANY),
    "minimum": Function(least, 2, MANY),
    "max": Function(greatest, 2, MANY),
    "maximum": Function(greatest, 2, MANY),
    "where": Function(torch.where, 3, 3),
}
