"""The square of ReLU."""

from torch import Tensor, nn

from workbench import Activation


class SquaredReLU(nn.Module):
    """max(0, z)^2, element by element."""

    def forward(self, z: Tensor) -> Tensor:
        return nn.functional.relu(z).square()


squared_relu = Activation(
    "squared_relu",
    SquaredReLU,
    title="squared ReLU",
    summary="ReLU, squared: twice the input gives four times the output, so something else has to keep the scale.",
    equation=r"f(z) = \max(0, z)^2,\quad f'(z) = 2 \max(0, z)",
    reference="So, Mańke, Liu, Dai, Shazeer, Le 2021, arXiv:2109.08668",
)
