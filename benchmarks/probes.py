"""What measuring the layers costs: whole trainings with the presets off, light and full, side by side in one process.

Run: python benchmarks/probes.py [--epochs 10] [--repeats 3]

MNIST, 784-128-10, ReLU, batch 128, Adam, one thread, as in a worker. Seconds are those of the processor, and the
presets take turns, so a machine that is busy with something else slows all of them; of each the fastest turn counts.
One epoch is shown too: there the measured steps are a larger part of the run.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch

from workbench import registry as registries
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder
from workbench.training.loop import execute
from workbench.training.probes import PRESETS

BASE: dict[str, Any] = {"optimizer": {"use": "adam", "lr": 0.001}, "initializer": "kaiming_normal"}


def seconds(preset: str, epochs: int, registry: registries.Registry) -> tuple[float, float]:
    """Processor seconds of one training, and the seconds (by the clock) that its timing counts as measuring."""
    task = {
        "dataset": "mnist",
        "model": {"use": "mlp", "depth": 1, "width": 128},
        "epochs": epochs,
        "batch_size": 128,
        "probes": preset,
        "device": "cpu",
    }
    run = resolve(parse({"kind": "training", "task": task, "base": BASE}), registry)[0]
    recorder = MemoryRecorder()
    began = time.process_time()
    execute(run, registry, recorder)
    taken = time.process_time() - began
    return taken, float(recorder.table("timing")["probe_seconds"].iloc[-1])


def compare(epochs: int, repeats: int, registry: registries.Registry) -> None:
    """Print one line a preset."""
    turns = [{preset: seconds(preset, epochs, registry) for preset in PRESETS} for _ in range(repeats)]
    best = {preset: min(turn[preset] for turn in turns) for preset in PRESETS}
    print(f"\n{epochs} epoch{'s' if epochs > 1 else ''}, best of {repeats}")
    print(f"{'preset':8}{'seconds':>9}{'against off':>13}{'probe_seconds':>15}")
    for preset, (taken, probing) in best.items():
        print(f"{preset:8}{taken:9.3f}{taken / best['off'][0] - 1:+13.1%}{probing:15.3f}")


def main() -> None:
    """Compare over one epoch and over as many as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    registry = registries.current()
    seconds("full", 1, registry)  # loads the data, and whatever torch loads late
    for epochs in sorted({1, arguments.epochs}):
        compare(epochs, arguments.repeats, registry)


if __name__ == "__main__":
    main()
