"""Helpers that break things, and the oracle: the same experiment, executed in another home without interruption.

As a program it is an app to be killed: ``faults.py HOME EXPERIMENT [again]`` submits an experiment and waits for it.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import waiting

from workbench import registry
from workbench.experiment import loads
from workbench.runs import Bench, Job, Lane, owners, store
from workbench.runs.job import plan
from workbench.runs.recorder import FolderRecorder, checkpoints
from workbench.training import loop

KILLS = int(os.environ.get("WORKBENCH_FAULTS", "12"))  # in all tests together
SEED = int(os.environ.get("WORKBENCH_FAULTS_SEED", str(random.SystemRandom().randrange(1_000_000))))
until = partial(waiting.until, seconds=120.0)  # machines are slow and shared
PER_CHANGE = ["seconds", "message"]  # what identical runs may differ in

MIXED = """
kind = "training"
[task]
model = { use = "mlp", depth = 3, width = 32 }
epochs = 40
batch_size = 64
[base]
optimizer = { use = "sgd", lr = 0.05, momentum = 0.9 }
remedies = ["batch_norm", { use = "warmup", steps = 60 }]
[[variants]]
name = "momentum"
[[variants]]
name = "adam"
optimizer = { use = "adam", lr = 0.003 }
[[variants]]
name = "branch"
fork = { step = 300, variant = "momentum" }
optimizer = { lr = 0.01 }
"""
TRANSFER = """
kind = "transfer"
[task]
dataset = { use = "digits", classes = "5-9" }
source = { use = "digits", classes = "0-4" }
model = { use = "mlp", depth = 2, width = 32 }
epochs = 30
[base]
optimizer = { use = "adam", lr = 0.003 }
"""
SMALL = """
kind = "training"
[task]
model = { use = "mlp", depth = 1, width = 8 }
epochs = 3
batch_size = 256
[base]
optimizer = { use = "adam", lr = 0.01 }
remedies = ["batch_norm"]
"""


def jobs(text: str) -> list[Job]:
    return plan(loads(text))


def dice(name: str) -> random.Random:
    """Random points that a failure can repeat: the seed is printed with it."""
    print(f"WORKBENCH_FAULTS_SEED={SEED} WORKBENCH_FAULTS={KILLS} ({name})")
    return random.Random(f"{SEED} {name}")


# -- the oracle --------------------------------------------------------------------------------------------


def with_sources(work: list[Job]) -> list[Job]:
    return [*work, *(source for job in work if (source := job.source()) is not None)]


def findings(work: list[Job]) -> dict[str, Any]:
    """All that a run leaves and that may not differ, by run and kind."""
    found: dict[str, Any] = {}
    for job in with_sources(work):
        for table in ("curve", "layers"):
            found[f"{job.id} {table}"] = store.read_table(job.id, table)
        found[f"{job.id} summary"] = store.read_table(job.id, "summary").drop(columns=PER_CHANGE)
        weights = store.folder(job.id) / "weights.safetensors"
        found[f"{job.id} weights"] = weights.read_bytes() if weights.exists() else b""
    return found


def check_equal(work: list[Job], truth: dict[str, Any]) -> None:
    """Every run has finished with the records and weights of the oracle, bit for bit."""
    for job in with_sources(work):
        status = store.read_status(job.id)
        assert status.state == "finished", status
        assert store.intact(job.id, status)
    for key, mine in findings(work).items():
        if isinstance(mine, bytes):
            assert mine == truth[key], key
            assert mine, key
        else:
            assert len(mine), key
            pd.testing.assert_frame_equal(mine, truth[key], check_exact=True, obj=key)


def check_told_truly(work: list[Job], truth: dict[str, Any]) -> None:
    """With no owner alive no run is live, and what reads as finished is complete."""
    for job in with_sources(work):
        status = store.read_status(job.id)
        assert status.state in ("absent", "interrupted", "finished"), status
        if status.state == "finished":
            check_equal([replace(job, run=replace(job.run, source=None))], truth)


def finish(bench: Bench, work: list[Job], tries: int = 5) -> None:
    """Run what is left; a run whose worker died twice at one place is submitted again."""
    for _ in range(tries):
        bench.submit(work)
        until(lambda: not any(bench.status(job).live for job in with_sources(work)), "all runs over")
        if all(bench.status(job).ended for job in with_sources(work)):
            return


def digest(place: Path) -> str:
    """A folder's files and their content."""
    total = hashlib.sha256()
    for path in sorted(place.rglob("*")):
        if path.is_file():
            total.update(str(path.relative_to(place)).encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


# -- runs in this process, which may be cut short --------------------------------------------------------------


class Cut(BaseException):
    """As if the process ended here."""


class Impatient(FolderRecorder):
    """Keeps a checkpoint every few steps, and is cut at a step."""

    def __init__(self, run_id: str, status: store.Status, cut: int = -1, every: int = 3) -> None:
        super().__init__(run_id, status)
        self.cut, self.every, self.steps = cut, every, 0

    def due(self) -> bool:
        self.steps += 1
        return self.steps % self.every == 0

    def progress(self, done: int, total: int) -> None:
        super().progress(done, total)
        if done == self.cut:
            raise Cut


def run_here(job: Job, cut: int = -1) -> store.Status:
    """What a bench and its worker do with one run, in this process; cut, it stays behind as after a kill."""
    before = store.read_status(job.id)
    if not (before.ended and store.intact(job.id, before)):
        keep = bool(checkpoints(store.folder(job.id)))
        queued = store.Status(
            "queued", kind=job.run.kind, host=store.HOST, owner=owners.claim(), attempt=os.urandom(8).hex()
        )
        store.create(job.id, job.run, queued, keep)
        recorder = Impatient(job.id, replace(queued, state="running"), cut)
        try:
            recorder.finish(loop.execute(job.run, registry.current(), recorder) | {"seconds": 1.0})
        except Cut:
            recorder._flush()
            store.write_status(job.id, replace(recorder.status, owner="somebody who died"))
    return store.read_status(job.id)


# -- damage --------------------------------------------------------------------------------------------------


def damage(content: bytes, how: str, dice: random.Random) -> bytes:
    """A file as an accident may leave it."""
    if how == "emptied":
        return b""
    if how == "truncated":
        return content[: dice.randrange(len(content))]
    if how == "flipped":
        place = dice.randrange(len(content))
        return content[:place] + bytes([content[place] ^ (1 << dice.randrange(8))]) + content[place + 1 :]
    if how == "zeroed":
        begin = dice.randrange(len(content))
        return content[:begin] + bytes(min(512, len(content) - begin)) + content[begin + 512 :]
    if how == "garbage":
        return dice.randbytes(dice.randrange(1, 2000))
    if how == "absurd":  # headers that promise what is not there
        return dice.choice([
            (2**60).to_bytes(8, "little") + content[8:], (2**63 + 9).to_bytes(8, "little"), b"[" * 100_000,
            b'{"a":' * 50_000, b"PAR1" + b"\xff" * 64 + b"PAR1", b"1" * 100_000, b'{"attempt": {}, "ask": []}', b"null",
        ])  # fmt: skip
    raise ValueError(how)


DAMAGES = ["emptied", "truncated", "flipped", "zeroed", "garbage", "absurd"]


# -- processes ---------------------------------------------------------------------------------------------------


def worker_pids(bench: Bench) -> list[int]:
    """The processes of the training lane."""
    cluster = bench._client(Lane.TRAINING).cluster
    return [pid for nanny in cluster.workers.values() if (pid := nanny.pid)]


def kill(pid: int, how: signal.Signals = signal.SIGKILL) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, how)
        return True
    return False


@contextmanager
def app(experiment: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process with a bench, in a group of its own."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(experiment), *options], start_new_session=True, stdin=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        kill_app(process, whole=True)


def kill_app(process: subprocess.Popen[bytes], whole: bool) -> None:
    """Kill an app with its workers, or alone: they have to go by themselves."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    with suppress(ProcessLookupError):
        if whole:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not any(alive(child) for child in family), "the workers of a killed app are gone")


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def main(experiment: str, *options: str) -> None:
    work = jobs(Path(experiment).read_text())
    with Bench(workers=2) as bench:
        bench.submit(work, again="again" in options)
        bench.wait(with_sources(work))


if __name__ == "__main__":
    main(*sys.argv[1:])
