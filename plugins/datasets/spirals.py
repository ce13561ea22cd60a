"""Arms of a spiral in the plane: two numbers in, and no straight line that tells the classes apart."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from workbench import Data


def spirals(folder: Path, samples: int, classes: int, turns: float, noise: float, seed: int) -> Data:
    """Points (samples, 2) on ``classes`` arms, each turned against the next; the test split is drawn apart.

    A point at radius r in (0, 1], drawn uniformly, lies at the angle 2 pi (turns r + arm / classes); then normal
    noise is added to both coordinates. Samples take the classes in turns, so these are of equal size.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for _ in ("train", "test"):
        targets = torch.arange(samples) % classes
        radius = 1 - torch.rand(samples, generator=generator)
        angle = 2 * math.pi * (turns * radius + targets / classes)
        points = torch.stack((radius * angle.cos(), radius * angle.sin()), dim=1)
        parts += [points + noise * torch.randn(samples, 2, generator=generator), targets]
    return Data(*parts, classes=tuple(f"arm {number}" for number in range(classes)))
