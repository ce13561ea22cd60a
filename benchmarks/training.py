"""Training on MNIST, 784-128-10, batch 128, with the workbench beside the usual ways to do it.

Run: WORKBENCH_DATA=... python benchmarks/training.py [--epochs 10]

In one process, one after the other, each several times, the fastest counts:

- the usual loop: torchvision's MNIST with ToTensor, a DataLoader, Adam; with as many threads as it likes;
- the workbench: a whole run with its light probes and its curve; one thread;
- a bare loop over the data in memory; one thread;
- Keras fit, where Keras is installed (pip install keras tensorflow-cpu);
- only the matrix products of the training steps, which nothing can do without.

All but the last train and look at the test split after every epoch. Then eight variants through the workbench's own
queue on two workers, beside eight times the usual loop.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from workbench import house, registry
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder
from workbench.training.data import load
from workbench.training.loop import execute

SAMPLES, BATCH, REPEATS = 60_000, 128, 2
RATES = (1e-4, 3e-4, 1e-3, 2e-3, 3e-3, 4e-3, 6e-3, 1e-2)  # of the eight variants
TASK = {"dataset": "mnist", "model": {"use": "mlp", "depth": 1, "width": 128}, "batch_size": BATCH, "device": "cpu"}


def network() -> nn.Sequential:
    """784-128-10 with ReLU."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def usual(epochs: int) -> None:
    """The loop of every tutorial."""
    from torchvision.datasets import MNIST
    from torchvision.transforms import ToTensor

    loader, tests = (
        torch.utils.data.DataLoader(
            MNIST(house.data(), train=train, transform=ToTensor()), batch_size=BATCH, shuffle=train
        )
        for train in (True, False)
    )
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            loss.item()
        with torch.no_grad():
            for x, y in tests:
                (model(x).argmax(1) == y).sum().item()


def bare(epochs: int) -> None:
    """The same with the data in memory and Adam in one fused operation: nothing is recorded."""
    data = load({"use": "mnist", "classes": ""}, registry.current())
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    for _ in range(epochs):
        for index in torch.randperm(SAMPLES).split(BATCH):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(data.train_x[index]), data.train_y[index])
            loss.backward()
            optimizer.step()
            loss.item()
        with torch.no_grad():
            (model(data.test_x).argmax(1) == data.test_y).sum().item()


def products(epochs: int) -> None:
    """Forward and backward matrix products of every step, and nothing else."""
    x, w, v = torch.rand(BATCH, 784), torch.rand(128, 784), torch.rand(10, 128)
    h, dh, dy = torch.rand(BATCH, 128), torch.rand(BATCH, 128), torch.rand(BATCH, 10)
    for _ in range(epochs * -(-SAMPLES // BATCH)):
        x @ w.T, h @ v.T, dy.T @ h, dy @ v, dh.T @ x


def workbench(epochs: int) -> None:
    """A whole run as a worker does it."""
    [run] = resolve(experiment(epochs, []), registry.current())
    recorder = MemoryRecorder()
    execute(run, registry.current(), recorder)
    timing = recorder.table("timing").iloc[-1]
    print(f"    probes took {timing['probe_seconds'] / timing['seconds']:.1%} of it")


def experiment(epochs: int, variants: list[dict[str, Any]]) -> Any:
    """The program as an experiment."""
    plain = {"kind": "training", "title": "benchmark", "task": TASK | {"epochs": epochs}, "variants": variants}
    return parse(plain, "benchmark")


def keras(epochs: int) -> Callable[[int], None] | None:
    """Keras' fit, if Keras is there."""
    try:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import keras as k
    except ImportError:
        return None
    data = load({"use": "mnist", "classes": ""}, registry.current())
    x, y = data.train_x.numpy(), data.train_y.numpy()
    tests = data.test_x.numpy(), data.test_y.numpy()

    def fit(epochs: int) -> None:
        layers = [k.layers.Flatten(), k.layers.Dense(128, "relu"), k.layers.Dense(10)]
        model = k.Sequential([k.Input((1, 28, 28)), *layers])
        model.compile("adam", k.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0, validation_data=tests)

    print(f"Keras {k.__version__} on {k.backend.backend()}")
    return fit


def eight(epochs: int) -> float:
    """Seconds of eight variants through the queue on two warm workers."""
    from workbench.runs.bench import Bench
    from workbench.runs.job import plan

    rates = [{"name": f"lr {rate:g}", "optimizer": {"lr": rate}} for rate in RATES]
    with tempfile.TemporaryDirectory() as home:
        os.environ["WORKBENCH_HOME"] = home
        bench = Bench(workers=2)
        try:
            warm = plan(experiment(1, [{"name": "a"}, {"name": "b", "optimizer": {"lr": 0.002}}]))
            finish(bench, warm)
            began = time.perf_counter()
            finish(bench, plan(experiment(epochs, rates)))
            return time.perf_counter() - began
        finally:
            bench.close()


def finish(bench: Any, jobs: list[Any]) -> None:
    """Run jobs and wait for them."""
    bench.submit(jobs, "benchmark")
    bench.wait(jobs, poll=0.2)


def fastest(what: Callable[[int], Any], epochs: int, threads: int) -> float:
    """Seconds of the fastest repeat."""
    torch.set_num_threads(threads)
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        what(epochs)
        found.append(time.perf_counter() - began)
    return min(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    epochs = parser.parse_args().epochs
    if not (Path(house.data()) / "MNIST" / "raw").is_dir():
        raise SystemExit(f"There is no MNIST in {house.data()}: set WORKBENCH_DATA.")
    cores = torch.get_num_threads()
    loop = fastest(usual, epochs, cores)
    print(f"usual loop, {cores} threads: {loop / epochs:.2f} s an epoch")
    ours = fastest(workbench, epochs, 1)
    print(f"workbench, 1 thread: {ours / epochs:.2f} s an epoch: {loop / ours:.1f} times as fast as the usual loop")
    plain = fastest(bare, epochs, 1)
    print(f"bare loop in memory: {plain / epochs:.2f} s an epoch; the workbench takes {ours / plain:.2f} times that")
    pure = fastest(products, epochs, 1)
    shares = f"{pure / ours:.0%} of the workbench's time, {pure / plain:.0%} of the bare loop's"
    print(f"matrix products alone: {pure / epochs:.2f} s an epoch, {shares}")
    if fit := keras(epochs):
        theirs = fastest(fit, epochs, cores)
        print(f"Keras fit: {theirs / epochs:.2f} s an epoch; the workbench is {theirs / ours:.1f} times as fast")
    else:
        print("Keras is not installed: left out (pip install keras tensorflow-cpu)")
    together = eight(epochs)
    ratio = 8 * loop / together
    print(f"8 variants, 2 workers: {together / epochs:.2f} s an epoch: {ratio:.1f} times as fast as 8 usual loops")


if __name__ == "__main__":
    main()
