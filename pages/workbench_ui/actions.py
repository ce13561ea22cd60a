"""The ways from one page to another: what is shown becomes an experiment of another kind."""

from __future__ import annotations

from workbench import registry
from workbench.descent.tuned import at_best, tuning_of
from workbench.experiment import Experiment
from workbench_ui.body import Action, Result


def each_tuned(result: Result) -> Experiment:
    """The same comparison with random trials for every variant."""
    return tuning_of(result.experiment, registry.current())


def each_at_best(result: Result) -> Experiment:
    """Single descents, each variant with the settings of its best trial."""
    return at_best(result.experiment, result.records["trials"], registry.current())


TUNE_EQUALLY = Action(
    "Tune each equally",
    ":material/tune:",
    "Opens Tuning: the same task and variants, each with 32 random settings of its optimizer.",
    each_tuned,
)
COMPARE_AT_BEST = Action(
    "Compare at their best",
    ":material/compare_arrows:",
    "Opens Surfaces: each variant with the settings of its best trial.",
    each_at_best,
)
