"""A valley: at its usual settings ten times steeper across (x) than along (y)."""

import math

import torch

from workbench import Param, Surface


def valley(x, y, curvature, condition, angle):
    """f = (curvature u^2 + curvature / condition v^2) / 2, with u and v turned by ``angle`` degrees against x and y.

    Arithmetic only, and no rotation at angle 0: at the usual settings the numbers are those of 20 x^2 + 2 y^2.
    """
    if angle != 0:
        turn = angle * (math.pi / 180) + torch.zeros_like(x)
        x, y = x * torch.cos(turn) + y * torch.sin(turn), y * torch.cos(turn) - x * torch.sin(turn)
    return curvature / 2 * x**2 + curvature / condition / 2 * y**2


quadratic = Surface(
    "quadratic",
    valley,
    params=[
        Param(
            "curvature", 40.0, low=0.001, high=1e6, scale="log", search=(1, 1000), help="the largest Hessian eigenvalue"
        ),
        Param(
            "condition", 10.0, low=1.0, high=1e6, scale="log", search=(1, 1000),
            help="how many times larger it is than the smallest",
        ),
        Param("angle", 0.0, low=-180.0, high=180.0, help="by how many degrees the valley is turned against the axes"),
    ],
    title="Quadratic valley",
    summary="A valley with curvatures 40 and 4: a learning rate above 2/40 = 0.05 diverges under plain SGD.",
    equation=r"f(x, y) = \tfrac{L}{2} u^2 + \tfrac{L}{2 \kappa} v^2, \quad L = 40,\ \kappa = 10: \ 20 x^2 + 2 y^2",
    x=(-2.0, 2.0),
    y=(-2.0, 2.0),
    start=(-1.5, 1.7),
    minima=((0.0, 0.0),),
)  # fmt: skip
