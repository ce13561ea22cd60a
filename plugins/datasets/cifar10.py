"""CIFAR-10 through torchvision, in its folder layout.

Its files are pickles, which could run whatever they contain. torchvision unpickles them only if all have the MD5 sums
of the original files. The binary edition has no pickles, but who has the data set in torchvision's layout has not
that edition.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from workbench import Data

from .fetched import fetched

PLACE = "cifar-10-batches-py"
FILES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"]


def cifar10(folder: Path) -> Data:
    """50,000 + 10,000 colour pictures (3, 32, 32) as floats in [0, 1]; errors as in ``fetched``."""
    from torchvision.datasets import CIFAR10

    splits = fetched(
        "CIFAR-10", folder, PLACE, FILES, lambda: [CIFAR10(folder, train, download=True) for train in (True, False)]
    )
    parts = []
    for split in splits:
        pictures = np.ascontiguousarray(split.data.transpose(0, 3, 1, 2))  # torchvision keeps channels last
        parts += [torch.from_numpy(pictures).to(torch.float32) / 255, torch.tensor(split.targets, dtype=torch.int64)]
    return Data(*parts, classes=tuple(splits[0].classes))
