"""Sweeps and basins in one pass beside the loop over torch.optim that gives the same numbers.

Run: python benchmarks/descent.py [--full]

The loop runs every setting of the small sweep, and every sixteenth of the large one (all with --full: some
minutes); of a map of starts, which takes it hours, only some. Its time is scaled up by that share, and the
table says so. Both are compared on all that the loop ran.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from workbench import registry as registries
from workbench.descent.sweep import execute
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder

Maker = Callable[[list[torch.Tensor], float], torch.optim.Optimizer]
MAKE: dict[str, Maker] = {
    "sgd": lambda p, lr: torch.optim.SGD(p, lr=lr),
    "rprop": lambda p, lr: torch.optim.Rprop(p, lr=lr),
    "adagrad": lambda p, lr: torch.optim.Adagrad(p, lr=lr),
    "rmsprop": lambda p, lr: torch.optim.RMSprop(p, lr=lr),
    "adadelta": lambda p, lr: torch.optim.Adadelta(p, lr=lr),
    "adam": lambda p, lr: torch.optim.Adam(p, lr=lr),
    "adamw": lambda p, lr: torch.optim.AdamW(p, lr=lr),
    "adamax": lambda p, lr: torch.optim.Adamax(p, lr=lr),
    "nadam": lambda p, lr: torch.optim.NAdam(p, lr=lr),
    "radam": lambda p, lr: torch.optim.RAdam(p, lr=lr),
}
STEPS = 100
LOW, HIGH = 0.001, 0.5
SIDE = 512  # of the map of starts
SOME = 100  # starts of it that the loop runs


def quadratic(at: torch.Tensor) -> torch.Tensor:
    """20 x^2 + 2 y^2."""
    return 20 * at[0] ** 2 + 2 * at[1] ** 2


def ripples(at: torch.Tensor) -> torch.Tensor:
    """2 x^2 + 10 y^2 + 10 sin 5y."""
    return 2 * at[0] ** 2 + 10 * at[1] ** 2 + 10 * torch.sin(5 * at[1])


def loop(
    make: Maker, surface: Callable[[torch.Tensor], torch.Tensor], starts: Any, rates: Any
) -> tuple[np.ndarray[Any, Any], float]:
    """The final value of each descent, one after the other, and the seconds of one."""
    found = []
    began = time.perf_counter()
    for start, rate in zip(starts, rates, strict=True):
        at = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        optimizer = make([at], rate)
        for _ in range(STEPS):
            optimizer.zero_grad()
            surface(at).backward()
            optimizer.step()
        with torch.no_grad():
            found.append(float(surface(at)))
    return np.array(found), (time.perf_counter() - began) / len(found)


def ours(plain: dict[str, Any], registry: registries.Registry) -> tuple[Any, str, float]:
    """The table of a sweep, what its summary says, and the best of three times."""
    run = resolve(parse({"kind": "sweep"} | plain), registry)[0]
    times = []
    for _ in range(4):  # the first one also checks the pass against the plain loop
        recorder = MemoryRecorder()
        began = time.perf_counter()
        summary = execute(run, registry, recorder)
        times.append(time.perf_counter() - began)
    return recorder.table("sweep"), summary["message"], min(times[1:])


def difference(table: Any, alone: np.ndarray[Any, Any]) -> float:
    """The largest relative difference of values where the run did not diverge."""
    kept = (table["outcome"] != "diverged").to_numpy()
    values = table["value"].to_numpy()[kept]
    return float(np.max(np.abs(values - alone[kept]) / np.maximum(np.abs(alone[kept]), 1e-12), initial=0.0))


def report(name: str, what: str, one: float, count: int, mine: float, off: float, message: str) -> None:
    """One line of the table."""
    way = "  ONE BY ONE" if "one by one" in message else ""
    print(
        f"{name:10} {what:16} {one * count:9.1f} s {mine:8.3f} s {one * count / mine:7.0f}x   {off:.0e}{way}",
        flush=True,
    )


def main(full: bool) -> None:
    """Print both times and their ratio for each optimizer."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    registry = registries.load()
    print(f"{STEPS} steps, one thread, torch {torch.__version__}")
    print(f"{'optimizer':10} {'what':16} {'loop':>11} {'one pass':>10} {'ratio':>8}   relative difference")
    start = [-1.5, 1.7]
    for name, make in MAKE.items():
        loop(make, quadratic, [start], [0.1])  # torch's own imports
        for count in (256, 4096):
            sweep = {"low": LOW, "high": HIGH, "count": count}
            plain = {"task": {"steps": STEPS, "start": start}, "base": {"optimizer": name}, "sweep": sweep}
            table, message, mine = ours(plain, registry)
            every = 1 if full or count <= 256 else 16
            picked = table.iloc[::every]
            alone, one = loop(make, quadratic, [start] * len(picked), picked["setting"])
            what = f"{count} rates" + (f" (1/{every})" if every > 1 else "")
            report(name, what, one, count, mine, difference(picked, alone), message)
    for name in ("sgd", "adam"):
        axis = {"parameter": "start.x", "count": SIDE, "second": {"parameter": "start.y", "count": SIDE}}
        base = {"optimizer": {"use": name, "lr": 0.005}}
        task = {"steps": STEPS, "surface": "ripples"}
        table, message, mine = ours({"task": task, "base": base, "sweep": axis}, registry)
        picked = table.iloc[:: len(table) // SOME + 1]
        places = picked[["setting", "setting_2"]].to_numpy().tolist()
        alone, one = loop(MAKE[name], ripples, places, [0.005] * len(picked))
        report(name, f"{SIDE}x{SIDE} starts", one, len(table), mine, difference(picked, alone), message)


if __name__ == "__main__":
    main("--full" in sys.argv[1:])
