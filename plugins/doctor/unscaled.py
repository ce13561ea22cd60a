"""Inputs whose numbers are far from 1."""

from __future__ import annotations

import math

from workbench import Case, Cure, Diagnosis, Param, Rule

from .reading import number

ABOVE = 10.0


def scale_of_inputs(case: Case, above: float = ABOVE) -> float:
    """The root of the inputs' mean square where it lies outside [1/above, above] of what weights are made for; else 0.

    Initializers keep the size of signals (He et al. 2015, arXiv:1502.01852), so what is far from 1 stays so. The
    lower bound is the square of the upper one: weights adapt to small inputs more easily than to large ones.
    """
    rows = case.layers[(case.layers["index"] == 0).to_numpy()].drop_duplicates("statistic").set_index("statistic")
    if "input_mean" not in rows.index or "input_std" not in rows.index:
        return 0.0
    size = math.hypot(rows.loc["input_mean", "value"], rows.loc["input_std", "value"])
    return size if size > above or 0 < size < above**-2 else 0.0


def diagnose(case: Case, above: float) -> Diagnosis | None:
    """Say how large the inputs are."""
    size = scale_of_inputs(case, above)
    if not size:
        return None
    rows = (
        case.layers[(case.layers["index"] == 0).to_numpy()].drop_duplicates("statistic").set_index("statistic")["value"]
    )
    most = f", at most {number(rows['input_max'])} in size" if "input_max" in rows.index else ""
    text = (
        f"The inputs of the first batch are {number(rows['input_mean'])} ± {number(rows['input_std'])}{most}. Weights "
        f"are drawn for inputs of size 1; these make everything in layer 1 {number(size)} times as large."
    )
    return Diagnosis(text, [Cure("normalised inputs", {"task": {"normalize": True}})])


unscaled = Rule(
    "unscaled",
    diagnose,
    params=[Param("above", ABOVE, low=1.0, high=1e6, scale="log", help="size of the inputs that is too large")],
    title="Unscaled inputs",
    summary="The inputs are far larger or smaller than the weights are made for.",
    equation=r"\sqrt{\mathrm E[x^2]} \gg 1",
    reference="LeCun, Bottou, Orr, Müller 1998, Efficient BackProp",
)
