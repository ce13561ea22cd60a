"""The slope of a registered activation: closed forms, difference quotients, float32."""

from __future__ import annotations

import pytest
import torch
from sloping import ACTIVATIONS, made, sigmoid, slope

from workbench.basics import depth
from workbench.errors import WorkbenchError


def test_a_sigmoids_slope_is_its_closed_form() -> None:
    z = [-3.0, -0.5, 0.0, 1.2, 20.0]
    values, slopes = slope("sigmoid").at(z)
    assert values == pytest.approx([sigmoid(each) for each in z], rel=1e-14)
    assert slopes == pytest.approx([sigmoid(each) * (1 - sigmoid(each)) for each in z], rel=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activations_slope_is_its_difference_quotient(name: str) -> None:
    f = slope(name)
    z, h = [-2.3, -0.7, 0.4, 1.9], 1e-6
    _, slopes = f.at(z)
    up, down = f.at([each + h for each in z])[0], f.at([each - h for each in z])[0]
    assert slopes == pytest.approx([(one - other) / (2 * h) for one, other in zip(up, down, strict=True)], abs=1e-7)


@pytest.mark.parametrize(
    ("name", "place", "most"), [("sigmoid", 0.0, 0.25), ("tanh", 0.0, 1.0), ("identity", 0.0, 1.0)]
)
def test_the_steepest_place_is_the_known_one(name: str, place: float, most: float) -> None:
    assert slope(name).steepest() == pytest.approx((place, most), abs=1e-9)


def test_the_steepest_place_is_found_between_grid_points() -> None:
    """Of x * sigmoid(x) it is where its second derivative, s'(2 + x(1 - 2s)), is 0."""
    low, high = 2.0, 3.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if 2 + middle * (1 - 2 * sigmoid(middle)) > 0 else (low, middle)
    s = sigmoid(low)
    f = made(torch.nn.SiLU)
    place, most = f.steepest()
    assert place == pytest.approx(low, abs=1e-5)
    assert most == pytest.approx(s + low * s * (1 - s), abs=1e-9)


def test_float32_loses_the_slope_of_a_sigmoid_at_16_6() -> None:
    low, high = slope("sigmoid").flat()
    assert high == pytest.approx(16.6, abs=0.05)
    assert torch.sigmoid(torch.tensor(high)) == 1
    assert torch.sigmoid(torch.tensor(16.5)) < 1
    assert low is None or low < -80


def test_float32_loses_the_slope_of_tanh_on_both_sides_and_of_relu_on_one() -> None:
    low, high = slope("tanh").flat()
    assert (low, high) == (pytest.approx(-9.01, abs=0.02), pytest.approx(9.01, abs=0.02))
    assert slope("relu").flat() == (0.0, None)
    assert slope("identity").flat() == (None, None)
    assert "nowhere exactly 0" in depth.flat_said(slope("identity"))
    assert "exactly 0 below z = 0:" in depth.flat_said(slope("relu"))


def test_a_plugin_that_breaks_is_named() -> None:
    def broken() -> torch.nn.Module:
        raise RuntimeError("no")

    with pytest.raises(WorkbenchError, match=r"plugin 'mine' failed: RuntimeError: no"):
        made(broken).at([0.0])
    with pytest.raises(WorkbenchError, match=r"plugin 'mine' failed.*allowed: the same shape"):
        made(lambda: torch.nn.GLU(0)).at([0.0, 1.0])
    with pytest.raises(WorkbenchError, match="not finite"):
        made(lambda: Root()).steepest()


class Root(torch.nn.Module):
    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z.abs().sqrt()


def test_activations_that_work_in_place_are_taken() -> None:
    assert made(lambda: torch.nn.ReLU(inplace=True)).at([-1.0, 2.0]) == ([0.0, 2.0], [0.0, 1.0])
