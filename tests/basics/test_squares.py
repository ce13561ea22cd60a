"""``backward()`` on x -> sum x^2."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.basics import squares

SMALL = st.floats(-4, 4)


@settings(deadline=None)
@given(st.lists(SMALL, min_size=1, max_size=5), st.integers(1, 5))
def test_backward_gives_2x_and_adds_when_it_is_called_again(x: list[float], calls: int) -> None:
    rows = squares.table(x, calls)
    assert rows["torch"].tolist() == pytest.approx([2 * calls * each for each in x], rel=1e-12)
    assert rows["difference"].max() <= 1e-12 * max(1.0, *(abs(each) for each in x)) * calls
    assert rows["square"].sum() == pytest.approx(sum(each * each for each in x))


def test_the_finding_on_squares() -> None:
    assert squares.said(squares.table([1.0, -2.0]), 1) == "2x by hand and torch's x.grad agree exactly."
    assert "x.grad is 3 times the gradient" in squares.said(squares.table([1.0], 3), 3)
