"""The width of a tolerance against closed forms, and limits against theory and simulation."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from workbench.descent.basins import basins_finding, equally_low, heights, shares
from workbench.descent.limits import Limit, LimitCurve, known_limit, limit, limit_curve
from workbench.descent.map_finding import best_cell, disagreement, map_finding, percent
from workbench.descent.surface import Landscape
from workbench.descent.sweep import execute
from workbench.descent.sweep_finding import sweep_finding
from workbench.descent.tolerance import edges, stretch, tolerances
from workbench.records import MemoryRecorder, frame

DECADES = 10.0 ** np.arange(-3, 3)  # 0.001 ... 100


def flags(text):
    return np.array([mark == "+" for mark in text])


def test_edges_lie_half_way_as_the_axis_sees_it():
    assert edges(np.array([0.0, 1.0, 3.0]), log=False).tolist() == [0.0, 0.5, 2.0, 3.0]
    assert edges(np.array([0.01, 1.0, 100.0]), log=True) == pytest.approx([0.01, 0.1, 10.0, 100.0])
    assert edges(np.array([2.0]), log=True).tolist() == [2.0, 2.0]


def test_a_stretch_of_n_settings_a_decade_apart_is_n_decades_wide():
    found = stretch(DECADES, flags("-+++--"), log=True)
    assert (found.low, found.high, found.decades) == pytest.approx((10**-2.5, 10**0.5, 3.0))
    assert not found.more


def test_the_longest_stretch_counts_not_the_sum():
    found = stretch(DECADES, flags("+-++-+"), log=True)
    assert (found.low, found.high, found.decades) == pytest.approx((10**-1.5, 10**0.5, 2.0))


def test_a_stretch_that_reaches_an_end_ends_there_and_says_so():
    found = stretch(DECADES, flags("----++"), log=True)
    assert (found.low, found.high, found.decades, found.more) == (
        pytest.approx(10**0.5),
        100.0,
        pytest.approx(1.5),
        True,
    )
    assert stretch(DECADES, flags("++----"), log=True).more


def test_no_converging_setting_is_no_decade():
    found = stretch(DECADES, flags("------"), log=True)
    assert found.decades == 0
    assert math.isnan(found.low)


@pytest.mark.parametrize("zero", ["-", "+"])
def test_on_a_linear_axis_from_0_the_lower_end_is_never_0(zero):
    settings = np.array([0.0, 0.1, 0.2, 0.3])
    found = stretch(settings, flags(f"{zero}++-"), log=False)
    assert (found.low, found.high) == pytest.approx((0.05, 0.25))
    assert found.decades == pytest.approx(math.log10(5))
    assert found.more  # rates between 0 and 0.1 were not tried


def test_settings_below_0_are_in_no_decade():
    assert stretch(np.array([-2.0, -1.0, 0.0]), flags("+++"), log=False).decades == 0


def test_a_finer_grid_finds_the_same_width():
    """Converging between 0.02 and 2: exactly two decades, within one step of the grid."""
    for count in (50, 500, 5000):
        settings = np.geomspace(1e-3, 10, count)
        found = stretch(settings, (settings >= 0.02) & (settings <= 2), log=True)
        assert found.decades == pytest.approx(2, abs=4 / (count - 1))


def records(name, outcomes, settings=DECADES, seed=0, parameter="lr"):
    words = {"+": "converged", "-": "slow", "x": "diverged", "f": "failed"}
    rows = [
        {"variant": name, "seed": seed, "parameter": parameter, "setting": setting, "outcome": words[mark],
         "steps_to_tolerance": 10.0 if mark == "+" else math.nan}
        for setting, mark in zip(settings, outcomes, strict=True)
    ]  # fmt: skip
    return frame("sweep", rows, who=True)


def test_over_seeds_the_median_and_the_range_are_given():
    sweep = pd.concat([records("A", marks, seed=seed) for seed, marks in enumerate(["-+----", "-+++--", "-++---"])])
    found = tolerances(sweep, log=True)["A"]
    assert (found.least, found.decades, found.most) == pytest.approx((1, 2, 3))
    assert (found.seeds, found.more) == (3, False)
    assert "2.00 decades (median of 3 seeds; 1.00 to 3.00) wide with A." in sweep_finding(sweep, log=True)
    assert sweep_finding(sweep).startswith(
        "33.3 % of the learning rates from 0.001 to 100, over 3 seeds, converge with A."
    )


def test_rows_may_come_in_any_order():
    sweep = records("A", "-+++--").sample(frac=1, random_state=0)
    assert tolerances(sweep, log=True)["A"].decades == pytest.approx(3)


def test_the_finding_says_who_tolerates_most_and_least_and_what_theory_says():
    sweep = pd.concat([records("SGD", "-++xxx"), records("Adam", "---+++")])
    assert sweep_finding(sweep, {"SGD": Limit(0.5), "Adam": None}, log=True) == (
        "The longest unbroken stretch that converges is at least 2.50 decades (0.316 to 100) wide with Adam, "
        "2.00 decades (0.00316 to 0.316) with SGD. The limit of SGD is 0.5: every setting agrees."
    )
    wrong = sweep_finding(sweep, {"SGD": Limit(0.05)}, log=True)
    assert "The limit of SGD is 0.05: 1 of 6 settings lie on the other side of it." in wrong


def test_the_finding_on_a_linear_axis_counts_too():
    settings = np.array([0.0, 0.1, 0.2])
    sweep = pd.concat([records("SGD", "-+x", settings), records("Adam", "-++", settings)])
    assert sweep_finding(sweep) == (
        "2 of 3 learning rates from 0 to 0.2 converge with Adam, 1 of 3 with SGD. The longest unbroken stretch "
        "that converges is at least 0.60 decades (0.05 to 0.2) wide with Adam, "
        "at least 0.48 decades (0.05 to 0.15) with SGD."
    )
    assert sweep_finding(frame("sweep", [], who=True)) == "No setting was tried."
    assert sweep_finding(records("A", "------"), log=True) == "None of the learning rates from 0.001 to 100 converges."


def test_a_local_limit_is_called_local_and_says_only_what_it_can():
    sweep = records("SGD", "-++--x")
    assert "The local limit of SGD, at the lowest point, is 0.5: no setting above it converges." in sweep_finding(
        sweep, {"SGD": Limit(0.5, local=True)}, log=True
    )
    assert "1 of 4 settings above it converge." in sweep_finding(sweep, {"SGD": Limit(0.05, local=True)}, log=True)


def test_positions_are_not_measured_in_decades():
    sweep = records("A", "-+++--", np.linspace(-2, 3, 6), parameter="start.x")
    assert sweep_finding(sweep) == "3 of 6 values of start.x from -2 to 3 converge with A."


def swept(run_of, surface, optimizer="sgd", **keys):
    return run_of("sweep", task={"surface": surface}, base={"optimizer": optimizer} | keys)


def test_the_limit_is_exact_on_a_quadratic_and_local_elsewhere(registry, run_of):
    assert known_limit(swept(run_of, "quadratic"), registry) == Limit(pytest.approx(0.05), False)
    local = known_limit(swept(run_of, "ripples"), registry)
    assert local == Limit(pytest.approx(0.00745427, rel=1e-6), True)
    assert limit(swept(run_of, "ripples"), registry) is None
    assert limit(swept(run_of, "quadratic"), registry) == pytest.approx(0.05)
    assert known_limit(swept(run_of, "ripples", "adam"), registry) is None
    assert known_limit(swept(run_of, "ripples", schedule={"use": "step"}), registry) is None


@pytest.mark.parametrize(("share", "stays"), [(0.99, True), (1.01, False)])
def test_near_the_lowest_point_descents_stay_below_the_local_limit_and_leave_above(registry, run_of, share, stays):
    """Plain gradient descent by hand, a thousand steps from very near the minimum of the ripples."""
    local = known_limit(swept(run_of, "ripples"), registry)
    place = Landscape({"use": "ripples"}, registry)
    point = torch.tensor(place.bottom, dtype=torch.float64) + 1e-6
    for _ in range(1000):
        point = point - share * local.rate * place.slope(point)[1]
    away = float((point - torch.tensor(place.bottom, dtype=torch.float64)).norm())
    assert (away < 1e-6) == stays


def map_of(run_of, second, optimizer="sgd", first=None, **keys):
    first = first or {"parameter": "lr", "low": 0.001, "high": 1.0, "count": 24, "scale": "log"}
    return run_of("sweep", base={"optimizer": optimizer}, sweep=first | {"second": second}, **keys)


def test_the_curve_over_momentum_is_2_1_plus_b_over_l(registry, run_of):
    run = map_of(run_of, {"parameter": "momentum", "low": 0.1, "high": 0.9, "count": 5})
    curve = limit_curve(run, registry)
    assert curve.rate_first
    assert curve.rates == pytest.approx(2 * (1 + curve.settings) / 40)
    assert curve.settings.tolist() == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])


def test_the_curve_over_the_curvature_is_2_over_l_and_the_axes_may_be_the_other_way_round(registry, run_of):
    first = {"parameter": "surface.curvature", "low": 10.0, "high": 1000.0, "count": 5, "scale": "log"}
    run = map_of(run_of, {"parameter": "lr", "low": 0.001, "high": 1.0, "count": 3}, first=first)
    curve = limit_curve(run, registry)
    assert not curve.rate_first
    assert curve.rates == pytest.approx(2 / curve.settings)


def test_there_is_no_curve_without_a_rate_or_a_closed_form(registry, run_of):
    momentum = {"parameter": "momentum", "low": 0.0, "high": 0.9, "count": 3}
    assert limit_curve(map_of(run_of, momentum, "rmsprop"), registry) is None
    assert limit_curve(swept(run_of, "quadratic"), registry) is None
    starts = map_of(run_of, {"parameter": "start.y", "count": 3}, first={"parameter": "start.x", "count": 3})
    assert limit_curve(starts, registry) is None
    assert known_limit(map_of(run_of, momentum), registry) is None  # one number cannot stand for a map


def test_a_measured_map_agrees_with_the_curve(registry, run_of):
    run = map_of(run_of, {"parameter": "momentum", "low": 0.0, "high": 0.9, "count": 24}, task={"steps": 300})
    recorder = MemoryRecorder()
    execute(run, registry, recorder)
    wrong, counted = disagreement(recorder.table("sweep"), limit_curve(run, registry))
    assert counted == 24 * 24
    assert wrong == 0


def grid_of(words, steps=None, variant="A", seed=0):
    """A map of 2 x 2 settings: lr 1 and 2, momentum 0.1 and 0.5; the rate runs fastest."""
    places = [(1.0, 0.1), (2.0, 0.1), (1.0, 0.5), (2.0, 0.5)]
    steps = steps or [math.nan] * 4
    rows = [
        {"variant": variant, "seed": seed, "parameter": "lr", "setting": x, "parameter_2": "momentum", "setting_2": y,
         "outcome": word, "steps_to_tolerance": count}
        for (x, y), word, count in zip(places, words, steps, strict=True)
    ]  # fmt: skip
    return frame("sweep", rows, who=True)


def test_disagreement_counts_cells_on_the_wrong_side():
    rows = grid_of(["slow", "diverged", "diverged", "slow"])
    curve = LimitCurve(True, np.array([0.1, 0.5]), np.array([1.5, 1.5]))
    assert disagreement(rows, curve) == (2, 4)
    assert disagreement(grid_of(["slow", "diverged", "failed", "diverged"]), curve) == (0, 3)
    known = LimitCurve(True, np.array([0.1, 0.5]), np.array([1.5, math.nan]))
    assert disagreement(rows, known) == (0, 2)


def test_the_best_cell_has_the_fewest_steps():
    cell = best_cell(grid_of(["converged"] * 4, [9.0, 7.0, 8.0, 12.0]))
    assert (cell.first, cell.second, cell.steps, cell.ties) == (2.0, 0.1, 7.0, 1)
    assert best_cell(grid_of(["slow"] * 4)) is None


def test_of_equally_good_cells_the_one_in_their_middle_is_told():
    rows = [
        {"variant": "A", "seed": 0, "parameter": "lr", "setting": float(x), "parameter_2": "momentum", "setting_2": 0.0,
         "outcome": "converged", "steps_to_tolerance": 5.0 if x in (2, 3, 4) else 9.0}
        for x in range(8)
    ]  # fmt: skip
    cell = best_cell(frame("sweep", rows, who=True))
    assert (cell.first, cell.ties) == (3.0, 3)


def test_map_finding_says_shares_the_best_and_the_disagreement():
    sweep = pd.concat([
        grid_of(["converged", "diverged", "converged", "converged"], [9.0, math.nan, 8.0, 12.0], "SGD"),
        grid_of(["converged", "slow", "slow", "slow"], [20.0, math.nan, math.nan, math.nan], "Adam"),
    ])  # fmt: skip
    curve = LimitCurve(True, np.array([0.1, 0.5]), np.array([1.5, 1.5]))
    assert map_finding(sweep, {"SGD": curve}) == (
        "SGD converges in 75 % of 4 cells, Adam in 25 %. The fewest steps are 8, with SGD at lr 1 and momentum 0.5. "
        "The limit of SGD: 1 of 4 cells (25 %) lie on the other side of it."
    )


@pytest.mark.parametrize(
    ("share", "words"), [(0, "0 %"), (1, "100 %"), (0.5, "50 %"), (0.1234, "12.3 %"), (0.9999, "> 99.9 %")]
)
def test_only_none_and_all_are_0_and_100_percent(share, words):
    assert percent(share) == words


def starts(minima, outcomes, variant="A"):
    rows = [
        {"variant": variant, "seed": 0, "parameter": "start.x", "setting": 0.0, "parameter_2": "start.y",
         "setting_2": 0.0, "minimum": minimum, "outcome": outcome}
        for minimum, outcome in zip(minima, outcomes, strict=True)
    ]  # fmt: skip
    return frame("sweep", rows, who=True)


def test_shares_of_starts_add_up():
    rows = starts([1, 1, 2, 3, 0, 0, 0, 0], ["converged"] * 2 + ["stuck"] * 2 + ["slow"] + ["diverged"] * 3)
    found = shares(rows)
    assert (found.starts, found.lowest, found.diverged, found.none) == (8, 0.25, 0.375, 0.125)
    assert found.minima == {1: 0.25, 2: 0.125, 3: 0.125}
    assert sum(found.minima.values()) + found.diverged + found.none == 1
    assert shares(rows, lowest=2).lowest == 0.375


def test_basins_finding_names_the_lowest_point():
    sweep = pd.concat([
        starts([1, 1, 2, 0], ["converged", "converged", "stuck", "slow"], "Adam"),
        starts([1, 0, 2, 2], ["converged", "diverged", "stuck", "stuck"], "SGD"),
    ])  # fmt: skip
    assert basins_finding(sweep, [(0.0, -0.29083931), (0.0, 0.87)]) == (
        "Adam reaches the lowest point (0, -0.291) from 50 % of 4 starts, SGD from 25 %. SGD diverges from 25 %."
    )
    assert "one of the 2 lowest points from 75 %" in basins_finding(sweep, [(0.0, 0.0), (1.0, 0.0)], lowest=2)


def test_minima_that_only_rounding_tells_apart_are_equally_low(registry):
    assert equally_low([]) == 0
    assert equally_low([-9.086, -1.78, 12.8]) == 1
    himmelblau = heights(Landscape({"use": "himmelblau"}, registry))
    assert len(himmelblau) == equally_low(himmelblau) == 4
    camel = heights(Landscape({"use": "six_hump_camel"}, registry))
    assert camel[0] == pytest.approx(-1.0316284535, rel=1e-9)  # Dixon and Szegö 1978
    assert equally_low(camel) == 2
