"""What many layers leave of a gradient."""

from __future__ import annotations

import math

import pytest
import torch
from sloping import made, slope

from workbench.basics import depth
from workbench.basics.written import number


def test_ten_sigmoids_leave_a_millionth() -> None:
    rows = depth.powers(0.25, 0.1, 10).set_index(["way", "layers"])["left"]
    assert rows[depth.SIGMOID, 10] == 0.25**10
    assert rows[depth.BEST, 10] == 0.25**10
    assert rows[depth.HERE, 3] == pytest.approx(0.001)
    assert rows[depth.BEST, 0] == 1
    text = depth.said(slope("sigmoid"), 10)
    assert "at most 0.25, at z = 0" in text
    assert f"10 layers leave at most {number(0.25**10)} of the gradient" in text
    assert "where it has that slope" in depth.said(slope("relu"), 10)
    assert "up to" in depth.said(made(torch.nn.SiLU), 10)


def test_the_curve_is_the_function_and_its_slope() -> None:
    rows = depth.curve(slope("tanh"))
    values, slopes = (rows[rows["what"] == what] for what in ("f(z)", "f'(z)"))
    assert values["value"].tolist() == pytest.approx([math.tanh(z) for z in values["z"]])
    assert slopes["value"].tolist() == pytest.approx([1 - math.tanh(z) ** 2 for z in slopes["z"]])
    assert 0.0 in set(rows["z"])
