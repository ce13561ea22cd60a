"""LAMB: Adam whose step has, in each layer, the length of the layer's weights."""

import torch

from workbench import Optimizer, Param

from .adam import betas
from .given import evaluate, moving
from .settings import decay, epsilon, rate


class LAMB(torch.optim.Optimizer):
    """Adam's direction with its decay, scaled to ``lr`` times the norm of the layer's weights.

    Norms above ``max_norm`` count as that: the paper leaves this function of the norm open, and common
    implementations take 10. Without ``bias_correction`` it is the paper's third version. A layer without weights yet
    (a bias at zero) takes the direction unscaled.
    """

    def __init__(self, params, lr, beta1, beta2, eps, weight_decay, bias_correction, max_norm):
        defaults = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"bias_correction": bias_correction, "max_norm": max_norm, "step": 0})

    @torch.no_grad()
    def step(self, closure=None):
        loss = evaluate(closure)
        for group in self.param_groups:
            group["step"] += 1
            for p in moving(group):
                direction = self.direction(p, group)
                weights, length = p.norm().clamp(max=group["max_norm"]), direction.norm()
                trust = torch.where((weights > 0) & (length > 0), weights / length, 1.0)
                p.sub_(direction * trust * group["lr"])
        return loss

    def direction(self, p, group):
        """Adam's mean gradient over the root of the mean square, and the decay."""
        beta1, beta2, state = group["beta1"], group["beta2"], self.state[p]
        if not state:
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
        mean = state["exp_avg"].lerp_(p.grad, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
        if group["bias_correction"]:
            mean, square = mean / (1 - beta1 ** group["step"]), square / (1 - beta2 ** group["step"])
        return mean / (square.sqrt() + group["eps"]) + group["weight_decay"] * p


lamb = Optimizer(
    "lamb",
    LAMB,
    params=[
        rate(0.001, 1e-5, 1.0),
        *betas,
        epsilon(1e-6),
        decay(0.0, "added to the direction, before it is scaled", search=(1e-4, 1.0)),
        Param("bias_correction", True, help="correct both means for their start at zero"),
        Param("max_norm", 10.0, low=1e-6, high=1e6, scale="log", help="the largest norm of weights that counts"),
    ],
    title="LAMB",
    summary="Adam's direction, scaled in each layer to the learning rate times the norm of its weights.",
    equation=r"r_t = \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon} + \lambda w_{t-1}, \quad "
    r"w_t = w_{t-1} - \eta\, \frac{\min(\lVert w_{t-1} \rVert, \gamma)}{\lVert r_t \rVert}\, r_t, "
    r"\quad m_t, v_t \text{ as in Adam}",
    reference="You et al. 2019, arXiv:1904.00962",
)
