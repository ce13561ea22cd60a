"""A sweep in one pass beside the loop over torch.optim that gives the same numbers.

Run: python benchmarks/descent.py [settings] [steps]
"""

from __future__ import annotations

import logging
import sys
import time

import numpy as np
import torch

from workbench import registry as registries
from workbench.descent.sweep import execute
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder

MAKE = {
    "sgd": lambda p, lr: torch.optim.SGD(p, lr=lr),
    "adagrad": lambda p, lr: torch.optim.Adagrad(p, lr=lr),
    "rmsprop": lambda p, lr: torch.optim.RMSprop(p, lr=lr),
    "adadelta": lambda p, lr: torch.optim.Adadelta(p, lr=lr),
    "adam": lambda p, lr: torch.optim.Adam(p, lr=lr),
    "adamw": lambda p, lr: torch.optim.AdamW(p, lr=lr),
}


def loop(name: str, start: list[float], rates: list[float], steps: int) -> list[float]:
    """The final value for each rate, one descent after the other."""
    found = []
    for rate in rates:
        at = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        optimizer = MAKE[name]([at], rate)
        for _ in range(steps):
            optimizer.zero_grad()
            (20 * at[0] ** 2 + 2 * at[1] ** 2).backward()
            optimizer.step()
        x, y = at.tolist()
        found.append(20 * x**2 + 2 * y**2)
    return found


def main(count: int = 256, steps: int = 100) -> None:
    """Print both times and their ratio for each optimizer."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    registry = registries.load()
    print(f"{count} learning rates from 0.001 to 0.5, {steps} steps, one thread")
    print(f"{'optimizer':10} {'loop':>9} {'first':>9} {'again':>9} {'ratio':>7}  largest relative difference")
    for name in MAKE:
        plain = {
            "kind": "sweep",
            "task": {"steps": steps},
            "base": {"optimizer": name},
            "sweep": {"low": 0.001, "high": 0.5, "count": count},
        }
        run = resolve(parse(plain), registry)[0]
        loop(name, run.task["start"], [0.1], 5)  # torch's own imports
        times = []
        for _ in range(2):
            recorder = MemoryRecorder()
            began = time.perf_counter()
            execute(run, registry, recorder)
            times.append(time.perf_counter() - began)
        table = recorder.table("sweep")
        began = time.perf_counter()
        alone = np.array(loop(name, run.task["start"], table["setting"].tolist(), steps))
        looped = time.perf_counter() - began
        difference = np.abs(table["value"].to_numpy() - alone) / np.maximum(np.abs(alone), 1e-12)
        ratio = looped / times[1]
        print(f"{name:10} {looped:8.2f}s {times[0]:8.3f}s {times[1]:8.3f}s {ratio:6.0f}x  {difference.max():.1e}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
