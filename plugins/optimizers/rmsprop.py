"""RMSprop: AdaGrad that forgets."""

import torch

from workbench import Optimizer, Param

from .settings import L2, decay, epsilon, memory, rate

rmsprop = Optimizer(
    "rmsprop",
    torch.optim.RMSprop,
    params=[
        rate(0.01, 1e-4, 1.0),
        Param("alpha", 0.99, low=0.0, high=1.0, help="how much of the mean square is kept", search=(0.9, 0.9999)),
        epsilon(1e-8),
        decay(0.0, L2),
        memory(0.0),
        Param("centered", False, help="divide by the standard deviation instead of the root mean square"),
    ],
    title="RMSprop",
    summary="Divides by the root of a running mean of squared gradients, so it can speed up again.",
    equation=r"v_t = \alpha v_{t-1} + (1 - \alpha) g_t^2, \quad "
    r"\theta_t = \theta_{t-1} - \eta\, \frac{g_t}{\sqrt{v_t} + \epsilon}",
    reference="Tieleman and Hinton 2012 (lecture 6.5); centered: Graves 2013, arXiv:1308.0850",
)
