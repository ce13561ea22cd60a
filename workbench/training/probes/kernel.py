"""What the random weights of a Linear or Conv layer make of squares, place by place."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from workbench.training.probes.covered import NotCoveredError, plain, structured
from workbench.training.probes.mean_field import moments

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
CHANCE = 5.0  # standard deviations by which the mean of weights that are drawn around 0 may miss it


@dataclass(frozen=True)
class Kernel:
    """A layer's weights as independent draws around 0. ``box`` sums over what the kernel sees; None for Linear."""

    shape: torch.Size  # of the units it is given: (samples, networks, units, places)
    inputs: int  # units or channels
    outputs: int
    variance: float
    bias: float  # mean square
    box: nn.Module | None
    pooled: bool  # whether it is given averages over the places

    @classmethod
    def of(cls, module: nn.Module, before: Iterable[nn.Module], shape: torch.Size) -> Kernel:
        """Measured from the layer as it is; ``NotCoveredError`` for weights that are not drawn around 0."""
        kind = parametrize.type_before_parametrizations(module)
        flat, pooled = any(isinstance(m, nn.Flatten) for m in before), any(averages(m) for m in before)
        if kind is nn.Linear and (flat or len(shape) == 3):
            layer = cast(nn.Linear, plain(module))
            box = None
        elif kind in CONVOLUTIONS and not flat and not pooled:
            layer = cast(nn.Linear, plain(module))
            box = summing(module)
        else:
            raise NotCoveredError
        weight = layer.weight
        mean, variance = moments(weight)
        if abs(mean) > CHANCE * math.sqrt(variance / weight.numel()) or structured(weight):
            raise NotCoveredError
        shift, spread = (0.0, 0.0) if layer.bias is None else moments(layer.bias)
        return cls(shape, weight.shape[1], weight.shape[0], variance, shift**2 + spread, box, pooled)

    def forward(self, square: Tensor) -> Tensor:
        """The variance of z (samples, places), from the mean square of its inputs."""
        if self.box is None:
            seen = square.reshape(len(square), -1).mean(dim=1)
        else:
            seen = cast(Tensor, self.box(square[:, None]))[:, 0]
        return self.variance * self.inputs * seen + self.bias

    def backward(self, square: Tensor) -> Tensor:
        """The squared gradient of every unit that it is given, from that in z summed over units (samples, places)."""
        places = self.shape[3:]
        if self.box is None:
            back = square.reshape(-1, *[1] * len(places)) / (math.prod(places) ** 2 if self.pooled else 1)
        else:
            back = transposed(self.box, torch.Size([len(square), 1, *places]), square[:, None])[:, 0]
        return (self.variance * back)[:, None, None].expand(self.shape)


def transposed(linear: nn.Module, shape: torch.Size, given: Tensor) -> Tensor:
    """What the transpose of a linear map of tensors of this shape makes of ``given``."""
    with torch.enable_grad():
        x = torch.zeros(shape, dtype=given.dtype, requires_grad=True)
        return torch.autograd.grad(linear(x), x, given)[0]


def averages(module: nn.Module) -> bool:
    """Whether it gives the average over all places."""
    return isinstance(module, nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d | nn.AdaptiveAvgPool3d) and (
        module.output_size == 1 or all(size == 1 for size in cast(tuple[int, ...], module.output_size))
    )


def summing(layer: nn.Module) -> nn.Module:
    """The convolution of one channel that sums up what ``layer`` looks at."""
    conv = cast(nn.Conv2d, layer)
    if conv.groups != 1 or conv.padding_mode != "zeros":
        raise NotCoveredError
    kind = parametrize.type_before_parametrizations(layer)
    made = cast(nn.Conv2d, kind(1, 1, conv.kernel_size, conv.stride, conv.padding, conv.dilation, bias=False))
    made = made.double().requires_grad_(False)
    made.weight.fill_(1.0)
    return made
