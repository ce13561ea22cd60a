"""What torch's layers do by themselves."""

import math

from torch import Tensor, nn

from workbench import Initializer


def fill(weight: Tensor) -> None:
    """Fill as ``nn.Linear`` and ``nn.Conv`` do by themselves: uniform within 1/sqrt(fan_in)."""
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5))


def fill_bias(bias: Tensor, weight: Tensor) -> None:
    """Fill a bias as torch does: uniform within 1/sqrt(fan_in) of its weight."""
    fan_in = weight[0].numel()
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    nn.init.uniform_(bias, -bound, bound)


torch_default = Initializer(
    "torch_default",
    fill,
    fill_bias=fill_bias,
    title="torch's default",
    summary="What nn.Linear does by itself, biases included; a ReLU layer keeps 1/6 of the second moment.",
    equation=r"w, b \sim \mathcal U\!\left(-\frac{1}{\sqrt{n_{in}}}, \frac{1}{\sqrt{n_{in}}}\right)",
    reference="LeCun, Bottou, Orr, Müller 1998, Efficient BackProp; torch.nn.Linear",
)
