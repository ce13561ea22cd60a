"""The rate goes in a straight line, as torch's LinearLR."""

from workbench import Clock, Param, Schedule

from .settings import end


def factor_at(clock: Clock, start_factor: float, end_factor: float, share: float) -> float:
    """From ``start_factor`` to ``end_factor`` over a ``share`` of the run (torch counts epochs), then constant."""
    way = clock.time / (share * clock.total)
    return start_factor + (end_factor - start_factor) * way if way < 1 else end_factor


linear = Schedule(
    "linear",
    factor_at,
    params=[
        Param("start_factor", 1.0, low=1e-6, high=1.0, help="what the rate is multiplied by at first"),
        end(0.0),
        Param("share", 1.0, low=0.01, high=1.0, help="part of the run that it takes; the rest stays at end_factor"),
    ],
    title="Linear decay",
    summary="The learning rate falls (or rises) in a straight line over the run, or over a part of it.",
    equation=r"\eta_t = \eta \left(a + (b - a) \min\!\left(1, \frac{t}{s\,T}\right)\right)",
    reference="torch.optim.lr_scheduler.LinearLR",
)
