"""The rate falls as a power of the time that is left, as torch's PolynomialLR."""

from workbench import Clock, Param, Schedule


def factor_at(clock: Clock, power: float) -> float:
    """The part of the run that is left, to the ``power``; smooth in time, and at whole epochs what torch has there."""
    return (1 - clock.time / clock.total) ** power


polynomial = Schedule(
    "polynomial",
    factor_at,
    params=[
        Param("power", 2.0, low=0.0, high=100.0, search=(0.5, 4.0), help="1 is a straight line, 0 no decay at all"),
    ],
    title="Polynomial decay",
    summary="The learning rate falls to 0 as a power of the time that is left.",
    equation=r"\eta_t = \eta \left(1 - \frac{t}{T}\right)^p",
    reference="torch.optim.lr_scheduler.PolynomialLR; Chen et al. 2016, arXiv:1606.00915 (p = 0.9)",
)
