"""Cosine after cosine, as torch's CosineAnnealingWarmRestarts."""

import math

from workbench import Clock, Param, Schedule

from .settings import end


def factor_at(clock: Clock, first: int, mult: int, end_factor: float) -> float:
    """Half a cosine from 1 to ``end_factor`` in each cycle; ``first`` in epochs (in descents: steps)."""
    since, length = clock.time, first
    if mult == 1:
        since %= first
    while since >= length:
        since, length = since - length, length * mult
    return end_factor + (1 - end_factor) * (1 + math.cos(math.pi * since / length)) / 2


warm_restarts = Schedule(
    "warm_restarts",
    factor_at,
    params=[
        Param("first", 10, low=1, high=1_000_000, help="epochs (on surfaces: steps) of the first cycle"),
        Param("mult", 2, low=1, high=10, help="how many times longer each cycle is than the one before"),
        end(0.0),
    ],
    title="Warm restarts (SGDR)",
    summary="The learning rate falls along half a cosine, jumps back to the full rate and falls again.",
    equation=r"\eta_t = \eta \left(e + \frac{1 - e}{2} \left(1 + \cos \frac{\pi\, t_i}{T_i}\right)\right),"
    r"\quad T_{i+1} = m\, T_i",
    reference="Loshchilov, Hutter 2016, arXiv:1608.03983; torch.optim.lr_scheduler.CosineAnnealingWarmRestarts",
)
