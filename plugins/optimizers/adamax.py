"""Adamax: Adam with the largest recent gradient in place of the root mean square."""

from typing import Any

import torch

from workbench import Optimizer

from .adam import betas
from .settings import L2, decay, epsilon, rate


def make_adamax(params: Any, beta1: float, beta2: float, **settings: Any) -> torch.optim.Optimizer:
    """torch's Adamax, its pair of betas given one by one."""
    return torch.optim.Adamax(params, betas=(beta1, beta2), **settings)


adamax = Optimizer(
    "adamax",
    make_adamax,
    params=[rate(0.002, 1e-5, 1.0), *betas, epsilon(1e-8), decay(0.0, L2)],
    title="Adamax",
    summary="Divides the mean gradient by the largest gradient so far, which fades by beta2 a step.",
    equation=r"m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \quad "
    r"u_t = \max(\beta_2 u_{t-1},\, |g_t| + \epsilon), \quad "
    r"\theta_t = \theta_{t-1} - \frac{\eta}{1 - \beta_1^t}\, \frac{m_t}{u_t}",
    reference="Kingma and Ba 2014, arXiv:1412.6980",
)
