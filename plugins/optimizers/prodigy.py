"""Prodigy: Adam that finds its own rate, from how far it has come."""

import math

import torch

from workbench import Optimizer, Param, Refused

from .adam import betas
from .given import evaluate, moving
from .settings import decoupled, epsilon, rate


class Prodigy(torch.optim.Optimizer):
    """Adam times ``d``, an estimate of the distance to the solution that only grows.

    The estimate is one for all groups, so their rates have to be equal: ``ValueError`` where they are not.
    """

    def __init__(self, params, d0, **settings):
        running = {"step": 0, "d": d0, "d_max": d0, "d_numerator": 0.0}
        super().__init__(params, settings | {"d0": d0} | running)

    @torch.no_grad()
    def step(self, closure=None):
        loss = evaluate(closure)
        shared = self.param_groups[0]
        if any(group["lr"] != shared["lr"] for group in self.param_groups):
            raise Refused("it estimates one rate for all parameters; give every group the same lr")
        step, d, d0 = shared["step"] + 1, shared["d"], shared["d0"]
        beta1, beta2 = shared["beta1"], shared["beta2"]
        beta3 = shared["beta3"] or math.sqrt(beta2)
        lr = d * shared["lr"]
        if shared["bias_correction"]:
            lr = lr * math.sqrt(1 - beta2**step) / (1 - beta1**step)

        numerator, denominator = beta3 * shared["d_numerator"], 0.0
        moved = [(p, group) for group in self.param_groups for p in moving(group)]
        for p, group in moved:
            state = self.state[p]
            if not state:
                state["p0"] = p.clone()
                state["s"], state["exp_avg"], state["exp_avg_sq"] = (torch.zeros_like(p) for _ in range(3))
            numerator += d / d0 * lr * torch.sum(p.grad * (state["p0"] - p)).item()
            state["exp_avg"].mul_(beta1).add_(p.grad, alpha=d * (1 - beta1))
            state["exp_avg_sq"].mul_(beta2).addcmul_(p.grad, p.grad, value=d * d * (1 - beta2))
            state["s"].mul_(beta3).add_(p.grad, alpha=d / d0 * (d if group["safeguard_warmup"] else lr))
            denominator += state["s"].abs().sum().item()
        for group in self.param_groups:
            group["step"], group["d_numerator"] = step, numerator
        if denominator == 0:  # no gradient so far: nothing to estimate from, nowhere to go
            return loss

        estimate = shared["d_coef"] * numerator / denominator
        if d == d0:
            d = max(d, estimate)
        largest = max(shared["d_max"], estimate)
        d = min(largest, d * shared["growth_rate"])
        for group in self.param_groups:
            group["d"], group["d_max"] = d, largest
        for p, group in moved:
            p.mul_(1 - lr * group["weight_decay"])
            p.addcdiv_(self.state[p]["exp_avg"], self.state[p]["exp_avg_sq"].sqrt() + d * group["eps"], value=-lr)
        return loss


prodigy = Optimizer(
    "prodigy",
    Prodigy,
    params=[
        rate(1.0, 0.1, 10.0),
        *betas,
        Param("beta3", 0.0, low=0.0, high=0.999999, help="how much of the estimate is kept; 0 = the root of beta2"),
        epsilon(1e-8),
        decoupled(0.0),
        Param("d0", 1e-6, low=1e-12, high=1e3, scale="log", help="the distance to begin with"),
        Param("d_coef", 1.0, low=1e-6, high=1e6, scale="log", help="multiplies the estimate", search=(0.1, 10.0)),
        Param("growth_rate", 1e12, low=1.0, high=1e12, scale="log", help="by how much d may grow in one step"),
        Param("bias_correction", False, help="correct both means for their start at zero"),
        Param("safeguard_warmup", False, help="leave the rate out of the estimate; for a warm-up"),
    ],
    title="Prodigy",
    summary="Adam whose rate is an estimate of the distance to the solution, so lr = 1 suits most problems.",
    equation=r"r_t = \sqrt{\beta_2}\, r_{t-1} + \tfrac{d_t^2}{d_0}\eta \langle g_t, \theta_0 - \theta_{t-1} \rangle, "
    r"\quad s_t = \sqrt{\beta_2}\, s_{t-1} + \tfrac{d_t^2}{d_0} \eta\, g_t, \quad "
    r"d_{t+1} = \max\!\left(d_t, \tfrac{r_t}{\lVert s_t \rVert_1}\right), \quad "
    r"\theta_t = \theta_{t-1} - \eta\, d_t\, \frac{m_t}{\sqrt{v_t} + d_{t+1} \epsilon}, "
    r"\quad m_t, v_t \text{ as in Adam, of } d_t g_t",
    reference="Mishchenko and Defazio 2023, arXiv:2306.06101",
)
