"""A learning rate that begins small."""

from __future__ import annotations

from collections.abc import Callable

from workbench import Clock, Param, Remedy


class Warmup(Remedy):
    """Raise the learning rate in a straight line over the first steps, then leave it to the schedule."""

    name = "warmup"
    title = "Warm-up"
    equation = r"\eta_t \leftarrow \eta_t \cdot \min\!\left(1, \frac{t + 1}{T}\right)"
    reference = "Goyal et al. 2017, arXiv:1706.02677"
    params = (
        Param(
            "steps", 100, low=1, high=1_000_000, help="steps T until the full rate; the first step takes 1/T of it",
            search=(10, 2000),
        ),
    )  # fmt: skip
    steps: int

    def edit_schedule(self, factor: Callable[[Clock], float]) -> Callable[[Clock], float]:
        """Multiply the schedule's factor by the ramp."""
        return lambda clock: factor(clock) * min(1.0, (clock.step + 1) / self.steps)
