"""The chain rule on the loan: the tutorial's numbers, closed forms, autograd."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sloping import ACTIVATIONS, made, sigmoid, slope

from workbench.basics import chain
from workbench.basics.written import number

SMALL = st.floats(-4, 4)


def test_the_loan_has_the_tutorials_numbers() -> None:
    passed = chain.forward(chain.INPUTS, chain.WEIGHTS, chain.TARGET, slope("sigmoid"))
    found = passed.chain("w11")
    back, on = found.halves
    assert (round(back.value, 4), round(on.value, 4)) == (0.01, 0.02)
    assert round(found.gradient, 6) == 0.0002
    assert found.product() == [
        r"\frac{\partial E}{\partial w_{11}} &= \frac{\partial E}{\partial a_{1}} \cdot "
        r"\frac{\partial a_{1}}{\partial w_{11}}",
        r"&= 0.0100 \cdot 0.0200 = 0.000200",
    ]


def test_every_factor_is_its_closed_form() -> None:
    passed = chain.forward(chain.INPUTS, chain.WEIGHTS, chain.TARGET, slope("sigmoid"))
    a1, a2 = sigmoid(0.5 * 0.1 + 1.3 * 0.7), sigmoid(1.0 * 0.1 + 3.0 * 0.7)
    y = sigmoid(0.1 * a1 + 2.0 * a2)
    assert passed.loss == pytest.approx(y**2 / 2, rel=1e-12)
    found = passed.chain("w11")
    assert [factor.value for factor in found.back] == pytest.approx([y, y * (1 - y), 0.1], rel=1e-12)
    assert [factor.value for factor in found.on] == pytest.approx([a1 * (1 - a1), 0.1], rel=1e-12)
    last = passed.chain("v2")
    assert [factor.value for factor in (*last.back, *last.on)] == pytest.approx([y, y * (1 - y), a2], rel=1e-12)
    assert last.middle == "s"
    assert found.lines()[0] == rf"\frac{{\partial E}}{{\partial y}} &= y - t = {y:.3f} - 0 = {y:.3f}"
    assert len(found.lines()) == 7  # five factors, two products
    assert len(last.lines()) == 4  # three factors, one product


@settings(deadline=None)
@given(st.tuples(*[SMALL] * 9), st.sampled_from(ACTIVATIONS))
def test_hand_and_torch_agree_on_every_weight(numbers: tuple[float, ...], name: str) -> None:
    inputs = dict(zip(chain.INPUTS, numbers[:2], strict=True))
    weights = dict(zip(chain.WEIGHTS, numbers[2:8], strict=True))
    f = slope(name)
    passed = chain.forward(inputs, weights, numbers[8], f)
    rows = chain.table(passed, f)
    assert chain.agree(rows), rows
    assert list(passed.gradients()) == list(chain.WEIGHTS)


def test_the_loans_gradients_are_those_of_small_moves_of_the_weights() -> None:
    f, h = slope("sigmoid"), 1e-6
    passed = chain.forward(chain.INPUTS, chain.WEIGHTS, 0.4, f)
    for name, gradient in passed.gradients().items():
        up, down = (
            chain.forward(chain.INPUTS, {**chain.WEIGHTS, name: chain.WEIGHTS[name] + sign * h}, 0.4, f).loss
            for sign in (1, -1)
        )
        assert gradient == pytest.approx((up - down) / (2 * h), abs=1e-9), name


def test_the_finding_says_how_little_a_step_moves() -> None:
    passed = chain.forward(chain.INPUTS, chain.WEIGHTS, chain.TARGET, slope("sigmoid"))
    text = chain.said(passed, "w11", 0.1)
    assert "∂E/∂w₁₁ = 0.0100 · 0.0200 = 0.000200" in text
    assert "moves w₁₁ by 2.00 · 10⁻⁵" in text
    gradients = passed.gradients()
    assert 1 / (0.1 * gradients["w11"]) == pytest.approx(49_900, abs=50)
    assert "a move by 1 takes about 49,900 steps" in text
    assert f"near the output gets {number(gradients['v2'] / gradients['w11'])} times as much" in text
    assert "No weight near the input gets more" in chain.said(passed, "v2", 0.1)
    still = chain.forward({"x1": 0.0, "x2": 0.5}, chain.WEIGHTS, 0.0, slope("sigmoid"))
    assert "exactly 0, so w₁₁ does not move" in chain.said(still, "w11", 0.1)


def test_a_wrong_gradient_is_not_called_equal() -> None:
    class Liar(torch.nn.Module):
        """Its slope depends on who asks: 1 alone, 2 for a single number without a dimension."""

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return z if z.dim() else 2 * z

    f = made(Liar)
    rows = chain.table(chain.forward(chain.INPUTS, chain.WEIGHTS, 0.0, f), f)
    assert not chain.agree(rows)
    assert "differ by up to" in chain.agreement(rows)
