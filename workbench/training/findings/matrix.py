"""A matrix: an experiment's factors with the scores of its runs."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from workbench.errors import ExperimentError
from workbench.experiment import Experiment, Run, resolve
from workbench.registry import Registry
from workbench.training.findings.factors import Design, design
from workbench.training.findings.scores import Metric, Scores, scores


@dataclass(frozen=True)
class Matrix:
    """Which variant stands where, and what its runs reached."""

    design: Design
    scores: Scores


def matrix(
    experiment: Experiment, registry: Registry, summary: pd.DataFrame, curve: pd.DataFrame, metric: Metric | None = None
) -> Matrix:
    """The matrix of an experiment of trainings, from its records ``summary`` and ``curve``."""
    first = experiment.model_copy(update={"seeds": experiment.seeds[:1]})
    return Matrix(design(resolve(first, registry), base_of(first, registry)), scores(summary, curve, metric))


def base_of(experiment: Experiment, registry: Registry) -> Run | None:
    """The run without any variant's changes, or None where the base alone cannot be run: nothing asks for that."""
    try:
        return resolve(experiment.model_copy(update={"variants": []}), registry)[0]
    except ExperimentError:
        return None
