"""A formula as a list of instructions: run from top to bottom, without recursion, on tensors of any shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Slot(NamedTuple):
    """Where a value of the program will lie, and whether it is true or false instead of a number."""

    index: int
    truth: bool = False


class Program:
    """Instructions ``(function, slots it takes)``, each filling the next slot. Slots 0 and 1 are x and y.

    What depends on neither x nor y is computed at once, as tensors of float64: 9**9**9 is inf and takes no time.
    """

    def __init__(self) -> None:
        self.instructions: list[tuple[Callable[..., Tensor], tuple[int, ...]]] = []
        self.constants: dict[int, Tensor] = {}
        self.result = 0

    def constant(self, value: Tensor) -> Slot:
        """A slot that always holds this value."""
        slot = self._append(lambda: value, (), value.dtype == torch.bool)
        self.constants[slot.index] = value
        return slot

    def add(self, function: Callable[..., Tensor], *inputs: Slot, truth: bool = False) -> Slot:
        """A slot for ``function`` of other slots."""
        if all(slot.index in self.constants for slot in inputs):
            return self.constant(function(*(self.constants[slot.index] for slot in inputs)))
        return self._append(function, tuple(slot.index for slot in inputs), truth)

    def _append(self, function: Callable[..., Tensor], inputs: tuple[int, ...], truth: bool) -> Slot:
        self.instructions.append((function, inputs))
        return Slot(len(self.instructions) + 1, truth)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """The values at x and y, two tensors of one shape, in that shape."""
        slots = [x, y]
        for function, inputs in self.instructions:
            slots.append(function(*(slots[index] for index in inputs)))
        found = slots[self.result]
        if self.result in self.constants:
            return torch.full_like(x, found.item())
        return found.clone() if self.result < 2 else found  # whoever changes the values must not change x or y
