"""A surface that can be asked for values, slopes and curvature, always in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from workbench.blame import blame
from workbench.errors import WorkbenchError
from workbench.param import Interval
from workbench.registry import Registry

GRID = 201  # points a side of the grid on which unknown minima are looked for
MOST = 50  # minima that are looked for


class Landscape:
    """A surface component with its settings. Points are tensors of shape (2, ...): x first, then y.

    Everything raises a ``WorkbenchError`` that names the plugin when its function fails.
    """

    def __init__(self, reference: dict[str, Any], registry: Registry) -> None:
        self.component = registry.get("surface", reference["use"])
        reference = {param.name: param.default for param in self.component.params} | reference
        self.reference, self.registry = reference, registry
        self.x: Interval = tuple(reference["x"])
        self.y: Interval = tuple(reference["y"])
        self.noise: float = reference["noise"]
        self.start: tuple[float, float] = self.component.start
        self._ones: Tensor | None = None  # what every gradient begins with

    def __call__(self, points: Tensor) -> Tensor:
        """The values at points of shape (2, ...), in the shape (...)."""
        return self._value(points[0], points[1])

    def _value(self, x: Tensor, y: Tensor) -> Tensor:
        with blame(self.registry, "surface", self.reference["use"]):
            value = self._function(x, y)
            if not isinstance(value, Tensor) or value.shape != x.shape:
                found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(f"for x and y of shape {tuple(x.shape)} it gave {found}; allowed: that shape")
        return value

    @cached_property
    def _function(self) -> Callable[[Tensor, Tensor], Any]:
        hosted = ("use", *self.component.hosted)
        settings = {key: value for key, value in self.reference.items() if key not in hosted}
        return partial(self.component.factory, **settings)

    def slope(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Values of shape (...) and gradients of shape (2, ...); each point's gradient is its own."""
        # two leaves, not one that is cut in two: autograd need not put their gradients together
        x, y = (part.requires_grad_() for part in points.detach().unbind())
        with torch.enable_grad():
            values = self._value(x, y)
        if not values.requires_grad:  # a constant surface
            return values.detach(), torch.zeros_like(points)
        with blame(self.registry, "surface", self.reference["use"]):
            if self._ones is None or self._ones.shape != values.shape:
                self._ones = torch.ones_like(values)
            found = torch.autograd.grad(values, (x, y), self._ones, allow_unused=True)
        return values.detach(), torch.stack([torch.zeros_like(values) if part is None else part for part in found])

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
    def minima(self) -> tuple[tuple[float, float], ...]:
        """The minima that are known, the lowest first."""
        with blame(self.registry, "surface", self.reference["use"]):
            return self.component.minima_of(self.reference)  # type: ignore[no-any-return]

    @cached_property
    def bottom(self) -> tuple[float, float]:
        """The lowest point: the first known minimum, or the lowest found in the domain."""
        return self.minima[0] if self.minima else self._search()

    @cached_property
    def lowest(self) -> float:
        """The value at the lowest point."""
        return float(self(torch.tensor(self.bottom, dtype=torch.float64)))

    @cached_property
    def basins(self) -> tuple[tuple[float, float], ...]:
        """The minima that are known, or else those that are found in the domain, the lowest first."""
        return self.minima or self._minima()

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
        """The lowest place of a grid, polished."""
        x, y, values = self.grid(GRID)
        finite = values.where(values.isfinite(), torch.inf)
        if not values.isfinite().any():
            raise WorkbenchError(
                f"surface {self.reference['use']!r} has no finite value for x in {list(self.x)}, y in {list(self.y)}; "
                "choose another domain or formula"
            )
        row, column = divmod(int(finite.argmin()), GRID)
        return self._polish(float(x[column]), float(y[row]))

    def _minima(self) -> tuple[tuple[float, float], ...]:
        """Every place of a grid that lies below its eight neighbours, polished; at most ``MOST`` of them."""
        x, y, values = self.grid(GRID)
        finite = values.where(values.isfinite(), torch.inf)
        around = -torch.nn.functional.max_pool2d(-finite[None], 3, stride=1, padding=1)[0]  # the least of nine
        low = (finite == around) & finite.isfinite()
        low[[0, -1]] = low[:, [0, -1]] = False  # the border is where the view ends, not the surface
        places = sorted(low.nonzero().tolist(), key=lambda place: float(finite[place[0], place[1]]))[:MOST]
        kept: list[tuple[float, float]] = []
        reach = 2 * max(self.x[1] - self.x[0], self.y[1] - self.y[0]) / (GRID - 1)
        for row, column in places:
            point = self._polish(float(x[column]), float(y[row]))
            if all(math.dist(point, other) > reach for other in kept):
                kept.append(point)
        return tuple(sorted(kept, key=lambda point: float(self(torch.tensor(point, dtype=torch.float64)))))

    def _polish(self, x: float, y: float) -> tuple[float, float]:
        """Newton's method from a point, kept only when it stays in the domain and does not go up."""
        point = torch.tensor([x, y], dtype=torch.float64)
        with torch.no_grad():
            height = float(self(point))
        for _ in range(50):
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
            better = self.inside(*found) and float(self(point)) <= height
        return found if better else (x, y)
