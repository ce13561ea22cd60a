"""A recorder that writes into a run folder as the run goes on, cheap enough to be asked at every step."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.errors import WorkbenchError
from workbench.records import TABLES, Rows, frame
from workbench.runs import checkpoint, seal, store

if TYPE_CHECKING:
    from torch import Tensor

FLUSH = 0.5  # seconds between writes: how live a page is
SPARSE = 0.01  # of the time a run has taken so far: long runs need no more than some hundred parts
LOOK = 0.1  # seconds between looks for what is asked
CHECKPOINT = 1.0  # seconds between checkpoints, at the least
SHARE = 0.02  # of the time, at most, goes into checkpoints
WEIGHTS = "weights.safetensors"
KEPT = 5  # checkpoints of a run, from which forks begin
KEPT_BYTES = 100_000_000  # or as many as fit in here


class SupersededError(BaseException):
    """The run was given to another worker, or deleted: whatever is still written here would do harm."""


class FolderRecorder:
    """Buffers rows and writes them, with the status, twice a second; keeps checkpoints and finds them again."""

    def __init__(self, run_id: str, status: store.Status) -> None:
        self.run_id, self.status = run_id, status
        self.folder = store.folder(run_id)
        self._rows: dict[str, list[pd.DataFrame]] = {table: [] for table in TABLES}
        self._part = max((store.number_of(path) for path in self.folder.glob("*-*.parquet")), default=0)
        self._done, self._total = status.done, status.total
        self._asked = ""
        self._began = time.monotonic()
        self._kept = 0.0  # when the last checkpoint was kept, or the first step was done
        self._flushed = self._said = self._looked = float("-inf")
        self._spent = 0.0  # seconds before this attempt
        self._cost = 0.0  # seconds that the last checkpoint took
        self._unkept = ""  # why there are no checkpoints

    # -- records -----------------------------------------------------------------------------------------------

    def add(self, table: str, rows: Rows) -> None:
        """Append rows to a table."""
        self._rows[table].append(frame(table, rows))
        self._tick()

    def progress(self, done: int, total: int) -> None:
        """Note how far the run is."""
        if (done, total) != (self._done, self._total):
            self._done, self._total = done, total
            self._tick()

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write the summary row, merge the parts and say how it ended; a paused run keeps its parts and goes on."""
        outcome, message = str(summary["outcome"]), str(summary.get("message", ""))
        message = "; ".join(filter(None, (message, self._unkept)))
        state = store.state_of(outcome)
        if state != "paused":
            self.add("summary", [dict(summary) | {"message": message}])
        self._flush()
        self._look()
        files = self._merge() if state in store.ENDED else {}
        pieces = list(self.folder.glob("*-*.parquet")) if files else []
        self._write_status(
            state=state, outcome="" if state == "paused" else outcome, message=message, files=files,
            summary=store.plain_summary(summary),
            size=store.size(self.folder) - sum(piece.stat().st_size for piece in pieces),
        )  # fmt: skip
        for piece in pieces:  # only now: until its status says that it has ended, it may have to go on from them
            self._look()  # those of another attempt have the same names
            piece.unlink(missing_ok=True)

    def _merge(self) -> dict[str, int]:
        """One file a table beside its parts; returns their names and sizes."""
        if not self._complete(self._part):
            raise store.StoreError(f"{self.folder}: a record file was damaged while the run wrote others; run it again")
        files = {}
        for table in TABLES:
            if store.parts(self.run_id, table):
                path = self.folder / f"{table}.parquet"
                content = store.parquet(store.read_table(self.run_id, table))
                self._write(path.name, content)
                files[path.name] = len(content)
        if (weights := self.folder / WEIGHTS).exists():
            files[WEIGHTS] = weights.stat().st_size
        return files

    # -- what is asked -----------------------------------------------------------------------------------------

    def asked(self) -> str:
        """What somebody asks of the run."""
        now = time.monotonic()
        if now - self._looked > LOOK:
            self._looked = now
            self._look()
        return self._asked

    def _look(self) -> None:
        attempt, self._asked = store.read_request(self.run_id)
        if attempt != self.status.attempt:
            raise SupersededError

    # -- checkpoints and weights -------------------------------------------------------------------------------

    def due(self) -> bool:
        """Whether the last checkpoint is old enough, for what one costs."""
        now = time.monotonic()
        self._kept = self._kept or now  # the first step may take long: kept after each, a run that dies crawls on
        return not self._unkept and now - self._kept > max(CHECKPOINT, self._cost / SHARE)

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Keep a state, and with it what was recorded until then."""
        began = time.monotonic()
        self._flush()
        try:
            content = checkpoint.dumps({"parts": self._part, "state": dict(state)})
        except TypeError as error:
            self._unkept = f"cannot go on from its middle: {error}"
        else:
            self._write(f"checkpoint-{state['step']:09d}.safetensors", content)
            prune(self.folder)
        self._kept = time.monotonic()
        self._cost = self._kept - began

    def resume(self) -> dict[str, Any] | None:
        """The newest checkpoint that can be read; what was recorded after it is taken back."""
        for path in reversed(checkpoints(self.folder)):
            try:
                kept = checkpoint.loads(path.read_bytes())
                part, state = int(kept["parts"]), dict(kept["state"])
                self._spent = float(state["seconds"])
            except (OSError, checkpoint.DamagedError, TypeError, KeyError, ValueError):
                path.unlink(missing_ok=True)
                continue
            if not self._complete(part):
                path.unlink(missing_ok=True)
                continue
            self._forget(after=part)
            return state
        self._spent = 0.0
        self._forget(after=0)
        return None

    def _complete(self, part: int) -> bool:
        """Whether every record part up to this one is there and can be read."""
        found = [path for path in self.folder.glob("*-*.parquet") if store.number_of(path) <= part]
        try:
            for path in found:
                store.read_part(path, path.stat().st_mtime_ns)
        except (OSError, ValueError):
            return False
        return len(found) == part

    def _forget(self, after: int) -> None:
        """Remove record parts: they are recorded again, bit for bit."""
        for path in self.folder.glob("*.parquet"):
            if not 0 < store.number_of(path) <= after:
                path.unlink(missing_ok=True)
        self._part = after

    def earlier(self, run_id: str, step: int) -> dict[str, Any] | None:
        """The newest readable checkpoint of another run at or before a step."""
        for path in reversed(checkpoints(store.folder(run_id))):
            if store.number_of(path) <= step:
                try:
                    return dict(checkpoint.loads(path.read_bytes())["state"])
                except (OSError, checkpoint.DamagedError, TypeError, KeyError, ValueError):
                    continue
        return None

    def save_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Keep the trained weights as safetensors: plain numbers, nothing that could run."""
        from safetensors.torch import save

        plain = {name: tensor.detach().clone().contiguous() for name, tensor in weights.items()}
        self._write(WEIGHTS, seal.seal(save(plain, {"seal": seal.OPEN})))

    def load_weights(self, run_id: str) -> dict[str, Tensor]:
        """The weights of a finished run."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            content = (store.folder(run_id) / WEIGHTS).read_bytes()
            if seal.sound(content):
                return load(content)
        except FileNotFoundError:
            raise WorkbenchError(f"the run {run_id} kept no weights: run its training again") from None
        except (OSError, SafetensorError):
            pass
        raise WorkbenchError(f"the weights of the run {run_id} are damaged: run its training again")

    # -- writing -----------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = time.monotonic()
        if any(self._rows.values()) and now - self._flushed > max(FLUSH, SPARSE * (now - self._began)):
            self._flush()
        elif now - self._said > FLUSH:
            self._write_status()

    def _flush(self) -> None:
        for table, frames in self._rows.items():
            if frames:
                rows = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
                self._write(f"{table}-{self._part + 1:06d}.parquet", store.parquet(rows))
                self._part += 1
                frames.clear()
        self._write_status()
        self._flushed = time.monotonic()

    def _write_status(self, **changes: Any) -> None:
        self._said = time.monotonic()
        seconds = self._spent + self._said - self._began
        self.status = replace(self.status, done=self._done, total=self._total, seconds=seconds, **changes)
        self._write("status.json", store.status_file(self.status))

    def _write(self, name: str, content: bytes) -> None:
        """Write a file of this run, as long as it is ours to write."""
        self._look()
        try:
            store.write(self.folder / name, content, make=False)
        except store.StoreError:
            self._look()  # its folder may have gone meanwhile
            raise


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a run folder, the earliest first."""
    return store.matching(folder, "checkpoint-*.safetensors")


def prune(folder: Path) -> None:
    """Keep the newest checkpoint, and before it a few that are spread over the run, within a size."""
    kept = checkpoints(folder)
    sizes = {path: path.stat().st_size for path in kept}
    while len(kept) > 1 and (len(kept) > KEPT or sum(sizes[path] for path in kept) > KEPT_BYTES):
        steps = [0, *map(store.number_of, kept)]
        gaps = [steps[number + 2] - steps[number] for number in range(len(kept) - 1)]  # left by taking one out
        kept.pop(gaps.index(min(gaps))).unlink(missing_ok=True)
