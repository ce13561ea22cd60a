"""Inputs without any structure, for looking at a network rather than at data."""

from __future__ import annotations

from pathlib import Path

import torch

from workbench import Data


def gaussian(folder: Path, samples: int, features: int, classes: int, seed: int) -> Data:
    """Standard normal inputs (samples, features) with uniformly random labels; the test split is drawn apart."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for _ in ("train", "test"):
        parts.append(torch.randn(samples, features, generator=generator))
        parts.append(torch.randint(classes, (samples,), generator=generator))
    return Data(*parts, classes=tuple(str(number) for number in range(classes)))
