"""The built-in surfaces against numbers from the literature and closed forms that are derived here by hand."""

from math import cos, e, exp, pi, radians, sin, sqrt

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from workbench.descent.column import Column
from workbench.descent.surface import Landscape

# The value at each declared minimum, in their order. Literature: Jamil and Yang 2013; Dixon and Szegö 1978.
DEPTHS = {
    "quadratic": [0],
    "ripples": [-9.086224398715492, -1.7817343188954486, 12.793381542873133, 34.547877282217314],
    "booth": [0],
    "matyas": [0],
    "rosenbrock": [0],
    "beale": [0],
    "saddle": [],
    "mccormick": [-1.9132229549810364, 1.2283696986087569],
    "three_hump_camel": [0, 0.2986384422368598, 0.2986384422368598],
    "himmelblau": [0] * 4,
    "styblinski_tang": [-78.33233140754282, -64.19561235905536, -64.19561235905536, -50.05889331056788],
    "six_hump_camel": [-1.0316284534898774] * 2 + [-0.21546382438371764] * 2 + [2.1042503103112584] * 2,
    "goldstein_price": [3, 30, 84, 840],
    "easom": [-1] + [-8.110223891570066e-05] * 4,
    "griewank": [0] + [0.007396040334115082] * 4,
    "levy": [
        0, 0.9737115955768498, 0.9737115955768498, 1.1604532106739116, 2.1341648062507614, 2.1341648062507614,
        2.224270977408809, 2.4000794081802463, 3.373791003757096, 3.373791003757096, 3.384724188082721,
        4.6243503855890555,
    ],
    "rastrigin": [0] + [0.9949590570932914] * 4 + [1.9899181141865827] * 4 + [3.9798311905540875] * 4
    + [4.974790247647379] * 8 + [7.959662381108175] * 4,
    "ackley": [0] + [2.579927557029872] * 4 + [3.57445187725768] * 4 + [4.884065258091154] * 4
    + [5.381864187490192] * 8 + [6.559645375627878] * 4,
    "formula": [],
}  # fmt: skip

# (x, y, value): worked out by hand from the definitions, and local maxima and saddles of the literature.
VALUES = {
    "quadratic": [(1, 1, 22), (-0.5, 2, 13)],
    "ripples": [(1, 0, 2), (0, pi / 10, pi**2 / 10 + 10)],
    "booth": [(0, 0, 74), (-8, 2, 482)],
    "matyas": [(1, 1, 0.04), (1, -1, 1), (-10, 10, 100)],
    "rosenbrock": [(-1.2, 1, 24.2), (0, 0, 1), (-2, -1, 2509)],
    "beale": [(0, 0, 14.203125), (1, 1, 14.203125), (0, 1, 14.203125), (-4.5, -4.5, 181853.61328125)],
    "saddle": [(1, 2, -3), (2, 0, 4)],
    "mccormick": [(0, 0, 1), (pi / 4, pi / 4, 2 + pi / 4)],
    "three_hump_camel": [(1, 1, 187 / 60), (5, 5, 2047.9166666666667)],
    "himmelblau": [(0, 0, 170), (-0.270845, -0.923039, 181.617), (1, 1, 106)],
    "styblinski_tang": [(0, 0, 0), (1, 1, -10), (5, 5, 250)],
    "six_hump_camel": [(0, 0, 0), (1, 1, 97 / 30), (3, 2, 162.9)],
    "goldstein_price": [(0, 0, 600), (1, 1, 1876), (1.2, -0.2, 99)],
    "easom": [(0, 0, -exp(-2 * pi**2)), (pi, 0, exp(-(pi**2)))],
    "griewank": [(pi, 0, 2 + pi**2 / 4000), (0, pi * sqrt(2), 2 + pi**2 / 2000)],
    "levy": [(5, 1, 1 + 10 * sin(1) ** 2), (1, 5, 1), (3, 1, 1 + (1 + 10 * cos(1) ** 2) / 4), (1, 2, (1 + 1) / 16)],
    "rastrigin": [(1, 1, 2), (0.5, 0.5, 40.5), (-2, 1, 5), (0.25, 0, 10.0625)],
    "ackley": [(1, 1, 20 * (1 - exp(-0.2))), (0.5, 0.5, 20 * (1 - exp(-0.1)) + e - 1 / e)],
    "formula": [(1, 1, 22)],
}


def at_root(t):
    return 6 * t**2 - 16


HUMP = (0.08984201310031806, 0.7126564030207396)
# ((x, y), Hessian there): second derivatives taken by hand.
HESSIANS = {
    "quadratic": ((0, 0), [[40, 0], [0, 4]]),
    "ripples": ((0, pi / 10), [[4, 0], [0, 20 - 250]]),
    "booth": ((1, 3), [[10, 8], [8, 10]]),
    "matyas": ((0, 0), [[0.52, -0.48], [-0.48, 0.52]]),
    "rosenbrock": ((1, 1), [[802, -400], [-400, 200]]),
    "beale": ((3, 0.5), [[3.15625, -11.4375], [-11.4375, 46.125]]),
    "saddle": ((0, 0), [[2, 0], [0, -2]]),
    "mccormick": ((0.5 - pi / 3, -0.5 - pi / 3), [[2 + sqrt(0.75), sqrt(0.75) - 2], [sqrt(0.75) - 2, 2 + sqrt(0.75)]]),
    "three_hump_camel": ((0, 0), [[4, 1], [1, 2]]),
    "himmelblau": ((3, 2), [[74, 20], [20, 34]]),
    "styblinski_tang": ((-2.903534, 2.746803), [[at_root(-2.903534), 0], [0, at_root(2.746803)]]),
    "six_hump_camel": (
        (HUMP[0], -HUMP[1]), [[8 - 25.2 * HUMP[0] ** 2 + 10 * HUMP[0] ** 4, 1], [1, 48 * HUMP[1] ** 2 - 8]],
    ),
    "goldstein_price": ((0, -1), [[504, -216], [-216, 864]]),
    "easom": ((pi, pi), [[3, 0], [0, 3]]),
    "griewank": ((0, 0), [[1.0005, 0], [0, 0.5005]]),
    "levy": ((1, 1), [[(pi**2 + 1 + 10 * sin(1) ** 2) / 8, 0], [0, 1 / 8]]),
    "rastrigin": ((0, 0), [[2 + 40 * pi**2, 0], [0, 2 + 40 * pi**2]]),
    "ackley": ((0, 0), [[2 * pi**2 * e, 0], [0, 2 * pi**2 * e]]),  # of the waves; the point of the funnel has none
    "formula": ((0, 0), [[40, 0], [0, 4]]),
}  # fmt: skip


@pytest.fixture
def at(registry):
    def make(name, **settings):
        return Landscape({"use": name} | registry.settings("surface", name, settings), registry)

    return make


def each(table):
    return pytest.mark.parametrize(("name", "expected"), table.items(), ids=list(table))


def test_every_built_in_surface_is_in_the_tables(registry):
    ours = {name for name in registry.names("surface") if registry.owner("surface", name).name == "surfaces"}
    assert ours == set(DEPTHS) == set(VALUES) == set(HESSIANS)


@each(DEPTHS)
def test_minima_are_as_deep_as_the_literature_says_and_flat(at, name, expected):
    landscape = at(name)
    assert len(landscape.minima) == len(expected)
    assert len(set(landscape.minima)) == len(expected)
    for minimum, depth in zip(landscape.minima, expected, strict=True):
        value, gradient = landscape.slope(torch.tensor(minimum, dtype=torch.float64))
        hessian = landscape.hessian(minimum)
        assert value.item() == pytest.approx(depth, rel=1e-14, abs=2e-14)
        assert gradient.abs().max() <= 1e-14 * max(100, float(hessian.abs().max()) * 10)
        assert torch.linalg.eigvalsh(hessian)[0] > 0
        assert landscape.inside(*minimum)


@each(VALUES)
def test_values_worked_out_by_hand(at, name, expected):
    landscape = at(name)
    for x, y, value in expected:
        found = landscape(torch.tensor([x, y], dtype=torch.float64)).item()
        assert found == pytest.approx(value, rel=1e-12, abs=6e-4 if value == 181.617 else 1e-13)  # printed so


@each(HESSIANS)
def test_hessians_taken_by_hand(at, name, expected):
    place, hessian = expected
    found = at(name).hessian(place)
    assert found.numpy() == pytest.approx(np.array(hessian, dtype=float), rel=1e-10, abs=1e-10)
    assert at(name).curvature(place) == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=1e-10)


@pytest.mark.parametrize("name", [name for name in DEPTHS if DEPTHS[name]])
def test_the_declared_minima_are_all_that_a_search_finds_in_the_domain(at, name):
    landscape = at(name)
    x, y, values = (tensor.numpy() for tensor in landscape.grid(301))
    assert values.min() >= landscape.lowest - 1e-12, "nothing on a fine grid is lower"
    inner = values[1:-1, 1:-1]
    around = [values[1 + i : 300 + i, 1 + j : 300 + j] for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    rows, columns = np.nonzero(inner <= np.array(around).min(axis=0))
    cell = np.array([[0, 0], [x[1] - x[0], 0], [0, y[1] - y[0]]])
    met = set()
    for start in zip(x[columns + 1], y[rows + 1], strict=True):  # Nelder and Mead's simplex creeps, it does not leap
        simplex = {"initial_simplex": start + cell / 2, "xatol": 1e-9, "fatol": 1e-16, "maxiter": 1000}
        end = minimize(
            lambda point: landscape(torch.tensor(point)).item(), start, method="Nelder-Mead", options=simplex
        ).x
        if not landscape.inside(*end):
            continue  # Beale's function falls on without end near x = 0
        apart = [np.hypot(end[0] - place[0], end[1] - place[1]) for place in landscape.minima]
        assert min(apart) < 1e-5, f"{end} is no declared minimum"
        met.add(int(np.argmin(apart)))
    assert met == set(range(len(landscape.minima)))


@pytest.mark.parametrize("name", DEPTHS)
def test_values_and_slopes_are_finite_wherever_it_is_drawn_and_the_start_lies_on_a_slope(at, name):
    landscape = at(name)
    x, y, _ = landscape.grid(101)  # odd: the middle of the domain and its symmetry lines are in it
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"))
    values, gradient = landscape.slope(points)
    assert values.dtype == gradient.dtype == torch.float64
    assert values.isfinite().all()
    assert gradient.isfinite().all()
    assert (landscape.slope(torch.tensor(landscape.start, dtype=torch.float64))[1].abs() > 1e-3).any()
    assert landscape.inside(*landscape.start)


def test_the_quadratic_is_bit_for_bit_what_it_says(at):
    generator = torch.Generator().manual_seed(1)
    x, y = 4 * torch.rand(2, 1000, dtype=torch.float64, generator=generator) - 2
    for function in (at("quadratic"), at("formula")):
        assert torch.equal(function(torch.stack([x, y])), 20 * x**2 + 2 * y**2)


@pytest.mark.parametrize("angle", [0, 30, -45, 90, 180])
def test_the_quadratic_has_the_curvatures_it_is_told_and_is_turned(at, angle):
    landscape = at("quadratic", curvature=7, condition=3.5, angle=angle)
    found, axes = torch.linalg.eigh(landscape.hessian((0.4, -1.3)))
    assert found.tolist() == pytest.approx([2, 7], rel=1e-12)
    steep = np.array([cos(radians(angle)), sin(radians(angle))])
    assert abs(axes[:, 1].numpy() @ steep) == pytest.approx(1, rel=1e-12)
    assert landscape.minima == ((0, 0),)
    assert landscape.lowest == 0


@pytest.mark.parametrize("setting", ["curvature", "condition", "angle"])
def test_the_quadratic_takes_a_column_of_settings(registry, at, setting):
    numbers = [1.0, 5.0, 40.0]
    settings = {key: registry.settings("surface", "quadratic", {})[key] for key in ("curvature", "condition", "angle")}
    points = torch.tensor([[0.3, -1.0, 2.0], [1.5, 0.7, -0.2]], dtype=torch.float64)
    column = Column(torch.tensor(numbers, dtype=torch.float64))
    together = registry.get("surface", "quadratic").factory(*points, **settings | {setting: column})
    alone = [at("quadratic", **{setting: number})(points[:, i]).item() for i, number in enumerate(numbers)]
    assert together.tolist() == pytest.approx(alone, rel=1e-14)


@pytest.mark.parametrize(("a", "b"), [(1, 100), (-1.5, 5), (0, 1)])
def test_rosenbrocks_minimum_moves_with_its_settings(at, a, b):
    landscape = at("rosenbrock", a=a, b=b)
    assert landscape.minima == ((a, a**2),)
    assert landscape.lowest == 0
    hessian = np.array([[2 + 8 * b * a**2, -4 * b * a], [-4 * b * a, 2 * b]])
    assert landscape.hessian((a, a**2)).numpy() == pytest.approx(hessian, rel=1e-12, abs=1e-12)


def test_ackleys_bottom_has_the_middle_of_its_slopes(at):
    landscape = at("ackley")
    step = 1e-9
    around = torch.tensor([[step, -step, 0, 0], [0, 0, step, -step]], dtype=torch.float64)
    slopes = landscape.slope(around)[1]
    assert torch.hypot(*slopes).tolist() == pytest.approx([4 / sqrt(2)] * 4, rel=1e-6)
    assert slopes.sum(dim=1).tolist() == pytest.approx([0, 0], abs=1e-12)
    assert landscape.slope(torch.zeros(2, dtype=torch.float64))[1].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("start", "outcome", "message"),
    [(None, "diverged", "left the drawn region"), ([-1.5, 0.0], "stuck", "4 above the lowest value")],
)
def test_a_saddle_is_left_or_kept(descend, start, outcome, message):
    task = {"surface": "saddle"} | ({"start": start} if start else {})
    summary, path = descend({"use": "sgd", "lr": 0.1}, steps=200, task=task)
    assert summary["outcome"] == outcome
    assert message in summary["message"]
    # x shrinks by 1 - 2 lr a step, y grows by 1 + 2 lr
    assert path["x"].to_numpy()[:40] == pytest.approx([-1.5 * 0.8**k for k in range(40)])
    assert path["y"].to_numpy()[:40] == pytest.approx([(0 if start else 0.01) * 1.2**k for k in range(40)])
