"""Numbers and names as they are written, in sentences and in LaTeX."""

from __future__ import annotations

import math

import pytest

from workbench.basics.written import aligned, bracketed, indexed, latex, lowered, number


@pytest.mark.parametrize(
    ("value", "said", "tex"),
    [
        (0.01, "0.0100", "0.0100"),
        (2e-5, "2.00 · 10⁻⁵", r"2.00 \cdot 10^{-5}"),
        (-0.25, "-0.250", "-0.250"),
        (0.0, "0", "0"),
        (100.0, "100", "100"),
        (12345.0, "1.23 · 10⁴", r"1.23 \cdot 10^{4}"),
        (math.inf, "infinite", r"\text{infinite}"),
    ],
)
def test_numbers_keep_the_digits_that_mean_something(value: float, said: str, tex: str) -> None:
    assert number(value) == said
    assert latex(value) == tex


def test_names_and_factors_are_written_with_an_index_and_in_brackets() -> None:
    assert (lowered("w11"), indexed("w11"), indexed("E")) == ("w₁₁", "w_{11}", "E")
    assert bracketed(-0.5) == "(-0.500)"
    assert bracketed(1e-6) == r"(1.00 \cdot 10^{-6})"
    assert bracketed(0.5) == "0.500"


def test_lines_of_latex_stand_below_each_other_and_a_first_fraction_is_not_cut() -> None:
    assert aligned(["a &= 1", "&= 2"]) == r"\begin{aligned}a &= 1\\[8pt]&= 2\end{aligned}"
    assert aligned([r"\frac12 &= a"]) == r"\begin{aligned}\rule{0pt}{2em}\frac12 &= a\end{aligned}"
