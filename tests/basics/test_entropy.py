"""Cross-entropy: the known losses, torch's own function, the bounds of the doubled loss."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.basics import entropy
from workbench.errors import WorkbenchError

LOGITS = st.lists(st.floats(-30, 30), min_size=2, max_size=8)


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
    assert "0.0 % of the right one's size" in entropy.judged(wrong)
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
