"""The edge of stability: the curvature at which a learning rate is too large, where a closed form is known.

Gradient descent on a quadratic diverges once the Hessian's largest eigenvalue exceeds 2 / lr; trainings on the whole
data set climb to that edge and stay there (Cohen et al. 2021, arXiv:2103.00065). With small batches it is a landmark.
"""

from __future__ import annotations

import math

import pandas as pd

from workbench.blame import blame
from workbench.components import Remedy
from workbench.experiment import Run
from workbench.registry import Registry

STEPWISE = ("edit_param_groups", "wrap_optimizer", "before_step", "after_step", "on_epoch")  # methods that change steps


def edges(runs: list[Run], curve: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Variant, step, value: the largest curvature that each run's learning rate can bear, over its training rows.

    Only variants whose optimizer declares a ``critical_rate`` and no remedy of which changes its steps.
    """
    known = {run.variant: run for run in runs if declared(run, registry)}
    rows = curve[(curve["split"] == "train") & curve["variant"].isin(known) & (curve["lr"] > 0)]
    rows = rows.drop_duplicates(["variant", "step"])[["variant", "step", "lr"]]
    bears: dict[tuple[str, float], float] = {}
    for variant, rate in rows[["variant", "lr"]].drop_duplicates().itertuples(index=False):
        bears[variant, rate] = borne(known[variant], float(rate), registry)
    values = [bears[variant, rate] for variant, rate in zip(rows["variant"], rows["lr"], strict=True)]
    made = rows[["variant", "step"]].assign(value=values).reset_index(drop=True)
    return made[made["value"].notna()]


def declared(run: Run, registry: Registry) -> bool:
    """Whether a closed form can hold: the optimizer has one, and nothing else changes its steps."""
    if registry.get("optimizer", run.base["optimizer"]["use"]).critical_rate is None:
        return False
    remedies = [type(registry.make("remedy", reference)) for reference in run.base["remedies"]]
    return not any(getattr(remedy, name) is not getattr(Remedy, name) for remedy in remedies for name in STEPWISE)


def borne(run: Run, rate: float, registry: Registry) -> float:
    """The largest Hessian eigenvalue with which a learning rate does not diverge: 2 / rate for plain descent; else NaN.

    The optimizer's ``critical_rate`` says the rate of a curvature; this is the curvature of a rate, by bisection.
    """
    reference = run.base["optimizer"]
    component = registry.get("optimizer", reference["use"])
    settings = {key: value for key, value in reference.items() if key != "use"}
    low, high = -30.0, 30.0  # log10 of the curvature
    with blame(registry, "optimizer", reference["use"]):
        critical = component.critical_rate
        if not critical(10.0**low, **settings) >= rate >= critical(10.0**high, **settings):
            return math.nan
        while high - low > 1e-12:
            middle = (low + high) / 2
            low, high = (middle, high) if critical(10.0**middle, **settings) > rate else (low, middle)
    return float(10.0**high)
