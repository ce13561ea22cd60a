"""Levy's function in two dimensions: waves of growing height on a bowl."""

import math

import torch

from workbench import Surface


def values(x, y):
    """The general form of Laguna and Martí for d = 2, with w = 1 + (x - 1) / 4."""
    u, v = (x - 1) / 4, (y - 1) / 4  # w - 1; sin^2 has the period pi, so pi w may be written pi u
    waves = torch.sin(math.pi * u) ** 2 + u**2 * (1 + 10 * torch.sin(math.pi * u + 1) ** 2)
    return waves + v**2 * (1 + torch.sin(2 * math.pi * v) ** 2)


# The sum of a function of x and one of y: its minima are the pairs of theirs. The lowest of 40 in [-10, 10], by value.
X = (1.0, 3.79108219045051, -4.205434985718203)
Y = (1.0, -2.8906496084617133, 4.890649608461714, -4.930286250610244)
ORDER = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (2, 0), (2, 1), (2, 2), (1, 3), (2, 3)]

levy = Surface(
    "levy",
    values,
    title="Levy's growing waves",
    summary="Local minima 0.97 and more above the global one, 0 at (1, 1), where the curvatures are 2.24 and 0.125.",
    equation=r"f = \sin^2 \pi w + (w - 1)^2 \left[1 + 10 \sin^2(\pi w + 1)\right] "
    r"+ (v - 1)^2 \left[1 + \sin^2 2\pi v\right], \quad w = 1 + \tfrac{x - 1}{4},\ v = 1 + \tfrac{y - 1}{4}",
    reference="Levy and Montalvo 1985, doi:10.1137/0906002; this form: Laguna and Martí 2005, "
    "doi:10.1007/s10898-004-1936-z; usually drawn up to 10",
    x=(-5.0, 6.0),
    y=(-5.0, 6.0),
    start=(-3.0, 5.5),
    minima=[(X[i], Y[j]) for i, j in ORDER],
)
