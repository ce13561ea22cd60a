"""How the sizes of gradients and activations are spread: counts in bins of half a decade."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOWEST, HIGHEST = -90, 77  # single precision: 10^-45 to 10^38.5, in halves of a decade
ZERO, BEYOND = HIGHEST - LOWEST + 1, HIGHEST - LOWEST + 2  # places of what is exactly 0, and of what is not finite


class Histogram:
    """Counts of log10 |x| in fixed bins, so that steps, layers and runs can be laid side by side."""

    def __init__(self, values: Tensor | None = None) -> None:
        self._counts: Tensor | None = None
        if values is not None:
            self.add(values)

    def add(self, values: Tensor) -> None:
        """Count all entries of a tensor of any shape."""
        values = values.detach()
        values = values.cpu().double() if values.device.type == "mps" else values.double()
        places = (values.abs().log10_() * 2).floor_().clamp_(LOWEST, HIGHEST).sub_(LOWEST)
        places[values == 0] = ZERO
        places[~torch.isfinite(values)] = BEYOND
        counts = torch.bincount(places.reshape(-1).long(), minlength=BEYOND + 1)
        self._counts = counts if self._counts is None else self._counts + counts

    def counts(self) -> list[tuple[float, int]]:
        """(lower end as log10 of the size, count) of every bin that holds something; -inf is 0, inf is not finite."""
        if self._counts is None:
            return []
        return [(lower_end(place), count) for place, count in enumerate(self._counts.tolist()) if count]


def lower_end(place: int) -> float:
    """The lower end of a bin."""
    if place == ZERO:
        return -math.inf
    return math.inf if place == BEYOND else (place + LOWEST) / 2
