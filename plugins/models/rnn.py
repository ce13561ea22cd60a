"""The simple recurrent network: its gradient passes the same matrix once a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from workbench import Block

from .sequence import ToSteps, steps_of


def rnn(shape: Sequence[int], classes: int, activation: Callable[[], nn.Module], width: int, reads: str) -> list[Block]:
    """An Elman layer of ``width`` units that reads the input step by step (``steps_of``), then a linear layer."""
    steps, numbers = steps_of("rnn", shape, reads)
    f = activation()
    return [
        Block(Elman(numbers, width, f), f, before=[ToSteps(steps, numbers)]),
        Block(nn.Linear(width, classes)),
    ]


class Elman(nn.Module):
    """z_t = W x_t + U f(z_{t-1}) + b, with nothing before the first step; its output is the last z.

    The last f is the block's own activation, so that remedies and probes find it where they look for it.
    """

    def __init__(self, numbers: int, width: int, activation: nn.Module) -> None:
        super().__init__()
        self.input = nn.Linear(numbers, width)
        self.recurrent = nn.Linear(width, width, bias=False)  # one bias is enough
        self.shared = [activation]  # a list hides it: it belongs to the block, and its weights must not count twice

    def forward(self, x: Tensor) -> Tensor:
        """``x`` is (batch, steps, numbers); returns (batch, width)."""
        [f] = self.shared
        given = self.input(x).unbind(1)
        z: Tensor = given[0] + self.recurrent(given[0].new_zeros(given[0].shape))
        for now in given[1:]:
            z = now + self.recurrent(f(z))
        return z
