"""AdaDelta: steps in the unit of the parameters, almost without a rate."""

import torch

from workbench import Optimizer, Param

from .settings import L2, decay, epsilon, rate

adadelta = Optimizer(
    "adadelta",
    torch.optim.Adadelta,
    params=[
        rate(1.0, 1e-2, 100.0),
        Param("rho", 0.9, low=0.0, high=1.0, help="how much of the mean squares is kept", search=(0.8, 0.999)),
        epsilon(1e-6),
        decay(0.0, L2),
    ],
    title="AdaDelta",
    summary="Scales the gradient by the size of recent steps over the size of recent gradients.",
    equation=r"v_t = \rho v_{t-1} + (1 - \rho) g_t^2, \quad "
    r"\Delta_t = \sqrt{\frac{u_{t-1} + \epsilon}{v_t + \epsilon}}\, g_t, \quad "
    r"u_t = \rho u_{t-1} + (1 - \rho) \Delta_t^2, \quad \theta_t = \theta_{t-1} - \eta\, \Delta_t",
    reference="Zeiler 2012, arXiv:1212.5701",
)
