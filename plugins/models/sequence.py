"""Any input as a sequence: what a recurrent network reads, one step after the other."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from workbench import Refused

MOST_STEPS = 1024  # every step is kept in memory for the way back


def steps_of(model: str, shape: Sequence[int], reads: str) -> tuple[int, int]:
    """(steps, numbers a step) of one input.

    A picture (channels, height, width) is read row by row, or with ``reads`` = "pixels" pixel by pixel, row after row;
    an input (steps, features) as it is; a vector number by number. ``ValueError`` for other shapes and for more steps
    than 1,024.
    """
    if len(shape) == 3:
        channels, height, width = shape
        steps, numbers = (height, channels * width) if reads == "rows" else (height * width, channels)
    elif len(shape) in (1, 2):
        steps, numbers = (*shape, 1)[:2]
    else:
        raise Refused(
            f"{model} reads pictures, sequences (steps, features) and vectors; one input has the shape {tuple(shape)}"
        )
    if steps > MOST_STEPS:
        hint = "; read it by rows" if len(shape) == 3 and reads == "pixels" else ""
        raise Refused(f"{model} would read {steps} steps, and {MOST_STEPS} are allowed{hint}")
    return steps, numbers


class ToSteps(nn.Module):
    """Inputs (batch, ...) as sequences (batch, steps, numbers a step); the channels of a pixel stay together."""

    def __init__(self, steps: int, numbers: int) -> None:
        super().__init__()
        self.steps, self.numbers = steps, numbers

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 4:
            x = x.permute(0, 2, 3, 1)
        return x.reshape(len(x), self.steps, self.numbers)
