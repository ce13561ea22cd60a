"""Units that are all equal, and stay so."""

from __future__ import annotations

from workbench import Case, Diagnosis, Rule

from .cures import HE, XAVIER, squeezes
from .reading import hidden, layers_named, measured


def all_zero(case: Case) -> bool:
    """Whether every weight of at least two layers is 0 at the first look."""
    table = measured(case, "weight_norm")
    return bool(len(table) and table.shape[1] > 1 and (table.iloc[0] == 0).all())


def units_agree(case: Case) -> list[int]:
    """The hidden layers in which all units say the same of a sample at the first look, though not of every sample.

    Then the correlation between two samples has no meaning (NaN) while the activations spread. It has none, either,
    where units are dead or saturated: those layers do not count.
    """
    tables = [
        hidden(measured(case, name))
        for name in ("activation_correlation", "activation_std", "dead_fraction", "saturated_fraction")
    ]
    if any(table.empty for table in tables) or case.task["model"].get("width") == 1:
        return []
    correlation, std, dead, saturated = (table.iloc[0] for table in tables)
    if squeezes(case) and (saturated >= 0.5).any():
        return []
    return list(correlation.index[correlation.isna() & (std > 0) & (dead == 0)])


def diagnose(case: Case) -> Diagnosis | None:
    """Say which layers, and what that means for their gradients."""
    cures = [XAVIER, HE] if squeezes(case) else [HE, XAVIER]
    if all_zero(case):
        gradients = measured(case, "weight_grad_norm")
        without = list(gradients.columns[(gradients == 0).all()])
        text = f"At step {gradients.index[0]} every weight is 0, so all units of a layer are equal."
        if without:
            which = "" if len(without) == gradients.shape[1] else f" of {layers_named(without, 0)}"
            until = f" up to step {gradients.index[-1]}" if gradients.index[-1] else ""
            text += f" No weight{which} gets a gradient{until}."
        return Diagnosis(text, cures, "activation_correlation")
    if agree := units_agree(case):
        table = hidden(measured(case, "activation_correlation"))
        still = list(table.columns[table.isna().all()])
        text = (
            f"At step {table.index[0]} all units of {layers_named(agree, table.shape[1])} say the same of every "
            "sample: they have equal weights, so they get equal gradients."
        )
        if still and len(table) > 1:
            text += f" At step {table.index[-1]} that still holds of {layers_named(still, table.shape[1])}."
        return Diagnosis(text, cures, "activation_correlation")
    return None


symmetric = Rule(
    "symmetric",
    diagnose,
    title="Equal units",
    summary="All units of a layer start from equal weights, get equal gradients and count for one.",
    equation=r"w_i = w_j \;\Rightarrow\; \partial L/\partial w_i = \partial L/\partial w_j",
    reference="Goodfellow, Bengio, Courville 2016, Deep Learning, section 8.4",
)
