"""The rate falls by the same factor in each unit of time, as torch's ExponentialLR."""

from workbench import Clock, Param, Schedule


def factor_of_time(clock: Clock, factor: float) -> float:
    """Multiply by ``factor`` once an epoch (in descents: a step), smoothly in between."""
    return factor**clock.time


exponential = Schedule(
    "exponential",
    factor_of_time,
    params=[Param("factor", 0.95, low=0.0, high=1.0, help="what the rate is multiplied by in one epoch or step")],
    title="Exponential decay",
    summary="The learning rate falls by the same factor every epoch (on surfaces: every step).",
    equation=r"\eta_t = \eta\, \gamma^t",
    reference="torch.optim.lr_scheduler.ExponentialLR",
)
