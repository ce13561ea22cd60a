"""Inputs without any structure but, if wanted, a set correlation, for looking at a network rather than at data."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from workbench import Data


def gaussian(folder: Path, samples: int, features: int, classes: int, correlation: float, seed: int) -> Data:
    """Standard normal inputs (samples, features) with uniformly random labels; the test split is drawn apart.

    ``correlation`` r: every input is sqrt(r) times one vector that all share, plus sqrt(1 - r) times its own, so
    that the Pearson correlation between the numbers of any two inputs is r on average.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for _ in ("train", "test"):
        parts.append(torch.randn(samples, features, generator=generator))
        parts.append(torch.randint(classes, (samples,), generator=generator))
    if correlation:
        shared = torch.randn(features, generator=generator)  # drawn last: the rest is the same at every correlation
        for n in (0, 2):
            parts[n] = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * parts[n]
    return Data(*parts, classes=tuple(str(number) for number in range(classes)))
