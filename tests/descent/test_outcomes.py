"""Outcomes of made-up descents whose word is plain to see."""

import numpy as np
import pytest

from workbench.descent.outcomes import judge, outcome

DOMAIN = ((-2.0, 2.0), (-2.0, 2.0))
TIME = np.arange(101.0)


def along_x(x):
    return np.stack([x, np.zeros_like(x)], axis=1)


def parabola(x):
    return outcome(along_x(x), x**2, 0.0, 0.01, DOMAIN)


@pytest.mark.parametrize(
    ("x", "word"),
    [
        (0.9**TIME, "converged"),
        ((-0.9) ** TIME, "converged"),
        (0.999**TIME, "slow"),
        ((-0.998) ** TIME, "slow"),
        ((-1.0) ** TIME, "oscillating"),
        (1 + 0.5 * np.sin(TIME), "oscillating"),
        ((-1.01) ** TIME, "diverged"),
        (1.01**TIME, "diverged"),
        (0.5 + 0.5 * 0.5**TIME, "stuck"),
        (np.ones(101), "stuck"),
    ],
)
def test_word(x, word):
    assert parabola(x).outcome == word


def test_steps_to_tolerance_is_the_first_after_which_it_stays():
    x = np.array([1, 0.05, 0.5, 0.05, 0.02, 0.01])
    found = parabola(x)
    assert (found.outcome, found.step, found.to_tolerance) == ("converged", 3, 3.0)


def test_a_start_within_tolerance_takes_no_step():
    assert parabola(np.full(11, 0.01)).to_tolerance == 0


def test_divergence_counts_from_where_it_never_came_back():
    x = np.concatenate([[1.0, 2.0, 0.5], 1.5 ** np.arange(1, 20)])
    found = parabola(x)
    assert (found.outcome, found.step) == ("diverged", 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_not_finite_diverged_at_its_step(bad):
    values = np.array([1.0, 0.5, 0.2, bad])
    found = outcome(np.zeros((4, 2)), values, 0.0, 0.01, DOMAIN)
    assert (found.outcome, found.step) == ("diverged", 3)
    assert "not finite at step 3" in found.message


def test_below_the_lowest_known_and_out_of_sight_is_no_convergence():
    x = TIME / 10
    found = outcome(along_x(x), -x, -2.0, 0.01, DOMAIN)
    assert (found.outcome, found.step) == ("diverged", 21)
    assert np.isnan(found.to_tolerance)


def test_many_rows_are_judged_as_each_alone():
    paths = [0.9**TIME, (-1.0) ** TIME, 1.01**TIME, 0.999**TIME, 0.5 + 0.5 * 0.5**TIME]
    positions = np.stack([along_x(x) for x in paths], axis=-1)
    values = np.stack([x**2 for x in paths], axis=-1)
    found = judge(positions, values, 0.0, 0.01, DOMAIN)
    assert found.outcome.tolist() == ["converged", "oscillating", "diverged", "slow", "stuck"]
    assert found.step.tolist() == [parabola(x).step for x in paths]


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_short_runs_have_a_word(steps):
    assert parabola(0.5 ** np.arange(steps + 1.0)).outcome in ("slow", "converged")
    assert parabola(2.0 ** np.arange(steps + 1.0)).outcome == "diverged"
