"""The rate drops at regular times, as torch's StepLR."""

from workbench import Clock, Param, Schedule


def factor_of_steps(clock: Clock, every: int, factor: float) -> float:
    """Multiply by ``factor`` after each ``every`` epochs (in descents: steps)."""
    return factor ** (clock.time // every)


step = Schedule(
    "step",
    factor_of_steps,
    params=[
        Param("every", 10, low=1, high=1_000_000, help="epochs (on surfaces: steps) between two drops"),
        Param("factor", 0.5, low=0.0, high=1.0, help="what the rate is multiplied by at each drop"),
    ],
    title="Step decay",
    summary="The learning rate drops by a factor at regular times.",
    equation=r"\eta_t = \eta\, \gamma^{\lfloor t / n \rfloor}",
    reference="torch.optim.lr_scheduler.StepLR",
)
