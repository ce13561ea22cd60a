"""What a network is trained for: to tell classes apart, or to give its input back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from workbench.components import Data

Loss = Callable[[Tensor, Tensor], Tensor]


class Goal(Protocol):
    """How outputs are judged."""

    @property
    def width(self) -> int:
        """Numbers in one output."""

    @property
    def loss(self) -> Loss:
        """The mean over a batch: what is trained on unless a remedy changes it."""

    def targets(self, x: Tensor, y: Tensor) -> Tensor:
        """What the outputs for the inputs ``x`` (batch, ...) of the classes ``y`` (batch,) should be."""

    def accuracy(self, outputs: Tensor, targets: Tensor) -> float:
        """The share that is right; NaN where that has no meaning."""


class Classify:
    """Cross-entropy of logits; an output with a logit that is not finite is wrong."""

    def __init__(self, data: Data) -> None:
        self.width, self.loss = len(data.classes), functional.cross_entropy

    def targets(self, x: Tensor, y: Tensor) -> Tensor:
        """The classes (batch,)."""
        return y

    def accuracy(self, outputs: Tensor, targets: Tensor) -> float:
        """``outputs`` are (batch, classes)."""
        return right(outputs, targets) / len(targets)


class Reconstruct:
    """Mean squared error of every number in the input."""

    def __init__(self, data: Data) -> None:
        self.width, self.loss = math.prod(data.train_x.shape[1:]), functional.mse_loss

    def targets(self, x: Tensor, y: Tensor) -> Tensor:
        """The inputs (batch, numbers in an input)."""
        return x.flatten(1)

    def accuracy(self, outputs: Tensor, targets: Tensor) -> float:
        """There is none."""
        return math.nan


def right(logits: Tensor, y: Tensor) -> int:
    """How many predictions are right; one with a logit that is not finite never is."""
    return int(((logits.argmax(dim=1) == y) & torch.isfinite(logits).all(dim=1)).sum())
