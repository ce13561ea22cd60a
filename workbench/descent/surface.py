"""A surface that can be asked for values, slopes and curvature, always in double precision."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from workbench.blame import blame
from workbench.components import Interval
from workbench.errors import WorkbenchError
from workbench.registry import Registry

GRID = 201  # points a side of the grid on which an unknown minimum is looked for


class Landscape:
    """A surface component with its settings. Points are tensors of shape (2, ...): x first, then y.

    Everything raises a ``WorkbenchError`` that names the plugin when its function fails.
    """

    def __init__(self, reference: dict[str, Any], registry: Registry) -> None:
        self.reference, self.registry = reference, registry
        self.component = registry.get("surface", reference["use"])
        self.x: Interval = self.component.x
        self.y: Interval = self.component.y
        self.start: tuple[float, float] = self.component.start
        self.minima: tuple[tuple[float, float], ...] = tuple(self.component.minima)

    def __call__(self, points: Tensor) -> Tensor:
        """The values at points of shape (2, ...), in the shape (...)."""
        value = self.registry.make("surface", self.reference, points[0], points[1])
        with blame(self.registry, "surface", self.reference["use"]):
            if not isinstance(value, Tensor) or value.shape != points[0].shape:
                found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(f"for x and y of shape {tuple(points[0].shape)} it gave {found}; allowed: that shape")
        return value

    def slope(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Values of shape (...) and gradients of shape (2, ...); each point's gradient is its own."""
        with torch.enable_grad():
            points = points.detach().requires_grad_()
            values = self(points)
            if not values.requires_grad:  # a constant surface
                return values.detach(), torch.zeros_like(points)
            with blame(self.registry, "surface", self.reference["use"]):
                (gradients,) = torch.autograd.grad(values.sum(), points)
        return values.detach(), gradients

    def hessian(self, point: tuple[float, float]) -> Tensor:
        """The second derivatives at one point, shape (2, 2)."""
        at = torch.tensor(point, dtype=torch.float64)
        with torch.enable_grad(), blame(self.registry, "surface", self.reference["use"]):
            return torch.autograd.functional.hessian(self, at).detach()  # type: ignore[no-any-return, no-untyped-call]

    def curvature(self, point: tuple[float, float]) -> float:
        """The largest eigenvalue of the Hessian: gradient descent near ``point`` needs a rate below 2 over it."""
        hessian = self.hessian(point)
        return float(torch.linalg.eigvalsh(hessian)[-1]) if hessian.isfinite().all() else math.nan

    @cached_property
    def quadratic(self) -> bool:
        """Whether the curvature is the same everywhere, as far as five points of the domain show."""
        (left, right), (low, high) = self.x, self.y
        shares = [(0.5, 0.5), (0.03, 0.11), (0.91, 0.23), (0.37, 0.79), (0.71, 0.97)]
        points = [(left + a * (right - left), low + b * (high - low)) for a, b in shares]
        first, *others = (self.hessian(point) for point in points)
        scale = float(first.abs().max())
        return math.isfinite(scale) and all(float((other - first).abs().max()) <= 1e-9 * scale for other in others)

    @cached_property
    def bottom(self) -> tuple[float, float]:
        """The lowest point: the first known minimum, or the lowest found in the domain."""
        return self.minima[0] if self.minima else self._search()

    @cached_property
    def lowest(self) -> float:
        """The value at the lowest point."""
        return float(self(torch.tensor(self.bottom, dtype=torch.float64)))

    def inside(self, x: float, y: float) -> bool:
        """Whether a point lies in the domain that is drawn."""
        return self.x[0] <= x <= self.x[1] and self.y[0] <= y <= self.y[1]

    def grid(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """x (count,), y (count,) and the values (count of y, count of x) on the domain."""
        x = torch.linspace(*self.x, count, dtype=torch.float64)
        y = torch.linspace(*self.y, count, dtype=torch.float64)
        rows, columns = torch.meshgrid(y, x, indexing="ij")
        with torch.no_grad():
            return x, y, self(torch.stack([columns, rows]))

    def _search(self) -> tuple[float, float]:
        x, y, values = self.grid(GRID)
        finite = values.where(values.isfinite(), torch.inf)
        if not values.isfinite().any():
            raise WorkbenchError(
                f"surface {self.reference['use']!r} has no finite value for x in {list(self.x)}, y in {list(self.y)}; "
                "choose another domain or formula"
            )
        row, column = divmod(int(finite.argmin()), GRID)
        on_grid = (float(x[column]), float(y[row]))
        point = torch.tensor(on_grid, dtype=torch.float64)
        for _ in range(50):  # Newton's method, kept only while it stays in the domain and goes down
            _, gradient = self.slope(point)
            hessian = self.hessian((float(point[0]), float(point[1])))
            if not (gradient.isfinite().all() and hessian.isfinite().all()):
                break
            move = torch.linalg.pinv(hessian, hermitian=True) @ gradient
            if float(move.abs().max()) < 1e-15 * (1 + float(point.abs().max())):
                break
            point = point - move
        found = (float(point[0]), float(point[1]))
        with torch.no_grad():
            better = self.inside(*found) and float(self(point)) <= float(finite[row, column])
        return found if better else on_grid
