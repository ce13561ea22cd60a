"""An experiment: plain data that says what is compared with what, on which task, with which seeds.

``Experiment`` is the text as written (``spec``, ``text``); ``resolve`` completes it with the registry's
defaults and turns it into runs (one variant x one seed); the canonical form of what decides numbers has
a hash; ``vary`` makes variants of values (``grid``).
"""

from workbench.experiment.grid import spell, vary
from workbench.experiment.resolve import Fork, Run, canonical, digest, hash_of, merge, resolve, versions
from workbench.experiment.single import as_experiment
from workbench.experiment.spec import BASES, SCRATCH, SURFACES, TASKS, Axis, Experiment, Sweep, Tune, Variant
from workbench.experiment.text import dump, dumps, loads, parse, read

__all__ = [
    "BASES",
    "SCRATCH",
    "SURFACES",
    "TASKS",
    "Axis",
    "Experiment",
    "Fork",
    "Run",
    "Sweep",
    "Tune",
    "Variant",
    "as_experiment",
    "canonical",
    "digest",
    "dump",
    "dumps",
    "hash_of",
    "loads",
    "merge",
    "parse",
    "read",
    "resolve",
    "spell",
    "vary",
    "versions",
]
