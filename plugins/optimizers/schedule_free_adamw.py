"""Schedule-free AdamW."""

import torch

from workbench import Optimizer, Param

from .schedule_free import MEAN, ScheduleFree, averaging
from .settings import beta2, decay, epsilon, rate


class ScheduleFreeAdamW(ScheduleFree):
    """The fast weights z take Adam's steps without a mean gradient: the averaging is in its place."""

    beta = "beta1"

    def direction(self, p, group, state):
        """The gradient over the root of the mean square."""
        if "exp_avg_sq" not in state:
            state["exp_avg_sq"] = torch.zeros_like(p)
        beta2 = group["beta2"]
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
        return p.grad / ((square / (1 - beta2 ** group["step"])).sqrt() + group["eps"])


schedule_free_adamw = Optimizer(
    "schedule_free_adamw",
    ScheduleFreeAdamW,
    params=[
        rate(0.0025, 1e-5, 1.0),
        Param("beta1", 0.9, low=0.01, high=0.999999, help="where gradients are taken", search=(0.5, 0.99)),
        beta2(0.999),
        epsilon(1e-8),
        decay(0.0, "each step shrinks the weights by lr * weight_decay", search=(1e-4, 1.0)),
        *averaging,
    ],
    title="Schedule-free AdamW",
    summary="AdamW at a constant rate, judged by the average of where it was: no schedule has to know the end.",
    equation=r"v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g(y_t)^2, \quad "
    r"z_{t+1} = z_t - \eta \left( \frac{g(y_t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon} + \lambda y_t \right), \quad "
    + MEAN.replace(r"\beta)", r"\beta_1)").replace(r"\beta x", r"\beta_1 x"),
    reference="Defazio et al. 2024, arXiv:2405.15682",
    modes=True,
)
