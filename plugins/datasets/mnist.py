"""MNIST through torchvision, in torchvision's own folder layout."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from workbench import Data

FILES = [f"{split}-{part}-ubyte" for split in ("train", "t10k") for part in ("images-idx3", "labels-idx1")]


def mnist(folder: Path) -> Data:
    """60,000 + 10,000 pictures (1, 28, 28) as floats in [0, 1], downloaded unless ``folder``/MNIST/raw has them.

    Raises ``ConnectionError`` when they are neither there nor to be had, ``ValueError`` when a file is damaged.
    """
    from torchvision.datasets import MNIST

    raw = Path(folder) / "MNIST" / "raw"
    parts: list[Tensor] = []
    for train in (True, False):
        try:
            part = MNIST(folder, train=train, download=True)
        except Exception as error:
            if all((raw / name).is_file() for name in FILES):  # then nothing had to be downloaded
                raise ValueError(f"a file in {raw} is damaged: delete that folder") from error
            raise ConnectionError(
                f"MNIST is not in {folder} and could not be downloaded: connect to the internet, "
                "or set WORKBENCH_DATA to a folder that holds MNIST/raw"
            ) from error
        parts += [part.data.unsqueeze(1).to(torch.float32) / 255, part.targets.to(torch.int64)]
    return Data(*parts, classes=tuple(str(digit) for digit in range(10)))
