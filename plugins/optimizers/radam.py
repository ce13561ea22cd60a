"""RAdam: Adam that takes plain momentum steps until its mean square can be trusted."""

from typing import Any

import torch

from workbench import Optimizer

from .adam import betas
from .settings import L2, apart, decay, epsilon, rate


def make_radam(params: Any, beta1: float, beta2: float, **settings: Any) -> torch.optim.Optimizer:
    """torch's RAdam, its pair of betas given one by one."""
    return torch.optim.RAdam(params, betas=(beta1, beta2), **settings)


radam = Optimizer(
    "radam",
    make_radam,
    params=[rate(0.001, 1e-5, 1.0), *betas, epsilon(1e-8), decay(0.0, L2), apart],
    title="RAdam",
    summary="Adam with a warm-up of its own: it divides only once enough squares have been averaged.",
    equation=r"\rho_\infty = \tfrac{2}{1 - \beta_2} - 1, \quad "
    r"\rho_t = \rho_\infty - \tfrac{2 t \beta_2^t}{1 - \beta_2^t}, \quad "
    r"\theta_t = \theta_{t-1} - \eta\, \frac{m_t}{1 - \beta_1^t} \cdot \begin{cases} "
    r"r_t\, \frac{\sqrt{1 - \beta_2^t}}{\sqrt{v_t} + \epsilon} & \rho_t > 5 \\ 1 & \text{else} \end{cases}, \quad "
    r"r_t = \sqrt{\frac{(\rho_t - 4)(\rho_t - 2)\, \rho_\infty}{(\rho_\infty - 4)(\rho_\infty - 2)\, \rho_t}}",
    reference="Liu et al. 2019, arXiv:1908.03265",
)
