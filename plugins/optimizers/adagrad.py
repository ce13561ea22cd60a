"""AdaGrad: a rate for each coordinate, that can only fall."""

import torch

from workbench import Optimizer, Param

from .settings import L2, decay, epsilon, rate

adagrad = Optimizer(
    "adagrad",
    torch.optim.Adagrad,
    params=[
        rate(0.01, 1e-3, 10.0),
        Param("lr_decay", 0.0, low=0.0, high=1.0, help="divides the rate by 1 + lr_decay (t - 1)"),
        decay(0.0, L2),
        Param("initial_accumulator_value", 0.0, low=0.0, high=1e6, help="the sum of squares to begin with"),
        epsilon(1e-10),
    ],
    title="AdaGrad",
    summary="Divides by the root of the sum of all squared gradients so far: its rate only falls.",
    equation=r"s_t = s_{t-1} + g_t^2, \quad \theta_t = \theta_{t-1} - \eta\, \frac{g_t}{\sqrt{s_t} + \epsilon}",
    reference="Duchi, Hazan and Singer 2011 (JMLR 12)",
)
