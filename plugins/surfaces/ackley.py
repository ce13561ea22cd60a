"""Ackley's function: a funnel with a pointed bottom and pits in its walls."""

import math

import torch

from workbench import Surface


def values(x, y):
    """Written with expm1, so that nothing is lost near the bottom.

    The distance from (0, 0) has no gradient there. It is given the gradient 0, the middle of its subgradients,
    as torch does for abs, so the gradient and the Hessian there are those of the waves alone.
    """
    square = (x**2 + y**2) / 2
    apart = square > 0
    distance = torch.where(apart, torch.sqrt(torch.where(apart, square, 1.0)), 0.0)
    waves = (torch.cos(2 * math.pi * x) + torch.cos(2 * math.pi * y)) / 2
    return -20 * torch.expm1(-distance / 5) - math.e * torch.expm1(waves - 1)


ORBITS = (  # (larger, smaller coordinate) of the minima up to signs and order, by value
    (0.0, 0.0),
    (0.9521665459501717, 0.0),
    (0.9684776587077244, 0.9684776587077244),
    (1.9589197181217173, 0.0),
    (1.9646166628629864, 0.9824160350791393),
    (1.9744519864841166, 1.9744519864841166),
)


def turned(a, b):
    """All points that mirroring the axes and swapping them makes of one."""
    return sorted({(s * p, t * q) for s in (1, -1) for t in (1, -1) for p, q in ((a, b), (b, a))})


ackley = Surface(
    "ackley",
    values,
    title="Ackley's funnel",
    summary="A funnel with pits in its walls, from 2.58 on above the bottom (0, 0), where the slope does not fade: "
    "a fixed rate jumps about it.",
    equation=r"f(x, y) = 20 + e - 20 \exp\left(-\tfrac15 \sqrt{\tfrac{x^2 + y^2}{2}}\right) "
    r"- \exp\left(\tfrac{\cos 2\pi x + \cos 2\pi y}{2}\right)",
    reference="Ackley 1987, doi:10.1007/978-1-4613-1997-9; usually drawn up to 32, with thousands of pits",
    x=(-2.5, 2.5),
    y=(-2.5, 2.5),
    start=(-1.7, 2.2),
    minima=[place for orbit in ORBITS for place in turned(*orbit)],
)
