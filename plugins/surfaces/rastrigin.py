"""Rastrigin's function: a regular field of pits on a bowl."""

import math
from itertools import product

import torch

from workbench import Surface


def pits(t):
    """One coordinate's share: 10 - 10 cos 2 pi t = 20 sin^2 pi t, which loses nothing near 0."""
    return t**2 + 20 * torch.sin(math.pi * t) ** 2


RINGS = (0.0, 0.9949586376523348, 1.9899122337085495)  # roots of 2 t + 20 pi sin 2 pi t beside the whole numbers
PLACES = (RINGS[0], RINGS[1], -RINGS[1], RINGS[2], -RINGS[2])

rastrigin = Surface(
    "rastrigin",
    lambda x, y: pits(x) + pits(y),
    title="Rastrigin's field of pits",
    summary="A pit beside every pair of whole numbers, each with a curvature near 397: a rate below 0.005 stays in the "
    "one where it starts.",
    equation=r"f(x, y) = 20 + x^2 + y^2 - 10 \cos 2\pi x - 10 \cos 2\pi y",
    reference="Rastrigin 1974; usually drawn up to 5.12, with 121 pits instead of 25",
    x=(-2.5, 2.5),
    y=(-2.5, 2.5),
    start=(-1.7, 2.2),
    minima=sorted(product(PLACES, PLACES), key=lambda place: place[0] ** 2 + place[1] ** 2),
)
