"""The rate falls along half a cosine, as torch's CosineAnnealingLR."""

import math

from workbench import Clock, Schedule

from .settings import end


def factor_at(clock: Clock, end_factor: float) -> float:
    """Half a cosine from 1 to ``end_factor``; smooth in time, and at whole epochs what torch has there."""
    return end_factor + (1 - end_factor) * (1 + math.cos(math.pi * clock.time / clock.total)) / 2


cosine = Schedule(
    "cosine",
    factor_at,
    params=[end(0.0)],
    title="Cosine annealing",
    summary="The learning rate falls along half a cosine: slowly at first, slowly again at the end.",
    equation=r"\eta_t = \eta \left(e + \frac{1 - e}{2} \left(1 + \cos \frac{\pi t}{T}\right)\right)",
    reference="Loshchilov, Hutter 2016, arXiv:1608.03983; torch.optim.lr_scheduler.CosineAnnealingLR",
)
