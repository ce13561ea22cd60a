"""Easom's function: a narrow hole in a plain."""

import math

import torch

from workbench import Surface

NEAR, FAR = 1.3049954504376675, 4.978189856741919  # where the plain has its faint minima; symmetric about pi

easom = Surface(
    "easom",
    lambda x, y: -torch.cos(x) * torch.cos(y) * torch.exp(-((x - math.pi) ** 2) - (y - math.pi) ** 2),
    title="Easom's hole in a plain",
    summary="A hole of depth 1 and curvature 3 at (pi, pi) in a plain without slope: steps that follow the gradient's "
    "size hardly begin.",
    equation=r"f(x, y) = -\cos x \cos y \; e^{-(x - \pi)^2 - (y - \pi)^2}",
    reference="Easom 1990, University of Louisville; usually drawn from -100 to 100, where the hole is a dot",
    x=(0.0, 6.0),
    y=(0.0, 6.0),
    start=(1.9, 4.3),
    minima=((math.pi, math.pi), (NEAR, NEAR), (NEAR, FAR), (FAR, NEAR), (FAR, FAR)),
)
