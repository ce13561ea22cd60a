import numpy as np
import pytest
import torch

from workbench import Surface
from workbench.descent.contours import contours, even, holes, levels, spread
from workbench.descent.shape import shape_of
from workbench.descent.surface import Landscape
from workbench.errors import WorkbenchError
from workbench.registry import Plugin


@pytest.fixture
def with_surface(registry):
    """Register a surface for one test."""

    def add(function, **keys):
        registry.add("surface", Surface("tried", function, **keys), Plugin("trial", "test", ""))
        return Landscape({"use": "tried"}, registry)

    yield add
    registry._components["surface"].pop("tried", None)
    registry._owners.pop(("surface", "tried"), None)


def test_quadratic_has_curvatures_40_and_4(registry):
    landscape = Landscape({"use": "quadratic"}, registry)
    assert torch.linalg.eigvalsh(landscape.hessian((0.3, -1.0))).tolist() == pytest.approx([4, 40])
    assert landscape.quadratic
    assert landscape.lowest == 0


def test_ripples_values_and_critical_rate(registry):
    landscape = Landscape({"use": "ripples"}, registry)
    values = landscape(torch.tensor(landscape.minima, dtype=torch.float64).T)
    assert values.tolist() == pytest.approx([-9.086224, -1.781734, 12.793382, 34.547877], abs=1e-6)
    assert 2 / landscape.curvature(landscape.bottom) == pytest.approx(0.00745427, rel=1e-6)
    assert not landscape.quadratic


def test_unknown_minimum_is_found(with_surface):
    landscape = with_surface(lambda x, y: 2 * x**2 + 10 * y**2 + 10 * torch.sin(5 * y))
    assert landscape.bottom == pytest.approx((0, -0.29083931), abs=1e-8)
    assert landscape.lowest == pytest.approx(-9.086224, abs=1e-6)


def test_unknown_minimum_at_the_border(with_surface):
    landscape = with_surface(lambda x, y: x - 3 * y, x=(-1, 2), y=(-1, 1))
    assert landscape.bottom == (-1.0, 1.0)


def test_constant_surface_has_no_slope(with_surface):
    values, gradient = with_surface(lambda x, y: torch.ones_like(x)).slope(torch.zeros(2, 5, dtype=torch.float64))
    assert values.tolist() == [1.0] * 5
    assert not gradient.any()


@pytest.mark.parametrize("function", [lambda x, y: 1.0, lambda x, y: (x + y).sum(), lambda x, y: x.foo])
def test_wrong_surfaces_are_blamed_by_name(with_surface, function):
    with pytest.raises(WorkbenchError, match="surface 'tried' of plugin 'trial' failed"):
        with_surface(function)(torch.zeros(2, 5, dtype=torch.float64))


def test_contour_points_lie_on_their_levels(registry):
    for name in ("quadratic", "ripples"):
        lines = contours({"use": name}, registry)
        landscape = Landscape({"use": name}, registry)
        at = torch.tensor(lines[["x", "y"]].to_numpy().T.copy())
        grid = landscape.grid(161)[2]
        spread = float(grid.max() - grid.min())
        assert np.abs(landscape(at).numpy() - lines["level"].to_numpy()).max() < 0.01 * spread
        assert 50 < len(lines) <= 1500
        assert 5 <= lines["level"].nunique() <= 12


def test_contours_of_a_surface_with_holes_and_of_a_flat_one(registry, with_surface):
    with_surface(lambda x, y: torch.log(x) + y**2)
    lines = contours({"use": "tried"}, registry)
    assert len(lines)
    assert (lines["x"] > 0).all()


def test_contours_of_a_flat_surface_are_none(registry, with_surface):
    with_surface(lambda x, y: torch.zeros_like(x))
    assert contours({"use": "tried"}, registry).empty


def test_levels_are_round_and_few():
    assert spread(0.15, 1200.0, 12).tolist() == [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
    assert spread(0.3, 40_000.0, 12).tolist() == pytest.approx([0.3, 1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4])
    assert len(spread(1e-20, 1e20, 12)) <= 12
    assert even(0.05, 1.0, 12).tolist() == pytest.approx([0.1 * n for n in range(1, 11)])


def test_levels_are_even_where_most_of_a_surface_lies_high():
    plateau = np.concatenate([np.linspace(0, 1, 100), np.ones(900)])
    found = levels(plateau, 0.0)
    assert np.ptp(np.diff(found)) < 1e-9
    bowl = np.linspace(0, 1, 1000) ** 2
    ratios = np.diff(np.log(levels(bowl, 0.0)))
    assert ratios.max() < np.log(3.5)


def test_a_pole_does_not_take_all_levels():
    values = np.concatenate([[-1e17], np.linspace(0, 1, 1000)])
    found = levels(values, -1e17)
    assert len(found) == 10
    assert (found >= 0).all()


def test_holes_are_the_rectangles_without_a_value(registry, with_surface):
    with_surface(lambda x, y: torch.log(x) + y**2)
    assert holes({"use": "tried"}, registry).to_numpy().tolist() == [[-2, 0, -2, 2]]
    assert holes({"use": "quadratic"}, registry).empty


def test_holes_of_any_form_are_covered_exactly(registry, with_surface):
    with_surface(lambda x, y: torch.log(x**2 + y**2 - 1))
    found = holes({"use": "tried"}, registry)
    area = ((found["x2"] - found["x"]) * (found["y2"] - found["y"])).sum()
    assert area == pytest.approx(np.pi, rel=0.01)


def test_a_shape_knows_which_minima_are_lowest(registry):
    four = shape_of({"use": "himmelblau"}, registry)
    assert (len(four.minima), four.lowest) == (4, 4)
    ripples = shape_of({"use": "ripples"}, registry)
    assert (len(ripples.minima), ripples.lowest) == (4, 1)
    assert ripples.bottom == pytest.approx(-9.086224, abs=1e-6)
    saddle = shape_of({"use": "saddle"}, registry)
    assert saddle.lowest == 1
    x, y, values = ripples.mesh
    assert values[3, 5] == pytest.approx(2 * x[5] ** 2 + 10 * y[3] ** 2 + 10 * np.sin(5 * y[3]))


HIMMELBLAU = "(x**2 + y - 11)**2 + (x + y**2 - 7)**2"


def test_minima_that_nobody_declared_are_found(registry):
    known = registry.get("surface", "himmelblau").minima
    formula = Landscape({"use": "formula", "expression": HIMMELBLAU, "x": (-6.0, 6.0), "y": (-6.0, 6.0)}, registry)
    assert formula.minima == ()
    np.testing.assert_allclose(sorted(formula.basins), sorted(known), atol=1e-9)
    assert formula.lowest == pytest.approx(0, abs=1e-18)


def test_minima_are_looked_for_in_the_domain_alone(registry):
    half = Landscape({"use": "formula", "expression": HIMMELBLAU, "x": (0.0, 6.0), "y": (-6.0, 6.0)}, registry)
    np.testing.assert_allclose(sorted(half.basins), [(3.0, 2.0), (3.584428340330, -1.848126526964)], atol=1e-9)


def test_a_border_is_no_minimum_but_may_be_the_lowest_place(registry):
    slope = Landscape({"use": "formula", "expression": "x + y**2", "x": (-2.0, 2.0), "y": (-2.0, 2.0)}, registry)
    assert slope.basins == ()
    assert slope.bottom == pytest.approx((-2.0, 0.0), abs=1e-9)


def test_the_slope_is_that_of_each_point_alone(registry):
    points = torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.0, -0.25]], dtype=torch.float64)
    values, slopes = Landscape({"use": "quadratic"}, registry).slope(points)
    assert torch.allclose(values, 20 * points[0] ** 2 + 2 * points[1] ** 2)
    assert torch.allclose(slopes, torch.stack([40 * points[0], 4 * points[1]]))


@pytest.mark.parametrize(("expression", "slope"), [("3", (0, 0)), ("x**2", (4, 0)), ("5*y", (0, 5))])
def test_a_surface_may_leave_a_coordinate_out(registry, expression, slope):
    landscape = Landscape({"use": "formula", "expression": expression}, registry)
    _, found = landscape.slope(torch.tensor([2.0, 7.0], dtype=torch.float64))
    assert found.tolist() == list(slope)
