"""Schedule-free learning: an average of the weights in place of a rate that falls."""

import torch

from workbench import Param

from .given import evaluate, moving


class ScheduleFree(torch.optim.Optimizer):
    """What both flavours share: fast weights z, their mean x, and gradients taken at y between them.

    The parameters are y while training and x, the weights to judge, after ``eval()``; ``train()`` gives back y to
    the last bit. Kept is only z: x = (y - (1 - beta) z) / beta. A flavour says its ``beta`` and ``direction``.
    """

    beta = "momentum"  # the setting that says where y lies: 0 at z, 1 at x

    def __init__(self, params, **settings):
        running = {"step": 0, "weight_sum": 0.0, "largest_lr": 0.0, "train_mode": True}
        super().__init__(params, settings | running)

    def direction(self, p, group, state):
        """What is subtracted from z, times the rate."""
        raise NotImplementedError

    @torch.no_grad()
    def step(self, closure=None):
        loss = evaluate(closure)
        for group in self.param_groups:
            if not group["train_mode"]:
                raise RuntimeError("the parameters are the averaged ones; call train() before step()")
            lr, share = pace(group)
            for p in moving(group):
                state = self.state[p]
                if not state:
                    state["z"] = p.clone()
                direction = self.direction(p, group, state) + group["weight_decay"] * p
                p.lerp_(state["z"], share).add_(direction, alpha=lr * (group[self.beta] * (1 - share) - 1))
                state["z"].sub_(direction, alpha=lr)
        return loss

    @torch.no_grad()
    def eval(self):
        """Put the averaged weights x into the parameters."""
        for group in self.param_groups:
            for p in self.stepped(group) if group["train_mode"] else []:
                self.state[p]["y"] = p.clone()
                p.lerp_(self.state[p]["z"], 1 - 1 / group[self.beta])
            group["train_mode"] = False

    @torch.no_grad()
    def train(self):
        """Put the weights y, at which gradients are taken, back into the parameters."""
        for group in self.param_groups:
            for p in self.stepped(group) if not group["train_mode"] else []:
                p.copy_(self.state[p].pop("y"))
            group["train_mode"] = True

    def stepped(self, group):
        """The parameters that have taken a step."""
        return [p for p in group["params"] if "z" in self.state.get(p, {})]


def pace(group):
    """Count the step; returns its rate, and the share that its z has in the mean x."""
    group["step"] += 1
    step, warmup = group["step"], group["warmup_steps"]
    lr = group["lr"] * min(1.0, step / warmup) if warmup else group["lr"]
    group["largest_lr"] = max(lr, group["largest_lr"])
    weight = step ** group["r"] * group["largest_lr"] ** group["weight_lr_power"]
    group["weight_sum"] = group["weight_sum"] + weight
    return lr, weight / group["weight_sum"] if group["weight_sum"] != 0 else 0.0


averaging = (
    Param("r", 0.0, low=0.0, high=100.0, help="power of the step with which later weights count more in the mean"),
    Param("weight_lr_power", 2.0, low=0.0, high=100.0, help="power of the largest rate so far in the mean"),
    Param("warmup_steps", 0, low=0, high=1_000_000, help="steps until the full rate"),
)
MEAN = (
    r"y_t = (1 - \beta) z_t + \beta x_t, \quad "
    r"x_{t+1} = (1 - c_{t+1})\, x_t + c_{t+1} z_{t+1}, \quad c_{t+1} = \frac{1}{t + 1} \text{ at a constant rate}"
)
