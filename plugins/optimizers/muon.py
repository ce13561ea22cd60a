"""Muon: steps whose directions all have about the same length, for the matrices of a network."""

import torch

from workbench import Optimizer, Param

from .settings import decoupled, memory, rate


class Muon(torch.optim.Optimizer):
    """torch's Muon for tensors of two dimensions, torch's AdamW for all others, as Jordan et al. recommend.

    So the weights of convolutions, which have four, go to AdamW. Each group of parameters becomes at most two:
    its matrices, then its others at ``adamw_lr`` (times what the group's own lr is of ``lr``) and without decay.
    """

    def __init__(self, params, lr, adamw_lr, adamw_beta1, adamw_beta2, ns_a, ns_b, ns_c, **settings):
        params = list(params)
        given = params if isinstance(params[0], dict) else [{"params": params}]
        adamw = {"betas": (adamw_beta1, adamw_beta2), "weight_decay": 0.0}
        matrices, others = [], []
        for group in given:
            own = {key: value for key, value in group.items() if key != "params"}
            two = [p for p in group["params"] if p.dim() == 2]
            rest = [p for p in group["params"] if p.dim() != 2]
            if two:
                matrices.append(own | {"params": two})
            if rest:
                factor = own["lr"] / lr if "lr" in own and lr else 1.0
                others.append(own | {"params": rest, "lr": adamw_lr * factor})
        self.parts = []
        if matrices:
            self.parts.append(torch.optim.Muon(matrices, lr=lr, ns_coefficients=(ns_a, ns_b, ns_c), **settings))
        if others:
            self.parts.append(torch.optim.AdamW(others, lr=adamw_lr, **adamw))
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        self.share()

    def share(self):
        """Let the parts work on this optimizer's own groups and state."""
        start = 0
        for part in self.parts:
            end = start + len(part.param_groups)
            part.param_groups, part.state, start = self.param_groups[start:end], self.state, end

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        self.share()

    def step(self, closure=None):
        loss = None if closure is None else closure()
        for part in self.parts:
            part.step()
        return loss


muon = Optimizer(
    "muon",
    Muon,
    params=[
        rate(0.001, 1e-5, 1.0),
        decoupled(0.1),
        memory(0.95, high=0.999999),
        Param("nesterov", True, help="look ahead along the momentum"),
        Param("ns_a", 3.4445, low=-10.0, high=10.0, help="first coefficient of the iteration"),
        Param("ns_b", -4.775, low=-10.0, high=10.0, help="second coefficient of the iteration"),
        Param("ns_c", 2.0315, low=-10.0, high=10.0, help="third coefficient of the iteration"),
        Param("eps", 1e-7, low=0.0, high=1.0, scale="log", help="least norm that a step is divided by"),
        Param("ns_steps", 5, low=0, high=99, help="how often it is iterated"),
        Param(
            "adjust_lr_fn",
            "original",
            choices=("original", "match_rms_adamw", "spectral_unclamped"),
            help="how the rate grows with a matrix's shape m x n: sqrt(max(1, m/n)), 0.2 sqrt(max(m, n)), sqrt(m/n)",
        ),
        Param(
            "adamw_lr",
            3e-4,
            low=0.0,
            high=1e6,
            scale="log",
            help="learning rate of all that is no matrix",
            search=(1e-5, 0.1),
        ),
        Param("adamw_beta1", 0.9, low=0.0, high=0.999999, help="beta1 of all that is no matrix"),
        Param("adamw_beta2", 0.95, low=0.0, high=0.999999, help="beta2 of all that is no matrix"),
    ],
    title="Muon",
    summary="Makes the momentum of each matrix nearly orthogonal; biases and convolutions go to AdamW.",
    equation=r"B_t = \mu B_{t-1} + G_t, \quad X_0 = \frac{G_t + \mu B_t}{\lVert G_t + \mu B_t \rVert_F}, \quad "
    r"X_{k+1} = a X_k + \left(b\, X_k X_k^\top + c\, (X_k X_k^\top)^2\right) X_k, \quad "
    r"W_t = (1 - \eta \lambda)\, W_{t-1} - \eta \sqrt{\max(1, m / n)}\; X_5",
    reference="Jordan et al. 2024 (kellerjordan.github.io/posts/muon); Liu et al. 2025, arXiv:2502.16982",
    least_dim=2,
)
