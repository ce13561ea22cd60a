"""A wave."""

import torch
from torch import Tensor, nn

from workbench import Activation, Param


class Sine(nn.Module):
    """sin(omega z), element by element."""

    def __init__(self, omega: float) -> None:
        super().__init__()
        self.omega = omega

    def forward(self, z: Tensor) -> Tensor:
        return torch.sin(self.omega * z)

    def extra_repr(self) -> str:
        """What ``print`` says of it."""
        return f"omega={self.omega:g}"


sine = Activation(
    "sine",
    Sine,
    params=[
        Param(
            "omega",
            1.0,
            low=1e-3,
            high=1e3,
            scale="log",
            search=(0.3, 30.0),
            help="how fast it waves; SIREN takes 30, with weights that are made for it",
        ),
    ],
    summary="A wave: its slope never dies for good, and the loss has many dents.",
    equation=r"f(z) = \sin(\omega z)",
    reference="Sitzmann, Martel, Bergman, Lindell, Wetzstein 2020, arXiv:2006.09661",
)
