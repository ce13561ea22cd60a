"""MNIST and the two data sets in its format, through torchvision and in its folder layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from workbench import Data

from .fetched import fetched

FILES = [f"{split}-{part}-ubyte" for split in ("train", "t10k") for part in ("images-idx3", "labels-idx1")]
DIGITS = [str(digit) for digit in range(10)]


def mnist(folder: Path) -> Data:
    """60,000 + 10,000 pictures (1, 28, 28) of digits as floats in [0, 1]; errors as in ``fetched``."""
    return read("MNIST", "MNIST", folder, DIGITS)


def fashion_mnist(folder: Path) -> Data:
    """60,000 + 10,000 pictures (1, 28, 28) of clothes as floats in [0, 1]; errors as in ``fetched``."""
    return read("Fashion-MNIST", "FashionMNIST", folder)


def kmnist(folder: Path) -> Data:
    """60,000 + 10,000 pictures (1, 28, 28) of cursive kana as floats in [0, 1]; errors as in ``fetched``."""
    return read("Kuzushiji-MNIST", "KMNIST", folder)


def read(title: str, name: str, folder: Path, classes: Sequence[str] = ()) -> Data:
    """What torchvision's class ``name`` reads from ``folder``/``name``/raw; its class names unless some are given."""
    from torchvision import datasets

    source: Any = getattr(datasets, name)
    splits = fetched(
        title, folder, f"{name}/raw", FILES, lambda: [source(folder, train, download=True) for train in (True, False)]
    )
    parts = []
    for split in splits:
        parts += [split.data.unsqueeze(1).to(torch.float32) / 255, split.targets.to(torch.int64)]
    return Data(*parts, classes=tuple(classes or splits[0].classes))
