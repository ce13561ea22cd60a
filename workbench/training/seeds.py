"""One number for each purpose: what is drawn for one thing does not shift what is drawn for another."""

from __future__ import annotations

import hashlib

import torch


def derive(seed: int, *purpose: str | int) -> int:
    """A seed below 2**63 for one purpose of a run, the same on every machine."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A source of random numbers for one purpose of a run."""
    return torch.Generator().manual_seed(derive(seed, *purpose))
