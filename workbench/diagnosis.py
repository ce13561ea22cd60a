"""What a rule of the doctor is shown, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # takes a second to import, and every plugin imports this
    import pandas as pd


@dataclass(frozen=True)
class Case:
    """One training as far as it is: ``curve`` and ``layers`` are its records, without variant and seed.

    ``task`` and ``base`` are the experiment's, every setting complete. ``outcome`` is empty while it is ``live``.
    """

    variant: str
    seed: int
    outcome: str
    steps: int  # updates made so far
    epochs: int
    live: bool
    task: Mapping[str, Any]
    base: Mapping[str, Any]
    curve: pd.DataFrame
    layers: pd.DataFrame


@dataclass(frozen=True)
class Cure:
    """What may help: a variant that differs in ``change`` (its keys as an experiment spells them) from the one that
    was looked at, with ``add_remedies`` added. A setting that is None goes back to its component's default.
    ``label`` names it in 40 letters. ``fork``: it changes no weights, so it can take over in the middle.
    """

    label: str
    change: Mapping[str, Any] = field(default_factory=dict)
    add_remedies: Sequence[str | Mapping[str, Any]] = ()
    fork: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong: ``evidence`` is a sentence with the numbers in it, ``statistic`` what to draw before and after."""

    evidence: str
    cures: Sequence[Cure] = ()
    statistic: str = ""  # of the table layers
