"""A valley with ripples across it: four minima on the line x = 0, one of them the lowest."""

import torch

from workbench import Surface

ripples = Surface(
    "ripples",
    lambda x, y: 2 * x**2 + 10 * y**2 + 10 * torch.sin(5 * y),
    title="Ripples with local minima",
    summary="Four minima at x = 0; the lowest lies at y = -0.2908 with the value -9.086.",
    equation=r"f(x, y) = 2 x^2 + 10 y^2 + 10 \sin 5y",
    x=(-2.5, 2.5),
    y=(-2.5, 2.5),
    start=(-2.0, 2.2),
    minima=(  # roots of 20 y + 50 cos 5y with positive curvature 20 - 250 sin 5y, the lowest first
        (0.0, -0.29083931499532345),
        (0.0, 0.8712810830760778),
        (0.0, -1.4473142236328096),
        (0.0, 2.0120415680596118),
    ),
)
