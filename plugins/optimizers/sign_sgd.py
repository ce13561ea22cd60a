"""SignSGD: every coordinate moves by the learning rate."""

import torch

from workbench import Optimizer

from .given import evaluate, moving
from .settings import decoupled, memory, rate


class SignSGD(torch.optim.Optimizer):
    """Step against the sign of the gradient, or of its running mean (Signum)."""

    def __init__(self, params, lr, momentum, weight_decay):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        loss = evaluate(closure)
        for group in self.param_groups:
            lr = group["lr"]
            for p in moving(group):
                state = self.state[p]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(p)
                mean = state["momentum_buffer"].lerp_(p.grad, 1 - group["momentum"])
                p.mul_(1 - lr * group["weight_decay"]).add_(mean.sign(), alpha=-lr)
        return loss


sign_sgd = Optimizer(
    "sign_sgd",
    SignSGD,
    params=[
        rate(0.001, 1e-5, 0.1),
        memory(0.0, high=0.999999, help="how much of the mean gradient is kept; above 0 it is called Signum"),
        decoupled(0.0),
    ],
    title="SignSGD",
    summary="Every coordinate moves by the learning rate, whatever the gradient's size; with momentum it is Signum.",
    equation=r"m_t = \mu\, m_{t-1} + (1 - \mu)\, g_t, \quad "
    r"\theta_t = (1 - \eta \lambda)\, \theta_{t-1} - \eta\, \mathrm{sign}(m_t)",
    reference="Bernstein et al. 2018, arXiv:1802.04434",
)
