"""NAdam: Adam that looks one step ahead along its momentum."""

from typing import Any

import torch

from workbench import Optimizer, Param

from .adam import betas
from .settings import L2, apart, decay, epsilon, rate


def make_nadam(params: Any, beta1: float, beta2: float, **settings: Any) -> torch.optim.Optimizer:
    """torch's NAdam, its pair of betas given one by one."""
    return torch.optim.NAdam(params, betas=(beta1, beta2), **settings)


nadam = Optimizer(
    "nadam",
    make_nadam,
    params=[
        rate(0.002, 1e-5, 1.0),
        *betas,
        epsilon(1e-8),
        decay(0.0, L2),
        Param("momentum_decay", 0.004, low=0.0, high=1.0, help="how soon the momentum grows to its full size"),
        apart,
    ],
    title="NAdam",
    summary="Adam with Nesterov momentum, which grows from half its size over the first steps.",
    equation=r"\mu_t = \beta_1 \left(1 - \tfrac12\, 0.96^{t \psi}\right), \quad "
    r"\hat m_t = \frac{\mu_{t+1}\, m_t}{1 - \prod_{i=1}^{t+1} \mu_i} "
    r"+ \frac{(1 - \mu_t)\, g_t}{1 - \prod_{i=1}^{t} \mu_i}, "
    r"\quad \theta_t = \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}, "
    r"\quad m_t, v_t \text{ as in Adam}",
    reference="Dozat 2016 (ICLR workshop)",
)
