"""Up to the full rate and far down again, as torch's OneCycleLR."""

import math
from collections.abc import Iterator

from workbench import Clock, Param, Schedule


def factor_at(
    clock: Clock, pct_start: float, div_factor: float, final_div_factor: float, anneal_strategy: str, three_phase: bool
) -> float:
    """As torch, step by step, with the optimizer's own rate at the top; momentum is left alone."""
    begin, low = 0.0, 1 / div_factor
    for end, high in phases(clock.steps, pct_start, low, low / final_div_factor, three_phase):
        if clock.step <= end:
            way = (clock.step - begin) / (end - begin) if end > begin else 1.0
            return between(low, high, way, anneal_strategy)
        begin, low = end, high
    return low


def phases(steps: int, share: float, first: float, last: float, three: bool) -> Iterator[tuple[float, float]]:
    """The last step of each phase, and the factor that it ends with."""
    yield share * steps - 1, 1.0
    if three:
        yield 2 * share * steps - 2, first
    yield steps - 1, last


def between(low: float, high: float, way: float, anneal_strategy: str) -> float:
    """From ``low`` to ``high`` as ``way`` goes from 0 to 1."""
    if anneal_strategy == "cos":
        return high + (low - high) * (1 + math.cos(math.pi * way)) / 2
    return low + (high - low) * way


one_cycle = Schedule(
    "one_cycle",
    factor_at,
    params=[
        Param("pct_start", 0.3, low=0.0, high=0.5, search=(0.05, 0.5), help="part of the run in which the rate rises"),
        Param(
            "div_factor",
            25.0,
            low=1.0,
            high=1e6,
            scale="log",
            search=(2.0, 100.0),
            help="the first rate is the optimizer's divided by this",
        ),
        Param(
            "final_div_factor",
            1e4,
            low=1.0,
            high=1e9,
            scale="log",
            search=(1.0, 1e5),
            help="the last rate is the first divided by this",
        ),
        Param("anneal_strategy", "cos", choices=("cos", "linear"), help="how it goes from one rate to the next"),
        Param("three_phase", False, help="come back to the first rate as fast as it rose, then fall to the last"),
    ],
    title="One cycle",
    summary="The learning rate rises to the optimizer's own and falls far below where it began.",
    equation=r"\eta_0 = \frac{\eta}{d} \;\to\; \eta \;\to\; \frac{\eta}{d\, d'}",
    reference="Smith, Topin 2017, arXiv:1708.07120; torch.optim.lr_scheduler.OneCycleLR",
)
