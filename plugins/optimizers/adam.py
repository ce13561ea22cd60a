"""Adam: momentum and a rate for each coordinate, both corrected for their start at zero."""

from typing import Any

import torch

from workbench import Optimizer, Param

from .settings import L2, beta1, beta2, decay, epsilon, rate


def make_adam(params: Any, beta1: float, beta2: float, **settings: Any) -> torch.optim.Optimizer:
    """torch's Adam, its pair of betas given one by one."""
    return torch.optim.Adam(params, betas=(beta1, beta2), **settings)


betas = (beta1(0.9), beta2(0.999))
amsgrad = Param("amsgrad", False, help="divide by the largest mean square so far (Reddi et al. 2018)")

adam = Optimizer(
    "adam",
    make_adam,
    params=[rate(0.001, 1e-5, 1.0), *betas, epsilon(1e-8), decay(0.0, L2), amsgrad],
    title="Adam",
    summary="A running mean of the gradient over the root of that of its square: steps of about the learning rate.",
    equation=r"m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \quad v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \quad "
    r"\theta_t = \theta_{t-1} - \eta\, \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}",
    reference="Kingma and Ba 2014, arXiv:1412.6980; amsgrad: Reddi, Kale and Kumar 2019, arXiv:1904.09237",
)
