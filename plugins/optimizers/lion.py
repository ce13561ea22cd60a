"""Lion: the sign of a mean gradient in which the newest one counts more than in what is remembered."""

import torch

from workbench import Optimizer

from .given import evaluate, moving
from .settings import beta1, beta2, decoupled, rate


class Lion(torch.optim.Optimizer):
    """Evolved sign momentum: ``beta1`` for the step, ``beta2`` for the memory."""

    def __init__(self, params, lr, beta1, beta2, weight_decay):
        super().__init__(params, {"lr": lr, "beta1": beta1, "beta2": beta2, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        loss = evaluate(closure)
        for group in self.param_groups:
            lr = group["lr"]
            for p in moving(group):
                state = self.state[p]
                if not state:
                    state["exp_avg"] = torch.zeros_like(p)
                mean = state["exp_avg"]
                direction = mean.lerp(p.grad, 1 - group["beta1"]).sign()
                p.mul_(1 - lr * group["weight_decay"]).add_(direction, alpha=-lr)
                mean.lerp_(p.grad, 1 - group["beta2"])
        return loss


lion = Optimizer(
    "lion",
    Lion,
    params=[
        rate(1e-4, 1e-6, 0.1),
        beta1(0.9, "how much of the mean gradient counts in a step"),
        beta2(0.99, "how much of the mean gradient is kept"),
        decoupled(0.0),
    ],
    title="Lion",
    summary="The sign of a running mean of gradients: half of Adam's memory, and steps of one length.",
    equation=r"c_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \quad "
    r"\theta_t = (1 - \eta \lambda)\, \theta_{t-1} - \eta\, \mathrm{sign}(c_t), \quad "
    r"m_t = \beta_2 m_{t-1} + (1 - \beta_2) g_t",
    reference="Chen et al. 2023, arXiv:2302.06675",
)
