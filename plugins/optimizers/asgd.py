"""ASGD: gradient descent whose rate falls by a law, beside an average of where it was."""

import torch

from workbench import Optimizer, Param

from .settings import L2, decay, rate

asgd = Optimizer(
    "asgd",
    torch.optim.ASGD,
    params=[
        rate(0.01, 1e-4, 10.0),
        Param(
            "lambd", 1e-4, low=0.0, high=1.0, scale="log", help="how fast the rate falls, and a decay of the weights"
        ),
        Param("alpha", 0.75, low=0.0, high=10.0, help="the power with which the rate falls"),
        Param("t0", 1e6, low=0.0, high=1e12, scale="log", help="the step from which on positions are averaged"),
        decay(0.0, L2),
    ],
    title="ASGD",
    summary="Averaged SGD: the rate falls by a power law; the average is kept beside the weights, not put into them.",
    equation=r"\theta_t = (1 - \lambda \eta_t)\, \theta_{t-1} - \eta_t\, g_t, \quad "
    r"\eta_{t+1} = \frac{\eta}{(1 + \lambda \eta t)^\alpha}, \quad \eta_1 = \eta, \quad "
    r"\bar\theta_t = \bar\theta_{t-1} + \frac{\theta_t - \bar\theta_{t-1}}{\max(1,\, t - 1 - t_0)}",
    reference="Polyak and Juditsky 1992 (SIAM Journal on Control and Optimization 30)",
)
