"""AdamW: Adam whose weight decay is a shrinking of its own, not a part of the gradient."""

from typing import Any

import torch

from workbench import Optimizer

from .adam import amsgrad, betas
from .settings import decoupled, epsilon, rate


def make_adamw(params: Any, beta1: float, beta2: float, **settings: Any) -> torch.optim.Optimizer:
    """torch's AdamW, its pair of betas given one by one."""
    return torch.optim.AdamW(params, betas=(beta1, beta2), **settings)


adamw = Optimizer(
    "adamw",
    make_adamw,
    params=[
        rate(0.001, 1e-5, 1.0),
        *betas,
        epsilon(1e-8),
        decoupled(0.01),
        amsgrad,
    ],
    title="AdamW",
    summary="Adam with decoupled weight decay: the weights shrink by themselves, whatever the gradient's scale.",
    equation=r"\theta_t = (1 - \eta \lambda)\, \theta_{t-1} - "
    r"\eta\, \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}, "
    r"\quad m_t, v_t \text{ as in Adam}",
    reference="Loshchilov and Hutter 2017, arXiv:1711.05101",
)
