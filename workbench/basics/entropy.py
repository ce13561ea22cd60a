"""Cross-entropy from logits, step by step, and what becomes of it when softmax is applied twice."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from workbench.basics.written import latex
from workbench.errors import WorkbenchError
from workbench.words import percent

EXAMPLES = ((1.0, 0.5, 0.5, 2.0, 0.1), (0.5, 2.0, 0.5, 0.1, 0.8))
TARGET = 3  # counted from 0, as torch counts: the fourth class
PUBLISHED = (1.314, 1.745)  # for these examples in a study-group report: softmax was applied twice
LARGEST = 100.0  # of a logit: exp of it can still be written out
MOST = 12  # classes that can be read in one picture
ONCE, TWICE = "logits into the loss", "softmax before the loss"


def parse(text: str) -> tuple[float, ...]:
    """Logits as a person types them, separated by spaces or commas; ``WorkbenchError`` says what is allowed."""
    allowed = f"allowed: 2 to {MOST} numbers from {-LARGEST:g} to {LARGEST:g}, like 1, 0.5, 0.5, 2, 0.1"
    made = []
    for word in re.split(r"[\s,;]+", text.strip().strip("()[]").strip()):
        try:
            made.append(float(word))
        except ValueError:
            raise WorkbenchError(f"{word!r:.40} is not a number; {allowed}") from None
        if not abs(made[-1]) <= LARGEST:
            raise WorkbenchError(f"{word:.40} is not a logit that can be written out; {allowed}")
    if not 2 <= len(made) <= MOST:
        raise WorkbenchError(f"{len(made)} given; {allowed}")
    return tuple(made)


def softmax(values: Sequence[float]) -> tuple[float, ...]:
    """exp of each, divided by their sum; the largest is subtracted first, which changes nothing but the range."""
    top = max(values)
    powers = [math.exp(value - top) for value in values]
    return tuple(power / sum(powers) for power in powers)


@dataclass(frozen=True)
class Example:
    """The logits of one example and its class (counted from 0)."""

    logits: tuple[float, ...]
    target: int

    @property
    def powers(self) -> tuple[float, ...]:
        """exp of every logit."""
        return tuple(math.exp(logit) for logit in self.logits)

    @property
    def once(self) -> tuple[float, ...]:
        """Softmax: the probabilities."""
        return softmax(self.logits)

    @property
    def twice(self) -> tuple[float, ...]:
        """Softmax of the probabilities: what a loss that expects logits makes of them."""
        return softmax(self.once)

    @property
    def loss(self) -> float:
        """Cross-entropy, ``nn.CrossEntropyLoss()(logits, target)``: log of the sum of exp, minus the target's logit.

        Written so that a probability that rounds to 0 is no infinite loss.
        """
        top = max(self.logits)
        return math.log(sum(math.exp(logit - top) for logit in self.logits)) + top - self.logits[self.target]

    @property
    def trap(self) -> float:
        """``nn.CrossEntropyLoss()(softmax(logits), target)``."""
        return -math.log(self.twice[self.target])

    def gradient(self) -> tuple[float, ...]:
        """d loss / d logits: p minus 1 at the target."""
        return tuple(p - (index == self.target) for index, p in enumerate(self.once))

    def trap_gradient(self) -> tuple[float, ...]:
        """d trap / d logits: q minus 1 at the target, sent back through the first softmax."""
        p = self.once
        back = [q - (index == self.target) for index, q in enumerate(self.twice)]
        mean = sum(each * share for each, share in zip(back, p, strict=True))
        return tuple(share * (each - mean) for each, share in zip(back, p, strict=True))

    def raised(self, by: float) -> Example:
        """The same with another logit of the target."""
        logits = list(self.logits)
        logits[self.target] += by
        return Example(tuple(logits), self.target)

    def lines(self) -> list[str]:
        """Both losses in LaTeX: the logits into the loss, and a softmax before it."""
        power, total = self.powers[self.target], sum(self.powers)
        again = [math.exp(p) for p in self.once]
        p, q = latex(self.once[self.target]), latex(self.twice[self.target])
        return [
            rf"p &= \frac{{{latex(power)}}}{{{latex(total)}}} = {p}",
            rf"-\log p &= \mathbf{{{self.loss:.6f}}}",
            rf"q &= \frac{{{latex(again[self.target])}}}{{{latex(sum(again))}}} = {q}",
            rf"-\log q &= {self.trap:.6f} \quad \text{{(the trap)}}",
        ]

    def table(self) -> pd.DataFrame:
        """One row a class: class, logit, exp, softmax, exp again, softmax again."""
        return pd.DataFrame(
            {
                "class": [f"{index}{' (target)' * (index == self.target)}" for index in range(len(self.logits))],
                "logit": self.logits,
                "exp": self.powers,
                "softmax": self.once,
                "exp again": [math.exp(p) for p in self.once],
                "softmax again": self.twice,
            }
        )


def norm(values: Sequence[float]) -> float:
    """The Euclidean norm."""
    return math.hypot(*values)


def floor(classes: int) -> float:
    """The least that the loss can be after a softmax: the target has probability 1, so log(1 + (K - 1) / e)."""
    return math.log(1 + (classes - 1) / math.e)


def ceiling(classes: int) -> float:
    """The most that it can be: another class has probability 1, so log(e + K - 1)."""
    return math.log(math.e + classes - 1)


def bars(example: Example) -> pd.DataFrame:
    """One row a class and way: class, way, probability, target."""
    rows = [
        {"class": index, "way": way, "probability": share, "target": index == example.target}
        for way, shares in ((ONCE, example.once), (TWICE, example.twice))
        for index, share in enumerate(shares)
    ]
    return pd.DataFrame(rows)


def sweep(example: Example, reach: float = 10.0, points: int = 81) -> pd.DataFrame:
    """The loss and the norm of its gradient while the target's logit is moved: by, way, loss, gradient."""
    rows = []
    for index in range(points):
        by = reach * (2 * index / (points - 1) - 1)
        moved = example.raised(by)
        rows.append({"by": by, "way": ONCE, "loss": moved.loss, "gradient": norm(moved.gradient())})
        rows.append({"by": by, "way": TWICE, "loss": moved.trap, "gradient": norm(moved.trap_gradient())})
    return pd.DataFrame(rows)


def said(examples: Sequence[Example]) -> str:
    """The finding about all examples."""
    right = " and ".join(f"{example.loss:.6f}" for example in examples)
    wrong = " and ".join(f"{example.trap:.3f}" for example in examples)
    return f"The loss is {right}; with a softmax in front of it {wrong}."


def judged(example: Example) -> str:
    """What the trap does to one example: where its loss ends, and what is left of the gradient."""
    classes = len(example.logits)
    right, left = norm(example.gradient()), norm(example.trap_gradient())
    share = f"{percent(left / right)} of" if right else "nothing to compare with"
    return (
        f"With {classes} classes the doubled loss lies between {floor(classes):.3f} and {ceiling(classes):.3f}, "
        f"however good or bad the network is; here its gradient has {share} the right one's size."
    )
