"""What the bench itself costs: `python benchmarks/runs.py`. Set WORKBENCH_DATA for the epoch on MNIST.

- empty runs through the queue, a second;
- an epoch of MNIST 784-128-10 with records and checkpoints on disk, against the same epoch recorded in memory, in turns
  in one process;
- from the click (submit) to the first record that a page can read, with warm workers, and from Stop to the end;
- the list of 10,000 runs, from cold files and again, and one of them opened.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import torch

from workbench import registry
from workbench.experiment import parse
from workbench.records import MemoryRecorder
from workbench.runs import Bench, Job
from workbench.runs.job import plan
from workbench.runs.recorder import FolderRecorder

RUNS = 200
REPEATS = 7
EPOCHS = 4  # of MNIST in one measurement: long enough for some checkpoints
LISTED = 10_000


def jobs(**plain: object) -> list[Job]:
    """The jobs of a plain experiment."""
    return plan(parse(plain))


def through_the_queue(bench: Bench) -> None:
    """Descents of one step, each a run of its own."""
    work = jobs(kind="descent", task={"steps": 1}, seeds=list(range(RUNS)))
    began = time.perf_counter()
    bench.submit(work)
    queued = time.perf_counter() - began
    bench.wait(work, poll=0.02)
    seconds = time.perf_counter() - began
    assert all(bench.status(job).ended for job in work)
    print(
        f"queue: {RUNS} empty runs in {seconds:.2f} s = {RUNS / seconds:.0f} runs a second "
        f"with {bench.workers} workers ({queued / RUNS * 1000:.1f} ms of each to put it into the queue)"
    )


def first_record(bench: Bench) -> None:
    """From submit to the first row of the curve, and from Stop to the end."""
    waits, stops = [], []
    for seed in range(100, 100 + REPEATS):
        [job] = jobs(kind="training", task={"epochs": 200}, seeds=[seed])
        began = time.perf_counter()
        bench.submit([job])
        while not len(bench.records([job], ["curve"])["curve"]):
            time.sleep(0.002)
        waits.append(time.perf_counter() - began)
        began = time.perf_counter()
        bench.stop([job])
        bench.wait([job], poll=0.005)
        stops.append(time.perf_counter() - began)
    print(f"stop: median {statistics.median(stops):.3f} s after the click, worst {max(stops):.3f} s (target 0.5 s)")
    median, worst = statistics.median(waits), max(waits)
    print(f"first record: median {median:.3f} s after the click, worst {worst:.3f} s (target below 0.5 s)")


def overhead() -> None:
    """Epochs with records and checkpoints on disk, against one in memory."""
    from workbench.training.loop import execute

    model = {"use": "mlp", "depth": 1, "width": 128}
    [job] = jobs(kind="training", task={"dataset": "mnist", "model": model, "epochs": EPOCHS, "batch_size": 128})
    known = registry.current()
    seconds: dict[str, list[float]] = {"memory": [], "disk": []}
    checkpoints = 0
    for turn in range(REPEATS + 1):  # the first turn warms up
        for name in ("memory", "disk") if turn % 2 else ("disk", "memory"):
            began = time.perf_counter()
            if name == "memory":
                execute(job.run, known, MemoryRecorder())
            else:
                recorder = recorder_of(job)
                execute(job.run, known, recorder)
                checkpoints = len(list(recorder.folder.glob("checkpoint-*")))
            if turn:
                seconds[name].append(time.perf_counter() - began)
    memory, disk = (statistics.median(seconds[name]) for name in ("memory", "disk"))
    print(
        f"checkpoints and records: an epoch takes {disk / EPOCHS:.3f} s with, {memory / EPOCHS:.3f} s without: "
        f"{disk / memory - 1:+.1%} (medians of {REPEATS} x {EPOCHS} epochs in turns, {checkpoints} checkpoints kept; "
        "target below 3 %)"
    )


def recorder_of(job: Job) -> FolderRecorder:
    """A recorder on a new folder."""
    from workbench.runs import store

    shutil.rmtree(store.folder(job.id), ignore_errors=True)
    status = store.Status("running", attempt="a")
    store.create(job.id, job.run, status, keep=False)
    return FolderRecorder(job.id, status)


def list_of_runs(bench: Bench) -> None:
    """Copies of one run's folder under other names, listed by a process that has never seen them."""
    from workbench.runs import shelf, store

    [job] = jobs(kind="training", task={"epochs": 1}, seeds=[1])
    bench.submit([job])
    bench.wait([job])
    source = store.folder(job.id)
    files = {path.name: path.read_bytes() for path in source.iterdir() if not path.name.startswith("checkpoint")}
    began = time.perf_counter()
    for number in range(LISTED):
        place = source.parent / f"{number:016x}"
        place.mkdir()
        for name, content in files.items():
            (place / name).write_bytes(content)
    print(f"({LISTED} run folders written in {time.perf_counter() - began:.1f} s)")
    times = []
    for _ in range(2):
        began = time.perf_counter()
        found = shelf.entries()
        times.append(time.perf_counter() - began)
        assert len(found) >= LISTED
    began = time.perf_counter()
    assert len(store.read_table(found[LISTED // 2].id, "curve"))
    opened = time.perf_counter() - began
    print(
        f"list: {len(found)} runs in {times[0]:.2f} s at first, {times[1]:.2f} s again; "
        f"one opened in {opened * 1000:.0f} ms (target below 1 s)"
    )


def main() -> None:
    """All measurements, in a home of their own."""
    torch.set_num_threads(1)
    data = os.environ.get("WORKBENCH_DATA", "")
    with tempfile.TemporaryDirectory() as home:
        os.environ["WORKBENCH_HOME"] = home
        if (Path(data) / "MNIST").is_dir():
            overhead()
        else:
            print("checkpoints and records: skipped, WORKBENCH_DATA holds no MNIST")
        with Bench() as bench:
            bench.warm()
            warm_up = jobs(kind="training", task={"epochs": 1}, seeds=list(range(10, 10 + 2 * bench.workers)))
            bench.submit(warm_up)
            bench.wait(warm_up)
            first_record(bench)
            through_the_queue(bench)
            list_of_runs(bench)


if __name__ == "__main__":
    main()
