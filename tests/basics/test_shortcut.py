"""The residual shortcut: autograd, closed forms, every path by itself."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sloping import ACTIVATIONS, slope

from workbench.basics import shortcut


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_products_are_what_autograd_says(name: str) -> None:
    f = slope(name)
    walked = shortcut.walks(f, 0.7, 12, 0.5)
    for walk, way in zip(walked, (True, False), strict=True):
        x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
        y = x
        for _ in range(12):
            branch = 0.5 * f.module.double()(y.clone())
            y = y + branch if way else branch
        y.backward()
        assert walk.signal[-1] == pytest.approx(y.item(), rel=1e-12)
        assert walk.products[-1] == pytest.approx(float(x.grad), rel=1e-10, abs=1e-300)  # type: ignore[arg-type]


def test_a_zero_branch_keeps_signal_and_gradient_exactly_at_any_depth() -> None:
    on, off = shortcut.walks(slope("sigmoid"), 0.3, 50, 0.0)
    assert set(on.signal) == {0.3}
    assert on.products[-1] == 1
    assert off.products[-1] == 0
    assert "is 0 without the shortcut; with it exactly what came in, 1." in shortcut.said((on, off))


def test_linear_branches_have_closed_forms() -> None:
    on, off = shortcut.walks(slope("identity"), 1.0, 10, 0.25)
    assert on.products[-1] == pytest.approx(1.25**10)
    assert off.products[-1] == pytest.approx(0.25**10)
    assert shortcut.paths_said(on).startswith(
        "One choice in every layer makes 2¹⁰ = 1,024 paths, which add up to 9.31."
    )
    short = sum(math.comb(10, k) * 0.25**k for k in range(5)) / 1.25**10  # up to three: 0.879, up to four: 0.967
    assert shortcut.paths_said(on).endswith(f"Those through at most 4 of 10 branches carry {100 * short:.1f} % of it.")
    rows = shortcut.paths(on)
    assert rows["share"].tolist() == pytest.approx([math.comb(10, k) * 0.25**k for k in range(11)])
    assert rows["paths"].sum() == 2**10
    assert "not from growing" in shortcut.said(shortcut.walks(slope("identity"), 1.0, 50, 1.0))


def test_paths_that_take_away_from_each_other_are_compared_by_size() -> None:
    walk = shortcut.Walk((1.0, 1.0, 1.0), (0.5, 0.5))  # branches of -0.5: 1 - 1 + 0.25
    assert shortcut.paths_said(walk) == (
        "One choice in every layer makes 2² = 4 paths, which add up to 0.250. "
        "Those through at most 2 of 2 branches carry 100.0 % of all sizes, signs aside."
    )


@settings(deadline=None)
@given(st.lists(st.floats(-2, 2), max_size=10))
def test_the_paths_add_up_to_the_product(branches: list[float]) -> None:
    every = [0.0] * (len(branches) + 1)
    for choice in range(2 ** len(branches)):  # every path by itself
        taken = [branch for index, branch in enumerate(branches) if choice >> index & 1]
        every[len(taken)] += math.prod(taken)
    assert shortcut.by_length(branches) == pytest.approx(every, abs=1e-9)
    assert sum(every) == pytest.approx(math.prod(1 + branch for branch in branches), abs=1e-6)


def test_the_table_has_both_ways_from_the_input_on() -> None:
    rows = shortcut.table(shortcut.walks(slope("tanh"), 0.5, 3, 1.0)).set_index(["way", "layer"])
    assert rows.loc[(shortcut.WITH, 0), "signal"] == 0.5
    assert rows.loc[(shortcut.WITH, 1), "signal"] == pytest.approx(0.5 + math.tanh(0.5))
    assert rows.loc[(shortcut.WITHOUT, 1), "product"] == pytest.approx(1 - math.tanh(0.5) ** 2)
    assert rows.loc[(shortcut.WITHOUT, 0), "product"] == 1
