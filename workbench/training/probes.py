"""What is measured in every weight layer, at chosen steps: see docs/probes.md for the list with its formulas.

A layer computes z = W x + b, its activation h = f(z); a layer without an activation has f(z) = z. With a norm
between them, f's input is what the norm gave. All statistics are of one training batch, in the network's
state before the step, summed up in double precision: squares of numbers near 1e-25 must not vanish.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from workbench.training.network import Network, WeightLayer

SATURATED = 0.01  # a slope below this lets less than a hundredth of the gradient through
SAMPLES = 128  # of a batch, between which activations are correlated
COUNT = 40  # steps of a run at which layers are measured

STATISTICS = (
    "weight_norm",
    "weight_grad_norm",
    "signal_grad_norm",
    "update_ratio",
    "activation_mean",
    "activation_std",
    "saturated_fraction",
    "dead_fraction",
    "activation_correlation",
)


def probe_steps(steps: int, count: int = COUNT) -> set[int]:
    """Steps at which to measure: the first, the last, half of the others log-spaced, half evenly."""
    last = max(steps - 1, 0)
    half = max(count // 2, 1)
    logarithmic = {round(last ** (k / half)) for k in range(half + 1)}
    even = {round(last * k / half) for k in range(half + 1)}
    return {step for step in {0, last} | logarithmic | even if step <= last}


def norm(values: Tensor) -> float:
    """Euclidean norm of all entries, in double precision."""
    return float(torch.linalg.vector_norm(values.detach(), dtype=torch.float64))


def slope(activation: nn.Module | None, z: Tensor) -> Tensor:
    """f'(z), entry by entry, from autograd; 1 without an activation. Changes no module and no random state."""
    if activation is None:
        return torch.ones_like(z)
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        z = z.detach().clone().requires_grad_()
        h = activation(z.clone())
        # Weights of an activation (PReLU) get no gradient here; an output without a graph has slope 0.
        return torch.autograd.grad(h.sum(), z)[0] if h.requires_grad else torch.zeros_like(z)


def saturated_fraction(slopes: Tensor) -> float:
    """Share of all (sample, unit) pairs with |f'(z)| < 0.01: sigmoid beyond about 4.6, ReLU below 0."""
    return float((slopes.abs() < SATURATED).double().mean())


def dead_fraction(slopes: Tensor) -> float:
    """Share of units (features, channels) with f'(z) = 0 for every sample: no gradient passes them.

    ``slopes`` is (batch, units, ...).
    """
    if slopes.ndim < 2:
        return float((slopes == 0).all())
    return float((slopes == 0).transpose(0, 1).flatten(1).all(dim=1).double().mean())


def activation_correlation(h: Tensor) -> float:
    """Mean size |r| of the Pearson correlation between the activation vectors of two samples of the batch.

    ``h`` is (batch, ...); the first 128 samples count. 0: unrelated, 1: the layer says the same of every
    sample. The size, because batch norm pins the mean of r itself near 0, whatever the network has learned.
    NaN when all units of a sample agree, or with fewer than two samples: then it has no meaning.
    """
    vectors = h.detach()[:SAMPLES].flatten(1).double()
    vectors = vectors - vectors.mean(dim=1, keepdim=True)
    unit = vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    n = len(unit)
    if n < 2:
        return float("nan")
    sizes = (unit @ unit.T).abs()
    return float((sizes.sum() - sizes.diagonal().sum()) / (n * (n - 1)))


class Probe:
    """Measures one step. Attach it before the forward pass, then ``gradients``, step, ``update``, in this order."""

    def __init__(self, network: Network, step: int) -> None:
        self.network, self.step = network, step
        self.rows: list[dict[str, Any]] = []
        self._inputs: dict[int, Tensor] = {}  # of the activation, by layer index
        self._outputs: dict[int, Tensor] = {}  # of the activation
        self._signals: dict[int, float] = {}
        self._before: dict[int, Tensor] = {}
        self._handles: list[Any] = []
        for layer in network.weight_layers:
            self._handles.append(layer.module.register_forward_hook(self._on_layer(layer)))
            if layer.activation is not None:
                self._handles.append(layer.activation.register_forward_pre_hook(self._on_input(layer)))
                self._handles.append(layer.activation.register_forward_hook(self._on_output(layer)))

    def _on_layer(self, layer: WeightLayer) -> Callable[..., None]:
        def arrived(gradient: Tensor) -> None:
            self._signals[layer.index] = norm(gradient)

        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            if layer.activation is None:
                self._inputs[layer.index] = self._outputs[layer.index] = output.detach().clone()
            if output.requires_grad:
                output.register_hook(arrived)  # type: ignore[no-untyped-call]

        return hook

    def _on_input(self, layer: WeightLayer) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self._inputs[layer.index] = inputs[0].detach().clone()  # an activation may work in place

        return hook

    def _on_output(self, layer: WeightLayer) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            self._outputs[layer.index] = output.detach().clone()

        return hook

    def _add(self, layer: WeightLayer, statistic: str, value: float) -> None:
        self.rows.append(
            {"step": self.step, "layer": layer.name, "index": layer.index, "statistic": statistic, "value": value}
        )

    def gradients(self) -> None:
        """Measure all but the update, after ``backward()`` and before anything changes a gradient.

        A frozen weight has no gradient, and a layer below which all is frozen gets no signal: no row says so.
        """
        self.detach()
        for layer in self.network.weight_layers:
            weight = layer.module.weight
            self._before[layer.index] = weight.detach().clone()
            self._add(layer, "weight_norm", norm(weight))
            if weight.grad is not None:
                self._add(layer, "weight_grad_norm", norm(weight.grad))
            if layer.index in self._signals:
                self._add(layer, "signal_grad_norm", self._signals[layer.index])
            if layer.index in self._outputs:
                h = self._outputs[layer.index]
                slopes = slope(layer.activation, self._inputs[layer.index])
                std, mean = torch.std_mean(h.double(), correction=0)
                self._add(layer, "activation_mean", float(mean))
                self._add(layer, "activation_std", float(std))
                self._add(layer, "saturated_fraction", saturated_fraction(slopes))
                self._add(layer, "dead_fraction", dead_fraction(slopes))
                self._add(layer, "activation_correlation", activation_correlation(h))

    def update(self) -> None:
        """Measure |W after - W before| / |W before| of the step that was just taken."""
        for layer in self.network.weight_layers:
            before = self._before[layer.index]
            change = norm(layer.module.weight.detach().double() - before.double())
            size = norm(before)
            self._add(layer, "update_ratio", change / size if size else float("nan") if change == 0 else float("inf"))

    def detach(self) -> None:
        """Take the hooks off again."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
