"""A rotation."""

from torch import Tensor, nn

from workbench import Initializer

from .settings import GAIN


def fill(weight: Tensor, gain: float) -> None:
    """Fill with a random (semi-)orthogonal matrix times ``gain``; all but the first dimension count as one."""
    nn.init.orthogonal_(weight, gain)


orthogonal = Initializer(
    "orthogonal",
    fill,
    params=[GAIN],
    summary="A rotation: keeps every length, not only the average one.",
    equation=r"W^\top W = g^2 I",
    reference="Saxe, McClelland, Ganguli 2013, arXiv:1312.6120",
)
