"""A softmax before a loss that has one of its own.

Cross-entropy applies a softmax to what it is given. If that is a softmax p already, the loss of a sample of class y is
-p_y + ln(sum of exp(p_k)). It is least where p is 1 at y and 0 elsewhere: ln(1 + (K - 1)/e), 1.4612 for 10 classes;
and most where p is 1 at another class: exactly 1 more. So a network that is sure of itself and right in a share a of
all cases has the loss ln(1 + (K - 1)/e) + 1 - a: it cannot tell that it has learned.
"""

from __future__ import annotations

import math

import numpy as np

from workbench import Case, Cure, Diagnosis, Rule

from .reading import measured, number, percent, test_rows

SURE = 3.0  # spread of the last layer's outputs at which a softmax of them is close to 0 or 1
NEAR = 0.1  # of the loss to that of a sure network
ROUNDING = 1e-4


def least(classes: int) -> float:
    """The smallest loss that a softmax of a softmax can have."""
    return math.log(1 + (classes - 1) / math.e)


def shares_of_one(case: Case) -> int:
    """K if what the last layer hands on is 1/K on average at every look, as shares of K classes are; else 0."""
    means = measured(case, "activation_mean")
    if means.empty or not (means.iloc[:, -1] > 0).all():
        return 0
    last = means.iloc[:, -1]
    classes = round(1 / last.iloc[0])
    return classes if classes > 1 and ((last * classes - 1).abs() < ROUNDING).all() else 0


def diagnose(case: Case) -> Diagnosis | None:
    """Say between which bounds the loss stays, and what it would be."""
    rows = test_rows(case)
    rows = rows[rows["accuracy"].notna()]
    if rows.empty or not np.isfinite(rows["loss"].to_numpy("float64")).all():
        return None
    classes = shares_of_one(case)
    sign = "The outputs of a sample sum up to 1, as those of a softmax do"
    if not classes:
        classes = round(math.exp(min(rows["loss"].iloc[0], 10.0)))
        spread = measured(case, "activation_std")
        if classes < 2 or spread.empty or not spread.iloc[-1].iloc[-1] >= SURE or len(rows) < 2:
            return None
        last = rows.iloc[-1]
        if last["accuracy"] < 0.6 or abs(last["loss"] - (least(classes) + 1 - last["accuracy"])) > NEAR:
            return None
        sign = f"The last layer's outputs spread by {number(spread.iloc[-1].iloc[-1])}: the network is sure of itself"
    low = least(classes)
    if not ((rows["loss"] >= low - ROUNDING) & (rows["loss"] <= low + 1 + ROUNDING)).all():
        return None
    last = rows.iloc[-1]
    text = (
        f"{sign}, and the loss stays between {low:.4f} = ln(1 + {classes - 1}/e) and 1 more, the bounds of a softmax "
        f"of a softmax: at step {last['step']} it is {last['loss']:.4f} with {percent(last['accuracy'])} right. "
        "Cross-entropy has a softmax of its own; let the model end in logits."
    )
    return Diagnosis(text, [Cure("a model that ends in logits", {"task": {"model": "mlp"}})])


double_softmax = Rule(
    "double_softmax",
    diagnose,
    title="Softmax twice",
    summary="The network ends in a softmax, and the loss applies another: it can never come near 0.",
    equation=r"L \ge \ln\!\left(1 + \frac{K - 1}{e}\right)",
    reference="Bridle 1990, doi:10.1007/978-3-642-76153-9_28; torch.nn.CrossEntropyLoss",
)
