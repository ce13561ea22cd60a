"""A registered activation as a function of one number, and its derivative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from workbench.blame import blame
from workbench.errors import WorkbenchError
from workbench.registry import Registry

LESSON = "sigmoid"  # what the lessons begin with, where it is registered
REACH = 10.0  # where the steepest place of an activation is looked for: -10 to 10
HALF = 1000  # points of that look on either side of 0; then around the steepest of them as many again
FAR = 120.0  # beyond it exp(-z) is 0 even in float32
FLAT = 2401  # points of the look for slopes that are exactly 0


@dataclass(frozen=True)
class Slope:
    """``reference`` is ``{"use": name, **settings}``; whatever a plugin raises names the plugin."""

    reference: dict[str, Any]
    registry: Registry

    @property
    def title(self) -> str:
        """What the activation is called."""
        return str(self.registry.get("activation", self.reference["use"]).title)

    @cached_property
    def module(self) -> nn.Module:
        """The activation itself, as it works after training; one object, so all lessons see the same parameters."""
        made: nn.Module = self.registry.make("activation", self.reference)
        return made.eval()

    def both(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """f(z) and f'(z) of every element of ``z``, in its precision."""
        name = self.reference["use"]
        with blame(self.registry, "activation", name), torch.enable_grad():
            z = z.detach().requires_grad_()
            value = self.module.to(z.dtype)(z.clone())  # a clone, for activations that work in place
            if value.shape != z.shape:
                raise ValueError(f"{tuple(z.shape)} went in and {tuple(value.shape)} came out; allowed: the same shape")
            (slope,) = torch.autograd.grad(value.sum(), z)
        return value.detach(), slope

    def at(self, z: Sequence[float]) -> tuple[list[float], list[float]]:
        """f and f' at some numbers, in double precision."""
        value, slope = self.both(torch.tensor(list(z), dtype=torch.float64))
        return value.tolist(), slope.tolist()

    def steepest(self) -> tuple[float, float]:
        """The place in [-10, 10] where |f'| is largest, and |f'| there.

        Where several are as steep, the middle one: exact for what is steepest at 0 or on a whole stretch.
        """
        place, most, step = 0.0, 0.0, REACH / HALF
        for _ in range(2):
            z = place + step * torch.arange(-HALF, HALF + 1, dtype=torch.float64)
            size = self.both(z)[1].abs()
            if not torch.isfinite(size).all():
                raise WorkbenchError(f"the slope of {self.title} is not finite everywhere near z = {place:g}")
            most = float(size.max())
            best = torch.nonzero(size == most).flatten()
            place = float(z[best[len(best) // 2]])
            step /= HALF
        return round(place, 9) + 0.0, most

    def flat(self) -> tuple[float | None, float | None]:
        """Below and above which number the slope is exactly 0 in float32, the precision networks are trained in.

        None where it is not, up to z = -120 and z = 120.
        """
        return self.flat_from(-1.0), self.flat_from(1.0)

    def flat_from(self, sign: float) -> float | None:
        """The number nearest to 0 in one direction from which on the slope is exactly 0 in float32."""
        inner, outer = 0.0, FAR
        if self.alive(sign, inner, outer)[1] is None:
            return None
        for _ in range(3):  # each look is 2,400 times finer than the one before
            inner, flat = self.alive(sign, inner, outer)
            outer = outer if flat is None else flat
        return sign * outer + 0.0  # no minus zero

    def alive(self, sign: float, inner: float, outer: float) -> tuple[float, float | None]:
        """The outermost of many numbers in between that has a slope (else ``inner``), and the next, without one."""
        z = torch.linspace(inner, outer, FLAT, dtype=torch.float32)
        found = torch.nonzero(self.both(sign * z)[1]).flatten()
        last = int(found[-1]) if len(found) else -1
        return float(z[max(last, 0)]), None if last == FLAT - 1 else float(z[last + 1])
