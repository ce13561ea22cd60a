"""LARS: a rate for each layer, in proportion to its weights over its gradient."""

import torch

from workbench import Optimizer, Param

from .given import evaluate, moving
from .settings import L2, decay, memory, rate


class LARS(torch.optim.Optimizer):
    """SGD with momentum whose every layer moves by the same share of its weights' norm.

    Tensors of one dimension (biases, batch norm) take plain steps of SGD without weight decay: they start at
    zero, or near a size that is no measure of a step. The rate multiplies the momentum, as in torch's SGD; the paper
    puts it inside, which differs only while a schedule changes it.
    """

    def __init__(self, params, lr, momentum, trust_coefficient, weight_decay, nesterov):
        defaults = {"lr": lr, "momentum": momentum, "trust_coefficient": trust_coefficient}
        super().__init__(params, defaults | {"weight_decay": weight_decay, "nesterov": nesterov})

    @torch.no_grad()
    def step(self, closure=None):
        loss = evaluate(closure)
        for group in self.param_groups:
            momentum = group["momentum"]
            for p in moving(group):
                state = self.state[p]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(p)
                scaled = scale(p, group["trust_coefficient"], group["weight_decay"]) if p.dim() > 1 else p.grad
                remembered = state["momentum_buffer"].mul_(momentum).add_(scaled)
                p.add_(scaled + momentum * remembered if group["nesterov"] else remembered, alpha=-group["lr"])
        return loss


def scale(p, trust, weight_decay):
    """The gradient with its decay, as long as ``trust`` times the weights at most; unscaled where either is zero."""
    weights, whole = p.norm(), p.grad.norm() + weight_decay * p.norm()
    local = torch.where((weights > 0) & (whole > 0), trust * weights / whole, 1.0)
    return local * (p.grad + weight_decay * p)


lars = Optimizer(
    "lars",
    LARS,
    params=[
        rate(1.0, 0.01, 100.0),
        memory(0.9, high=0.999999),
        Param("trust_coefficient", 0.001, low=0.0, high=1e3, scale="log", help="share of the weights' norm in a step"),
        decay(0.0, L2, search=(1e-6, 0.01)),
        Param("nesterov", False, help="look ahead along the momentum"),
    ],
    title="LARS",
    summary="Each layer steps by a fixed share of its weights' norm, however large or small its gradient is.",
    equation=r"\lambda^l = \xi\, \frac{\lVert w^l \rVert}{\lVert g^l \rVert + \beta \lVert w^l \rVert}, \quad "
    r"b_t^l = \mu\, b_{t-1}^l + \lambda^l (g_t^l + \beta w_{t-1}^l), \quad w_t^l = w_{t-1}^l - \eta\, b_t^l",
    reference="You, Gitman and Ginsburg 2017, arXiv:1708.03888",
    least_dim=2,
)
