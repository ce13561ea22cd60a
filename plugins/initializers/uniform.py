"""One interval for all layers."""

from torch import Tensor, nn

from workbench import Initializer, Param, Refused


def fill(weight: Tensor, low: float, high: float) -> None:
    """Fill with independent draws from [low, high); raises ``Refused`` when low lies above high."""
    if low > high:
        raise Refused(f"low = {low:g} must not lie above high = {high:g}")
    nn.init.uniform_(weight, low, high)


uniform = Initializer(
    "uniform",
    fill,
    params=[
        Param("low", -0.05, low=-100.0, high=100.0, help="smallest weight"),
        Param("high", 0.05, low=-100.0, high=100.0, help="largest weight"),
    ],
    summary="The same interval in every layer, however many inputs a unit has.",
    equation=r"w \sim \mathcal U(a, b)",
)
