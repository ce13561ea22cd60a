"""Euclidean norms that neither vanish nor overflow, and cost little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

Value: TypeAlias = float | Tensor  # a number, or a tensor without dimensions that still waits on its device

FEW = 1 << 20  # entries up to which single precision sums squares to six digits
LEAST, MOST = 1e-24, 1e30  # sums of squares between which it loses none of them


def norm(values: Tensor) -> float:
    """Euclidean norm of all entries, to about six digits, also where single precision does not hold their squares."""
    return float(lazy_norm(values))


def lazy_norm(values: Tensor) -> Value:
    """The norm without waiting for the device.

    Squares of gradients near 1e-25 are 0 in single precision, so sums are taken in double. On the processor
    that is seven times dearer, and only done where it is needed.
    """
    values = values.detach()
    if values.device.type == "cpu" and values.dtype == torch.float32 and values.numel() <= FEW:
        flat = values.reshape(-1)
        square = torch.dot(flat, flat).item()
        if LEAST < square < MOST:
            return math.sqrt(square)
    if values.device.type == "mps":  # has no double precision
        largest = values.abs().amax()
        scale = torch.where(torch.isfinite(largest) & (largest > 0), largest, torch.ones_like(largest))
        found: Tensor = torch.linalg.vector_norm(values / scale) * scale
    else:
        found = torch.linalg.vector_norm(values, dtype=torch.float64)
    return found


def double(values: Tensor) -> Tensor:
    """The values in the best precision that their device has."""
    return values.float() if values.device.type == "mps" else values.double()


def numbers(values: Sequence[Value]) -> list[float]:
    """What the values are, with one wait for the device for all of them."""
    tensors = [value for value in values if isinstance(value, Tensor) and value.device.type != "cpu"]
    waited = iter(torch.stack([double(tensor) for tensor in tensors]).tolist() if tensors else [])
    known = (value.item() if isinstance(value, Tensor) and value.device.type == "cpu" else value for value in values)
    return [next(waited) if isinstance(value, Tensor) else float(value) for value in known]
