"""The rate drops at times of one's own choice, as torch's MultiStepLR."""

from functools import lru_cache

from workbench import Clock, Param, Refused, Schedule


@lru_cache
def times(milestones: str) -> tuple[float, ...]:
    """Read ``"10, 20"``; raises ``Refused`` unless these are increasing numbers above 0."""
    try:
        found = tuple(float(part) for part in milestones.split(","))
    except ValueError:
        found = ()
    if not found or not all(early < late < float("inf") for early, late in zip((0.0, *found), found, strict=False)):
        raise Refused(f"{milestones!r:.80} is not allowed; allowed: increasing times above 0, like 10, 20")
    return found


def factor_at(clock: Clock, milestones: str, factor: float) -> float:
    """Multiply by ``factor`` at each milestone, in epochs (in descents: steps)."""
    return factor ** sum(clock.time >= time for time in times(milestones))


multi_step = Schedule(
    "multi_step",
    factor_at,
    params=[
        Param("milestones", "5, 8", rule=times, help="epochs (on surfaces: steps) at which it drops, like 5, 8"),
        Param("factor", 0.1, low=0.0, high=1.0, search=(0.05, 0.9), help="what the rate is multiplied by at each drop"),
    ],
    title="Multi-step decay",
    summary="The learning rate drops by a factor at the times that you name.",
    equation=r"\eta_t = \eta\, \gamma^{\#\{m \,:\, m \le t\}}",
    reference="torch.optim.lr_scheduler.MultiStepLR; He, Zhang, Ren, Sun 2015, arXiv:1512.03385",
)
