"""Records: the long, typed tables in which every run says what happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from torch import Tensor

WHO = {"variant": "str", "seed": "int64"}
TABLES: dict[str, dict[str, str]] = {
    "summary": {
        "outcome": "str",
        "steps": "int64",
        "final_loss": "float64",  # mean training loss of the last epoch
        "final_accuracy": "float64",  # test split
        "best_accuracy": "float64",
        "value": "float64",  # of the surface, where the descent ended
        "evaluations": "float64",  # of the gradient, in a descent
        "state_bytes": "float64",  # what the optimizer keeps besides the two coordinates
        "seconds": "float64",
        "message": "str",
    },
    "path": {"step": "int64", "x": "float64", "y": "float64", "value": "float64", "lr": "float64"},
    "state": {  # what moves a descent from each step on: "gradient", "move", and what the optimizer keeps
        "step": "int64",
        "name": "str",
        "x": "float64",
        "y": "float64",
    },
    "sweep": {
        "parameter": "str",
        "setting": "float64",
        "parameter_2": "str",  # of a map; else empty
        "setting_2": "float64",
        "outcome": "str",
        "steps_to_tolerance": "float64",  # NaN: never got there
        "value": "float64",
        "x": "float64",
        "y": "float64",
        "minimum": "int64",  # the one it ended at: 1 is the lowest, 0 none
    },
    "trials": {
        "trial": "int64",  # from 1, in the order in which they were drawn
        "settings": "str",  # as the TOML of an experiment spells them
        "outcome": "str",
        "steps_to_tolerance": "float64",
        "value": "float64",
        "evaluations": "float64",
    },
    "curve": {
        "step": "int64",
        "epoch": "float64",
        "split": "str",
        "loss": "float64",
        "accuracy": "float64",
        "lr": "float64",
        "grad_norm": "float64",
    },
    "layers": {
        "step": "int64",
        "layer": "str",
        "index": "int64",  # 1 = nearest the input; 0 = of the inputs, or of the network as a whole
        "statistic": "str",
        "value": "float64",
    },
    "histograms": {  # of the entries' sizes, in bins of half a decade
        "step": "int64",
        "layer": "str",
        "index": "int64",
        "what": "str",  # "gradient" or "activation"
        "bin": "float64",  # lower end, log10; -inf: exactly 0, inf: not finite
        "count": "int64",
    },
    "timing": {  # with the seconds of the summary, all that may differ between identical runs
        "step": "int64",
        "epoch": "float64",
        "seconds": "float64",
        "probe_seconds": "float64",  # of them, those that went into measuring the layers
    },
}
OUTCOMES = {
    "descent": ("converged", "slow", "oscillating", "stuck", "diverged"),
    "training": ("finished", "diverged", "stopped", "failed"),  # one that is paused has none yet
}

Rows: TypeAlias = Iterable[Mapping[str, Any]] | pd.DataFrame


def frame(table: str, rows: Rows, who: bool = False) -> pd.DataFrame:
    """Make a typed table; columns that a row leaves out are NaN or empty. ``who`` adds variant and seed."""
    columns = (WHO if who else {}) | TABLES[table]
    made = pd.DataFrame(rows if isinstance(rows, pd.DataFrame) else list(rows)).reindex(columns=list(columns))
    for column, kind in columns.items():
        if made[column].dtype == kind:
            continue
        if kind == "str":
            made[column] = made[column].astype(object).where(made[column].notna(), "").astype("str")
        elif kind == "int64":
            made[column] = made[column].fillna(0).astype("int64")
        else:
            made[column] = made[column].astype(kind)
    return made


def label(table: str, rows: pd.DataFrame, variant: str, seed: int) -> pd.DataFrame:
    """Put variant and seed in front of a run's rows."""
    return label_all(table, [variant], [seed], [rows])


def label_all(table: str, variants: Sequence[str], seeds: Sequence[int], parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of several runs in one table, each with its variant and seed in front."""
    columns = list(TABLES[table])
    typed = [rows if list(rows.columns) == columns else frame(table, rows) for rows in parts]  # a column was added
    made = pd.concat(typed, ignore_index=True) if len(typed) > 1 else typed[0].reset_index(drop=True)
    counts = [len(rows) for rows in typed]
    made.insert(0, "variant", pd.array(np.repeat(np.array(variants, dtype=object), counts), dtype="str"))
    made.insert(1, "seed", np.repeat(np.array(seeds, dtype=np.int64), counts))
    return made


Records = dict[str, pd.DataFrame]


class Recorder(Protocol):
    """Where a run puts what it finds out, and what it asks while it runs."""

    def add(self, table: str, rows: Rows) -> None:
        """Append rows to a table (without variant and seed)."""

    def progress(self, done: int, total: int) -> None:
        """Say how many steps are done; cheap enough to call at every step."""

    def asked(self) -> str:
        """The outcome that somebody asks for, "stopped" or "paused", or ""; cheap enough to ask at every step."""

    def due(self) -> bool:
        """Whether it is time for a checkpoint; cheap, too."""

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Keep a state (plain data and tensors, with its ``step``) from which the run can go on."""

    def resume(self) -> dict[str, Any] | None:
        """The state from which this run goes on, or None: from the start."""

    def earlier(self, run_id: str, step: int) -> dict[str, Any] | None:
        """The newest state of another run at or before a step."""

    def save_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Keep the trained weights."""

    def load_weights(self, run_id: str) -> dict[str, Tensor]:
        """The weights that a finished run kept."""


class MemoryRecorder:
    """A recorder that keeps everything in memory: for tests, benchmarks and light work."""

    def __init__(self) -> None:
        self.parts: dict[str, list[pd.DataFrame]] = {table: [] for table in TABLES}
        self.weights: dict[str, Tensor] = {}
        self.sources: dict[str, dict[str, Tensor]] = {}

    def add(self, table: str, rows: Rows) -> None:
        """Keep the rows."""
        self.parts[table].append(frame(table, rows))

    def progress(self, done: int, total: int) -> None:
        """Nobody watches."""

    def asked(self) -> str:
        """Nobody can ask for anything."""
        return ""

    def due(self) -> bool:
        """Nothing interrupts it."""
        return False

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Nothing would read it."""

    def resume(self) -> dict[str, Any] | None:
        """It always begins at the start."""
        return None

    def earlier(self, run_id: str, step: int) -> dict[str, Any] | None:
        """No other run is known."""
        return None

    def save_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Keep copies of the weights."""
        self.weights = {name: tensor.detach().clone() for name, tensor in weights.items()}

    def load_weights(self, run_id: str) -> dict[str, Tensor]:
        """Weights that the caller put into ``sources``."""
        return self.sources[run_id]

    def table(self, name: str) -> pd.DataFrame:
        """All rows of one table so far."""
        parts = self.parts[name]
        return pd.concat(parts, ignore_index=True) if parts else frame(name, [])
