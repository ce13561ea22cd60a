"""The trunk of a fork: another run, trained up to the step where the branch begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.records import Recorder, Rows

if TYPE_CHECKING:
    from torch import Tensor


class Replay:
    """The recorder of a trunk: nothing is recorded anew, and the trunk's own checkpoints shorten the way."""

    def __init__(self, recorder: Recorder, trunk: str, step: int) -> None:
        self.recorder, self.trunk, self.step = recorder, trunk, step

    def add(self, table: str, rows: Rows) -> None:
        """Nothing: the trunk's own run records it."""

    def progress(self, done: int, total: int) -> None:
        """The branch's progress counts from the trunk's first step."""
        self.recorder.progress(done, total)

    def asked(self) -> str:
        """What is asked of the branch."""
        return self.recorder.asked()

    def due(self) -> bool:
        """Never: the branch keeps its own."""
        return False

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Nothing."""

    def resume(self) -> dict[str, Any] | None:
        """The trunk's newest checkpoint at or before the fork."""
        return self.recorder.earlier(self.trunk, self.step)

    def earlier(self, run_id: str, step: int) -> dict[str, Any] | None:
        """A checkpoint of a trunk's own trunk."""
        return self.recorder.earlier(run_id, step)

    def save_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Nothing."""

    def load_weights(self, run_id: str) -> dict[str, Tensor]:
        """The weights of a source."""
        return self.recorder.load_weights(run_id)
