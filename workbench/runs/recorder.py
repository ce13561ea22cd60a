"""A recorder that writes into a run folder as the run goes on, cheap enough to be asked at every step."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.errors import WorkbenchError
from workbench.records import TABLES, Rows, frame
from workbench.runs import store

if TYPE_CHECKING:
    from torch import Tensor

FLUSH = 0.5  # seconds between writes: how live a page is
LOOK = 0.1  # seconds between looks for a request to stop


class FolderRecorder:
    """Buffers rows and writes them, with the status, twice a second."""

    def __init__(self, run_id: str, status: store.Status) -> None:
        self.run_id = run_id
        self.status = status
        self._rows: dict[str, list[pd.DataFrame]] = {table: [] for table in TABLES}
        self._number = 0
        self._written = 0.0
        self._looked = 0.0
        self._done, self._total = status.done, status.total
        self._stop = False
        self._began = time.monotonic()

    def add(self, table: str, rows: Rows) -> None:
        """Append rows to a table."""
        self._rows[table].append(frame(table, rows))
        self._tick()

    def progress(self, done: int, total: int) -> None:
        """Note how far the run is."""
        if (done, total) != (self._done, self._total):
            self._done, self._total = done, total
            self._tick()

    def stopped(self) -> bool:
        """Whether somebody asked to stop."""
        now = time.monotonic()
        if now - self._looked > LOOK:
            self._looked = now
            self._stop = (store.folder(self.run_id) / "stop").exists()
        return self._stop

    def save_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Keep the trained weights as safetensors: plain numbers, nothing that could run."""
        from safetensors.torch import save

        content = save({name: tensor.detach().contiguous() for name, tensor in weights.items()})
        store.write(store.folder(self.run_id) / "weights.safetensors", content)

    def load_weights(self, run_id: str) -> dict[str, Tensor]:
        """The weights of a finished run."""
        from safetensors.torch import load

        try:
            return load((store.folder(run_id) / "weights.safetensors").read_bytes())
        except FileNotFoundError:
            raise WorkbenchError(f"the run {run_id} kept no weights: run its training again") from None

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write the summary row, merge the parts and say how it ended."""
        self.add("summary", [summary])
        self._flush()
        place = store.folder(self.run_id)
        for table in TABLES:
            if pieces := store.parts(self.run_id, table):
                store.write(place / f"{table}.parquet", parquet(store.read_table(self.run_id, table)))
                for piece in pieces:
                    if piece.name != f"{table}.parquet":
                        piece.unlink(missing_ok=True)
        outcome = str(summary["outcome"])
        state = outcome if outcome in ("stopped", "failed") else "finished"
        self._write_status(state=state, outcome=outcome, message=str(summary.get("message", "")))

    def _tick(self) -> None:
        if time.monotonic() - self._written > FLUSH:
            self._flush()

    def _flush(self) -> None:
        for table, frames in self._rows.items():
            if frames:
                self._number += 1
                name = f"{table}-{self._number:06d}.parquet"
                rows = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
                store.write(store.folder(self.run_id) / name, parquet(rows))
                frames.clear()
        self._write_status()
        self._written = time.monotonic()

    def _write_status(self, **changes: Any) -> None:
        seconds = time.monotonic() - self._began
        self.status = replace(self.status, done=self._done, total=self._total, seconds=seconds, **changes)
        store.write_status(self.run_id, self.status)


def parquet(rows: pd.DataFrame) -> bytes:
    """A table as a Parquet file."""
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    return buffer.getvalue()
