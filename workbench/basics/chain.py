"""The chain rule on a tiny network that decides about a loan: two inputs, two hidden units, one output.

z_j = w_1j x_1 + w_2j x_2, a_j = f(z_j), s = v_1 a_1 + v_2 a_2, y = f(s), E = (y - t)^2 / 2. No biases, so that every
number on the way has a name. w_ij leads from input i to hidden unit j.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import torch

from workbench.basics.slope import Slope
from workbench.basics.written import bracketed, indexed, latex, lowered, number

# A well-known tutorial's example has dE/da = 0.01 and da/dw11 = 0.02; with these numbers and a sigmoid so has this one.
INPUTS = {"x1": 0.1, "x2": 0.7}
WEIGHTS = {"w11": 0.5, "w21": 1.3, "w12": 1.0, "w22": 3.0, "v1": 0.1, "v2": 2.0}
TARGET = 0.0
FIRST = ("w11", "w21", "w12", "w22")  # the layer near the input
LAST = ("v1", "v2")
NEAR, FAR = "layer 1, near the input", "layer 2, near the output"
EXACT = 1e-12  # how far hand and torch may be apart, relative to the largest gradient


@dataclass(frozen=True)
class Unit:
    """One unit: its weighted sum, what its activation makes of it, and the activation's slope there."""

    before: float
    after: float
    slope: float


@dataclass(frozen=True)
class Factor:
    """One factor of a chain: d(top)/d(bottom), the formula it stands for, its number."""

    top: str
    bottom: str
    formula: str  # LaTeX, with names
    value: float

    @property
    def fraction(self) -> str:
        """The derivative in LaTeX."""
        return rf"\frac{{\partial {indexed(self.top)}}}{{\partial {indexed(self.bottom)}}}"


@dataclass(frozen=True)
class Chain:
    """The factors from the loss back to ``middle``, and those from there to the weight."""

    weight: str
    middle: str
    back: tuple[Factor, ...]
    on: tuple[Factor, ...]

    @property
    def halves(self) -> tuple[Factor, Factor]:
        """dE/d(middle) and d(middle)/d(weight), each the product of its factors."""
        return (
            Factor("E", self.middle, "", math.prod(factor.value for factor in self.back)),
            Factor(self.middle, self.weight, "", math.prod(factor.value for factor in self.on)),
        )

    @property
    def gradient(self) -> float:
        """dE/d(weight)."""
        return self.halves[0].value * self.halves[1].value

    def lines(self) -> list[str]:
        """The arithmetic in LaTeX: every factor, both halves, the product."""
        made = []
        for half, factors in zip(self.halves, (self.back, self.on), strict=True):
            for factor in factors:
                made.append(f"{factor.fraction} &= {factor.formula} = {latex(factor.value)}")
            if len(factors) > 1:
                product = r" \cdot ".join(bracketed(factor.value) for factor in factors)
                made.append(f"{half.fraction} &= {product} = {latex(half.value)}")
        return made

    def product(self) -> list[str]:
        """The last lines in LaTeX: dE/dw as the product of both halves."""
        back, on = self.halves
        whole = Factor("E", self.weight, "", self.gradient)
        names = rf"{whole.fraction} &= {back.fraction} \cdot {on.fraction}"
        return [names, rf"&= {bracketed(back.value)} \cdot {bracketed(on.value)} = {latex(self.gradient)}"]


@dataclass(frozen=True)
class Pass:
    """A forward pass with every number on the way."""

    inputs: Mapping[str, float]
    weights: Mapping[str, float]
    target: float
    hidden: tuple[Unit, Unit]
    output: Unit

    @property
    def loss(self) -> float:
        """E, half the squared error."""
        return (self.output.after - self.target) ** 2 / 2

    def chain(self, weight: str) -> Chain:
        """How the loss depends on one weight."""
        y = self.output.after
        wrong = Factor("E", "y", f"y - t = {latex(y)} - {self.target:g}", y - self.target)
        end = Factor("y", "s", "f'(s)", self.output.slope)
        unit = weight[-1]
        hidden = self.hidden[int(unit) - 1]
        if weight in LAST:
            return Chain(weight, "s", (wrong, end), (Factor("s", weight, indexed(f"a{unit}"), hidden.after),))
        source = f"x{weight[1]}"
        return Chain(
            weight,
            f"a{unit}",
            (wrong, end, Factor("s", f"a{unit}", indexed(f"v{unit}"), self.weights[f"v{unit}"])),
            (
                Factor(f"a{unit}", f"z{unit}", f"f'({indexed(f'z{unit}')})", hidden.slope),
                Factor(f"z{unit}", weight, indexed(source), self.inputs[source]),
            ),
        )

    def gradients(self) -> dict[str, float]:
        """dE/dw of every weight, by hand: factors multiplied."""
        return {name: self.chain(name).gradient for name in WEIGHTS}


def forward(inputs: Mapping[str, float], weights: Mapping[str, float], target: float, activation: Slope) -> Pass:
    """Run the network forward; only the activation and its slope at one number come from torch."""
    x1, x2 = inputs["x1"], inputs["x2"]
    z = [weights["w11"] * x1 + weights["w21"] * x2, weights["w12"] * x1 + weights["w22"] * x2]
    a, slopes = activation.at(z)
    s = weights["v1"] * a[0] + weights["v2"] * a[1]
    (y,), (slope,) = activation.at([s])
    one, two = (Unit(*each) for each in zip(z, a, slopes, strict=True))
    return Pass(dict(inputs), dict(weights), target, (one, two), Unit(s, y, slope))


def by_torch(passed: Pass, activation: Slope) -> dict[str, float]:
    """dE/dw of every weight as ``backward()`` gives it, through the whole network."""
    leaf = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in passed.weights.items()
    }
    f = activation.module.to(torch.float64)
    x1, x2 = passed.inputs["x1"], passed.inputs["x2"]
    a1 = f((leaf["w11"] * x1 + leaf["w21"] * x2).clone())
    a2 = f((leaf["w12"] * x1 + leaf["w22"] * x2).clone())
    y = f((leaf["v1"] * a1 + leaf["v2"] * a2).clone())
    ((y - passed.target) ** 2 / 2).backward()
    return {name: 0.0 if (grad := leaf[name].grad) is None else float(grad) for name in WEIGHTS}


def table(passed: Pass, activation: Slope) -> pd.DataFrame:
    """One row a weight: weight, layer, value, hand, torch, difference."""
    hand, torch_ = passed.gradients(), by_torch(passed, activation)
    return pd.DataFrame(
        {
            "weight": [lowered(name) for name in WEIGHTS],
            "layer": [NEAR if name in FIRST else FAR for name in WEIGHTS],
            "value": [passed.weights[name] for name in WEIGHTS],
            "hand": [hand[name] for name in WEIGHTS],
            "torch": [torch_[name] for name in WEIGHTS],
            "difference": [abs(hand[name] - torch_[name]) for name in WEIGHTS],
        }
    )


def drawing(passed: Pass) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The network for a picture.

    Units have the columns unit, name, forward, backward, tip; weights name, label, text, layer, value, gradient, said.
    """
    one, two = passed.hidden
    wrong = passed.output.after - passed.target
    back = wrong * passed.output.slope
    forward = {"x1": passed.inputs["x1"], "x2": passed.inputs["x2"], "1": one.after, "2": two.after}
    forward |= {"y": passed.output.after, "E": passed.loss}
    backward = {"1": back * passed.weights["v1"], "2": back * passed.weights["v2"], "y": wrong}
    names = {"x1": "x₁", "x2": "x₂", "1": "a₁", "2": "a₂", "y": "y", "E": "E"}
    tips = {
        "x1": "income",
        "x2": "savings",
        "1": f"f({number(one.before)}), slope {number(one.slope)}",
        "2": f"f({number(two.before)}), slope {number(two.slope)}",
        "y": f"f({number(passed.output.before)}), slope {number(passed.output.slope)}",
        "E": f"half the squared distance to the target {passed.target:g}",
    }
    units = pd.DataFrame(
        [
            {
                "unit": unit,
                "name": name,
                "forward": f"{forward[unit]:g}" if unit in passed.inputs else number(forward[unit]),
                "backward": number(backward[unit]) if unit in backward else "",
                "tip": tips[unit],
            }
            for unit, name in names.items()
        ]
    )
    gradients = passed.gradients()
    weights = pd.DataFrame(
        [
            {
                "name": name,
                "label": lowered(name),
                "text": f"{lowered(name)} = {passed.weights[name]:g}",
                "layer": NEAR if name in FIRST else FAR,
                "value": passed.weights[name],
                "gradient": gradient,
                "said": number(gradient),
            }
            for name, gradient in gradients.items()
        ]
    )
    return units, weights


def agree(rows: pd.DataFrame) -> bool:
    """Whether hand and torch are the same but for rounding."""
    return bool(rows["difference"].max() <= EXACT * max(1.0, float(rows["torch"].abs().max())))


def agreement(rows: pd.DataFrame) -> str:
    """The finding of the check against torch."""
    worst = float(rows["difference"].max())
    if not agree(rows):
        return f"Hand and torch differ by up to {number(worst, 2)}: look at how this activation computes its gradient."
    same = "exactly" if worst == 0 else f"to within {number(worst, 2)}"
    return f"All six by hand and by torch's backward() agree {same}."


def said(passed: Pass, weight: str, lr: float) -> str:
    """The finding: how much one step moves the weight, and how that compares to the other layer."""
    chain = passed.chain(weight)
    back, on = chain.halves
    name, gradient = lowered(weight), chain.gradient
    product = f"∂E/∂{name} = {number(back.value)} · {number(on.value)} = {number(gradient)}"
    if gradient == 0:
        return f"{product}: one factor is exactly 0, so {name} does not move at all, whatever the learning rate."
    step = lr * abs(gradient)
    move = f"a step with learning rate {lr:g} moves {name} by {number(step)}"
    if step < 0.1:
        move += f"; at this pace a move by 1 takes about {float(f'{1 / step:.3g}'):,.0f} steps"
    own, other = (FIRST, LAST) if weight in FIRST else (LAST, FIRST)
    gradients = passed.gradients()
    most = max(abs(gradients[each]) for each in other)
    where = "near the output" if own is FIRST else "near the input"
    if most > abs(gradient):
        compared = f"The steepest weight {where} gets {number(most / abs(gradient))} times as much"
    else:
        compared = f"No weight {where} gets more"
    return f"{product}: {move}. {compared}."
