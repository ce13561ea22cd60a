"""McCormick's function: a wave on a slope, two minima in its usual domain."""

import math

import torch

from workbench import Surface

mccormick = Surface(
    "mccormick",
    lambda x, y: torch.sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1,
    title="McCormick's wave",
    summary="Two minima of one shape, curvatures 4 and 1.73: the lower is -1.9132 at (-0.547, -1.547). "
    "Beyond the drawn part the wave goes on down.",
    equation=r"f(x, y) = \sin(x + y) + (x - y)^2 - 1.5 x + 2.5 y + 1",
    reference="McCormick 1976, doi:10.1007/BF01580665",
    x=(-1.5, 4.0),
    y=(-3.0, 4.0),
    start=(3.5, -2.0),
    minima=(  # cos(x + y) = -1/2 and x - y = 1
        (1 / 2 - math.pi / 3, -1 / 2 - math.pi / 3),
        (1 / 2 + 2 * math.pi / 3, -1 / 2 + 2 * math.pi / 3),
    ),
)
