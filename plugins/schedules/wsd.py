"""Warm up, stay, and decay at the end."""

import math

from workbench import Clock, Param, Schedule

from .settings import end


def factor_at(clock: Clock, warmup: float, decay: float, shape: str, end_factor: float) -> float:
    """A ramp over the first ``warmup`` of all steps, then 1, and over the last ``decay`` down to ``end_factor``.

    The first step takes the first part of the ramp, not 0. In the decay ``way`` goes from 0 to 1; the shapes are
    end_factor^way (Hu et al.), a straight line, and one less the square root of ``way`` (Hägele et al.).
    """
    ramp = warmup * clock.steps
    if clock.step + 1 < ramp:
        return (clock.step + 1) / ramp
    way = (clock.step - (1 - decay) * clock.steps) / (decay * clock.steps)
    if way <= 0:
        return 1.0
    if shape == "exponential":
        return end_factor**way
    return end_factor + (1 - end_factor) * (1 - (way if shape == "linear" else math.sqrt(way)))


wsd = Schedule(
    "wsd",
    factor_at,
    params=[
        Param("warmup", 0.05, low=0.0, high=0.5, search=(0.0, 0.2), help="part of the run in which the rate rises"),
        Param("decay", 0.1, low=0.01, high=0.5, search=(0.05, 0.5), help="part of the run in which the rate falls"),
        Param("shape", "exponential", choices=("exponential", "linear", "sqrt"), help="how it falls"),
        end(0.1, low=1e-6),
    ],
    title="WSD (warm-up, stable, decay)",
    summary="The learning rate rises, stays, and falls only at the very end, so a run can be prolonged before that.",
    equation=r"\eta_t = \eta \begin{cases} (t + 1) / W & t + 1 < W \\ 1 & W - 1 \le t \le D \\ "
    r"\gamma^{(t - D)/(T - D)} & D < t \end{cases}",
    reference="Hu et al. 2024, arXiv:2404.06395; Hägele et al. 2024, arXiv:2405.18392 (shapes)",
)
