"""Averages of the weights along the training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from workbench import Clock, Param, Remedy

from .wrapper import Wrapper

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class EMA(Remedy):
    """Judge and save a moving average of the weights instead of the last ones; the training goes on as without it.

    The average begins at the weights after the first step; step t keeps min(decay, (1 + t) / (10 + t)) of it, so it
    forgets its beginning. Batch norm's running mean and variance are averaged alike, since they belong to the weights.
    """

    name = "ema"
    title = "Average of weights (EMA)"
    equation = (
        r"\bar\theta_t = d_t \bar\theta_{t-1} + (1 - d_t)\, \theta_t, \quad "
        r"d_t = \min\!\left(d, \frac{1 + t}{10 + t}\right), \quad \bar\theta_0 = \theta_0"
    )
    reference = "Polyak, Juditsky 1992, doi:10.1137/0330046; Tarvainen, Valpola 2017, arXiv:1703.01780"
    params = (
        Param("decay", 0.999, low=0.0, high=0.999999, help="the largest share d that is kept", search=(0.9, 0.9999)),
    )
    decay: float

    def after_init(self, network: nn.Module, inputs: Tensor) -> None:
        """Note the network: its batch norms are averaged, too."""
        self.network = network

    def wrap_optimizer(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """Give it the two modes; ``TypeError`` for one that keeps two sets of weights already."""
        self.averages = Averages(optimizer, running(getattr(self, "network", None)))
        return self.averages

    def after_step(self, parameters: Sequence[Tensor], clock: Clock) -> None:
        """Take the weights in, after everything that has moved them in this step."""
        self.averages.take_in(self.decay)

    def state_dict(self) -> dict[str, Any]:
        """The averages of the running means and variances; those of the weights lie in the optimizer's state."""
        return {"running": list(self.averages.running)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pairs = zip(state["running"], self.averages.buffers, strict=False)  # none before the first step
        self.averages.running = [average.to(buffer.device) for average, buffer in pairs]

    @classmethod
    def needs_network(cls) -> bool:
        """A path on a surface can be averaged as well."""
        return False


def running(network: nn.Module | None) -> list[Tensor]:
    """The running means and variances of a network's batch norms."""
    norms = [] if network is None else [module for module in network.modules() if isinstance(module, NORMS)]
    return [tensor for norm in norms for tensor in (norm.running_mean, norm.running_var) if tensor is not None]


class Averages(Wrapper):
    """Keep an average of each parameter that moves, ``ema`` in its state; ``eval()`` puts the averages in place.

    ``buffers`` are tensors outside the optimizer that are averaged along.
    """

    def __init__(self, inner: torch.optim.Optimizer, buffers: list[Tensor]) -> None:
        super().__init__(inner)
        self.need_one_place()
        self.buffers = buffers
        self.running: list[Tensor] = []  # their averages, from the first step on
        self.kept: list[tuple[Tensor, Tensor]] | None = None  # what is to be put back
        for group in self.param_groups:
            group["ema_step"] = 0

    @torch.no_grad()
    def take_in(self, decay: float) -> None:
        """Move every average toward where its tensor is now."""
        new = 1.0
        for group in self.param_groups:
            t = group.setdefault("ema_step", 0)  # some optimizers add groups as they go
            new = 1 - min(decay, (1 + t) / (10 + t))
            for p in group["params"]:
                if p.grad is not None and "ema" in self.state[p]:
                    self.state[p]["ema"].lerp_(p, new)
                elif p.grad is not None:
                    self.state[p]["ema"] = p.detach().clone()
            group["ema_step"] = t + 1
        if not self.running:
            self.running = [buffer.clone() for buffer in self.buffers]
        for average, buffer in zip(self.running, self.buffers, strict=True):
            average.lerp_(buffer, new)

    @torch.no_grad()
    def eval(self) -> None:
        """Put the averages in place of the weights."""
        if self.kept is None:
            params = [p for group in self.param_groups for p in group["params"] if "ema" in self.state.get(p, ())]
            pairs = [(p, self.state[p]["ema"]) for p in params]
            if self.running:
                pairs += zip(self.buffers, self.running, strict=True)
            self.kept = [(place, place.clone()) for place, _ in pairs]
            for place, average in pairs:
                place.copy_(average)

    @torch.no_grad()
    def train(self) -> None:
        """Put the weights back."""
        for place, weights in self.kept or ():
            place.copy_(weights)
        self.kept = None
