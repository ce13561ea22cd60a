"""The small lessons: every number against a closed form, torch's own functions, or autograd."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import Activation, registry
from workbench.basics import chain, depth, entropy, shortcut, squares
from workbench.basics.slope import Slope
from workbench.basics.written import aligned, bracketed, indexed, latex, lowered, number
from workbench.errors import WorkbenchError
from workbench.registry import Plugin

KNOWN = registry.current()
ACTIVATIONS = KNOWN.names("activation")
SMALL = st.floats(-4, 4)
LOGITS = st.lists(st.floats(-30, 30), min_size=2, max_size=8)


def slope(name: str, **settings: float) -> Slope:
    return Slope({"use": name, **KNOWN.settings("activation", name, settings)}, KNOWN)


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


# --- numbers as they are written


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
    assert aligned(["a &= 1", "&= 2"]) == r"\begin{aligned}\rule{0pt}{2em}a &= 1\\[8pt]&= 2\end{aligned}"


# --- the slope of a registered activation


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


def made(factory: object) -> Slope:
    """An activation that no plugin registers."""
    known = registry.Registry()
    known.add("activation", Activation("made", factory, title="Made"), Plugin("mine", "t", "x"))  # type: ignore[arg-type]
    return Slope({"use": "made"}, known)


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


# --- the chain rule


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
    assert f"{round(1 / (0.1 * gradients['w11'])):,} steps" in text
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


# --- backward() on x -> sum x^2


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


# --- cross-entropy


def test_the_two_examples_have_the_known_losses() -> None:
    examples = [entropy.Example(logits, entropy.TARGET) for logits in entropy.EXAMPLES]
    assert [round(example.loss, 6) for example in examples] == [0.674835, 2.540286]
    assert tuple(round(example.trap, 3) for example in examples) == entropy.PUBLISHED
    assert entropy.said(examples) == (
        "The loss is 0.674835 and 2.540286; with a softmax in front of it 1.314 and 1.745."
    )


def test_no_other_class_gives_the_published_numbers() -> None:
    """So "class 3" counts from 0: only the fourth logit does."""
    for target in range(5):
        found = tuple(round(entropy.Example(logits, target).trap, 3) for logits in entropy.EXAMPLES)
        assert (found == entropy.PUBLISHED) == (target == 3)


@settings(deadline=None)
@given(LOGITS, st.integers(0, 7))
def test_losses_and_gradients_are_torchs(logits: list[float], target: int) -> None:
    target %= len(logits)
    example = entropy.Example(tuple(logits), target)
    for first, loss, gradient in (
        (lambda z: z, example.loss, example.gradient()),
        (lambda z: z.softmax(-1), example.trap, example.trap_gradient()),
    ):
        z = torch.tensor([logits], dtype=torch.float64, requires_grad=True)
        found = torch.nn.CrossEntropyLoss()(first(z), torch.tensor([target]))
        found.backward()
        assert loss == pytest.approx(found.item(), rel=1e-10, abs=1e-12)
        assert z.grad is not None
        assert list(gradient) == pytest.approx(z.grad[0].tolist(), abs=1e-12)


@settings(deadline=None)
@given(LOGITS, st.integers(0, 7))
def test_the_doubled_loss_lies_between_floor_and_ceiling(logits: list[float], target: int) -> None:
    example = entropy.Example(tuple(logits), target % len(logits))
    assert entropy.floor(len(logits)) - 1e-12 <= example.trap <= entropy.ceiling(len(logits)) + 1e-12


def test_floor_and_ceiling_are_reached_by_the_most_certain_networks() -> None:
    for classes in (2, 5, 10):
        sure = (100.0, *[0.0] * (classes - 1))
        assert entropy.Example(sure, 0).trap == pytest.approx(entropy.floor(classes), abs=1e-12)
        assert entropy.Example(sure, 1).trap == pytest.approx(entropy.ceiling(classes), abs=1e-12)
    assert entropy.floor(10) == pytest.approx(math.log(1 + 9 / math.e))


def test_a_sure_mistake_gets_no_gradient_through_two_softmaxes() -> None:
    wrong = entropy.Example((-20.0, 0.0, 0.0), 0)
    assert entropy.norm(wrong.gradient()) > 1
    assert entropy.norm(wrong.trap_gradient()) < 1e-8
    assert "0% of the right one's size" in entropy.judged(wrong)
    assert f"between {math.log(1 + 2 / math.e):.3f} and {math.log(math.e + 2):.3f}" in entropy.judged(wrong)


def test_the_table_is_the_arithmetic_step_by_step() -> None:
    example = entropy.Example(entropy.EXAMPLES[0], 3)
    rows = example.table()
    total = sum(math.exp(z) for z in entropy.EXAMPLES[0])
    assert rows["softmax"].tolist() == pytest.approx([math.exp(z) / total for z in entropy.EXAMPLES[0]])
    again = sum(rows["exp again"])
    assert rows["softmax again"].tolist() == pytest.approx([each / again for each in rows["exp again"]])
    assert -math.log(rows["softmax"][3]) == pytest.approx(example.loss)
    assert rows["class"][3] == "3 (target)"


def test_the_sweep_passes_through_the_example_itself() -> None:
    example = entropy.Example(entropy.EXAMPLES[1], 3)
    rows = entropy.sweep(example)
    here = rows[rows["by"] == 0].set_index("way")
    assert here.loc[entropy.ONCE, "loss"] == pytest.approx(example.loss)
    assert here.loc[entropy.TWICE, "loss"] == pytest.approx(example.trap)
    assert (rows["by"].min(), rows["by"].max()) == (-10, 10)
    assert example.raised(2.5).logits == (0.5, 2.0, 0.5, 2.6, 0.8)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1, two", "'two' is not a number"),
        ("1", "1 given"),
        ("1, nan", "nan is not a logit"),
        ("1 1000", "1000 is not a logit"),
        (" ".join(["1"] * 13), "13 given"),
        ("", "'' is not a number"),
    ],
)
def test_logits_that_cannot_be_read_are_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(WorkbenchError, match=why) as error:
        entropy.parse(text)
    assert "allowed: 2 to 12 numbers from -100 to 100" in str(error.value)


def test_logits_are_read_with_commas_spaces_and_brackets() -> None:
    assert entropy.parse("(1, .5, .5, 2,.1)") == entropy.EXAMPLES[0]
    assert entropy.parse(" .5 2 .5 .1 .8 ") == entropy.EXAMPLES[1]


# --- depth


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


# --- the shortcut


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
    assert shortcut.paths_said(on).endswith(f"Those through at most 4 of 10 branches carry {short:.0%} of it.")
    rows = shortcut.paths(on)
    assert rows["share"].tolist() == pytest.approx([math.comb(10, k) * 0.25**k for k in range(11)])
    assert rows["paths"].sum() == 2**10
    assert "not from growing" in shortcut.said(shortcut.walks(slope("identity"), 1.0, 50, 1.0))


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
