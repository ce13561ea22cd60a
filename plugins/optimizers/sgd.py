"""Stochastic gradient descent, with momentum."""

import torch

from workbench import Optimizer, Param

from .settings import L2, decay, memory, rate


def critical_rate(
    curvature: float, momentum: float, dampening: float, nesterov: bool, weight_decay: float, **rest: float
) -> float:
    """The rate at which the recurrence on a quadratic gets an eigenvalue -1.

    Plain 2/L; heavy ball 2 (1 + b) / ((1 - d) L); Nesterov 2 (1 + b) / ((1 + 2 b) L). Weight decay adds to L.
    """
    steepest = curvature + weight_decay
    if steepest <= 0:
        return float("inf")
    if momentum == 0:
        return 2 / steepest
    if nesterov:
        return 2 * (1 + momentum) / ((1 + 2 * momentum) * steepest)
    return 2 * (1 + momentum) / ((1 - dampening) * steepest) if dampening < 1 else float("inf")


sgd = Optimizer(
    "sgd",
    torch.optim.SGD,
    params=[
        rate(0.001, 1e-4, 10.0),
        memory(0.0),
        Param("dampening", 0.0, low=0.0, high=1.0, help="how much less the new gradient counts, with momentum"),
        Param("nesterov", False, help="look ahead along the momentum; needs momentum > 0 and dampening = 0"),
        decay(0.0, L2),
    ],
    title="SGD",
    summary="Steps against the gradient; with momentum, the steps remember where they were going.",
    equation=r"b_t = \mu\, b_{t-1} + (1 - \tau)\, g_t, \quad b_1 = g_1, \quad \theta_t = \theta_{t-1} - \eta\, b_t",
    reference="Robbins and Monro 1951; Polyak 1964; Sutskever et al. 2013 (ICML)",
    critical_rate=critical_rate,
)
