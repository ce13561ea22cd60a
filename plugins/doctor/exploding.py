"""Gradients that grow on their way to the first layer."""

from __future__ import annotations

from workbench import Case, Cure, Diagnosis, Param, Rule

from .cures import BATCH_NORM, CLIP_NORM, RESIDUAL, WARMUP, fitting_weights, rate_times
from .reading import first_over_last, last_index, learned, measured, now, number

ABOVE = 30.0
NORMS = {"batch_norm", "layer_norm", "group_norm", "rms_norm"}
LOUD = 30.0  # outputs that spread so far are not those of a network whose weights fit


def explodes(case: Case, above: float = ABOVE) -> bool:
    """Whether the signal in the first layer is many times that in the last, at the first look."""
    ratio = first_over_last(case)
    return bool(len(ratio) and ratio.iloc[0] >= above)


def diagnose(case: Case, above: float) -> Diagnosis | None:
    """Say by how much, whether the forward pass grows too, and whether it fades."""
    if not explodes(case, above):
        return None
    ratio, last = first_over_last(case), last_index(case)
    growth = ratio.iloc[0] ** (1 / (last - 1))
    text = (
        f"At step {ratio.index[0]} the norm of the signal's gradient in layer 1 is {number(ratio.iloc[0])} times that "
        f"in layer {last}: {growth:.3g} times a layer."
    )
    predicted = measured(case, "theory_signal_norm")
    if predicted.shape[1] > 1 and predicted.iloc[0, -1] > 0:
        text += f" Theory expects {number(predicted.iloc[0, 0] / predicted.iloc[0, -1])}."
    spread = measured(case, "activation_std").iloc[0]
    loud = spread.iloc[-1] >= LOUD
    text += (
        f" The forward pass {'grows, too' if loud else 'is sound'}: the outputs spread by {number(spread.iloc[-1])}."
    )
    if len(ratio) > 1:
        fades = ": it fades" if ratio.iloc[-1] < ratio.iloc[0] / 4 else ""
        text += f" {now(case).capitalize()} {ratio.index[-1]} it is {number(ratio.iloc[-1])} times{fades}."
    if learned(case):
        text += " The network learns all the same."
    return Diagnosis(text, [*structure(case), CLIP_NORM, WARMUP, *rate_times(case, 0.1)], "signal_grad_norm")


def structure(case: Case) -> list[Cure]:
    """What keeps the gradient's size from layer to layer: under a norm the weights have no say in it."""
    remedies = [dict(each) for each in case.base["remedies"]]
    used = {each["use"] for each in remedies}
    if "residual" in used:  # each block adds to what comes in, unless it begins at nothing
        others = [each for each in remedies if each["use"] != "residual"]
        return [Cure("ReZero", {"remedies": [*others, "rezero"]})]
    if used & NORMS:
        return [RESIDUAL]
    return [fitting_weights(case), BATCH_NORM]


exploding = Rule(
    "exploding",
    diagnose,
    params=[
        Param("above", ABOVE, low=1.0, high=1e9, scale="log", help="first over last layer's signal that is too large")
    ],
    title="Exploding gradient",
    summary="Each layer makes the gradient larger, so the first layers are told to move much farther than the last.",
    equation=r"\lVert \partial L / \partial z_1 \rVert \gg \lVert \partial L / \partial z_L \rVert",
    reference="Yang et al. 2019, arXiv:1902.08129; Pascanu, Mikolov, Bengio 2012, arXiv:1211.5063",
)
