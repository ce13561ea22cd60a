"""What a training notes down as it goes, handed to its recorder in portions."""

from __future__ import annotations

import math
import time
from typing import Any

from workbench.records import Recorder
from workbench.training.probes import Probe

LONGEST_CURVE = 500  # training rows of one run: more than a chart can show
FIRST = 20  # steps that are all kept
WRITE_EVERY = 0.5  # seconds between two portions: a table costs more to make than a step

Row = dict[str, Any]


class Log:
    """The rows of one run: of the curve as many as a chart can show, of the layers all that was measured."""

    def __init__(self, recorder: Recorder, steps: int, batches: int) -> None:
        self.recorder, self.steps, self.batches = recorder, steps, batches
        self.stride = math.ceil(steps / LONGEST_CURVE) or 1
        self.rows: dict[str, list[Row]] = {"curve": [], "layers": [], "histograms": [], "timing": []}
        self.written = -math.inf  # the first rows at once: somebody waits for them

    def wants(self, step: int) -> bool:
        """Whether the training row of this step is kept; the first ones are, in which most goes wrong, and the last."""
        return step < FIRST or step % self.stride == 0 or step == self.steps - 1

    def train(self, step: int, loss: float, accuracy: float, rate: float, norm: float) -> None:
        """A batch, before its step."""
        here = self.here(step) | {"split": "train", "loss": loss, "accuracy": accuracy}
        self.rows["curve"].append(here | {"lr": rate, "grad_norm": norm})

    def test(self, step: int, loss: float, accuracy: float, seconds: float, measuring: float) -> None:
        """The test split, and how long it has taken to get there."""
        self.rows["curve"].append(self.here(step) | {"split": "test", "loss": loss, "accuracy": accuracy})
        self.rows["timing"].append(self.here(step) | {"seconds": seconds, "probe_seconds": measuring})

    def layers(self, rows: list[Row]) -> None:
        """Measurements of the layers."""
        self.rows["layers"] += rows

    def probe(self, probe: Probe) -> None:
        """All that a probe has found."""
        self.layers(probe.rows)
        self.rows["histograms"] += probe.histograms

    def here(self, step: int) -> Row:
        """The step, and the epoch that goes with it."""
        return {"step": step, "epoch": step / self.batches}

    def write_now_and_then(self) -> None:
        """Hand the rows over when it is time."""
        if time.monotonic() - self.written > WRITE_EVERY:
            self.write()

    def write(self) -> None:
        """Hand the rows so far to the recorder."""
        for table, rows in self.rows.items():
            if rows:
                self.recorder.add(table, rows)
                self.rows[table] = []
        self.written = time.monotonic()
