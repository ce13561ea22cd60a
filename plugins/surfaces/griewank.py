"""Griewank's function: equal waves on a bowl so wide that it hardly tells where down is."""

import math

import torch

from workbench import Surface

X, Y = 3.1400226338955397, 4.438444480920714  # just inside (pi, pi sqrt 2)

griewank = Surface(
    "griewank",
    lambda x, y: 1 + (x**2 + y**2) / 4000 - torch.cos(x) * torch.cos(y / math.sqrt(2)),
    title="Griewank's waves",
    summary="Minima only 0.0074 above the lowest, (0, 0), whose curvatures are 1.0005 and 0.5005: "
    "a tolerance of 0.01 takes them for it.",
    equation=r"f(x, y) = 1 + \frac{x^2 + y^2}{4000} - \cos x \cos\frac{y}{\sqrt 2}",
    reference="Griewank 1981, doi:10.1007/BF00933356; usually drawn up to 600, where the waves cannot be seen",
    x=(-6.0, 6.0),
    y=(-6.0, 6.0),
    start=(-2.2, 3.6),
    minima=((0.0, 0.0), (-X, -Y), (-X, Y), (X, -Y), (X, Y)),
)
