"""One measurement: what a probe sees during a training step."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn

from workbench.training.network import Network, WeightLayer, weight_of
from workbench.training.probes.gradient import Loss
from workbench.training.probes.hessian import top_eigenvalue
from workbench.training.probes.histograms import Histogram
from workbench.training.probes.noise import noise_scale
from workbench.training.probes.norms import Value, lazy_norm, norm, numbers
from workbench.training.probes.slopes import slope, through
from workbench.training.probes.statistics import Activations
from workbench.training.probes.theory import predict
from workbench.training.probes.undisturbed import undisturbed

log = logging.getLogger("workbench.training")

Objective = Callable[..., Tensor]


class Probe:
    """Measures one step. Attach it before the forward pass, then ``gradients``, step, ``update``, in this order.

    ``preset``: "light" or "full" (``PRESETS``). ``objective(part)`` is the mean loss of a part (a slice) of the batch,
    or of all of it without; where it is given, "full" measures curvature and gradient noise.
    ``rows`` and ``histograms`` are what it found, ``seconds`` what it took inside the forward and backward pass.
    Nothing is copied but the weights; statistics of activations are taken while they are made.
    """

    def __init__(
        self, network: Network, step: int, preset: str = "light", objective: Objective | None = None,
        loaded: Collection[int] = (),
    ) -> None:  # fmt: skip
        self.network, self.step, self.full = network, step, preset == "full"
        self.objective = objective if self.full else None
        self.loaded = loaded
        self.rows: list[dict[str, Any]] = []
        self.histograms: list[dict[str, Any]] = []
        self.seconds = 0.0
        self._gathered = {layer.index: Activations(layer.module) for layer in network.weight_layers}
        self._shapes = {layer.index: Histogram() for layer in network.weight_layers} if self.full else {}
        self._signals: dict[int, list[Value]] = {}
        self._before: dict[int, Tensor] = {}
        self._sizes: dict[int, float] = {}
        self._inputs: Tensor | None = None  # of the first forward pass
        self._loss: Loss | None = None  # what the backward pass began with
        self._of: dict[nn.Module, int] = {}  # activation: the layer that ran last before it
        self._entered: list[Any] = []  # slopes, or the edge of an activation's input, of activations that are at work
        self._sloping = False
        self._handles: list[Any] = []
        self._attach()

    # -- while the network works ---------------------------------------------------------------------------

    def _attach(self) -> None:
        followers: dict[nn.Module, list[nn.Module]] = {}
        for block in self.network.blocks:
            if block.activation is not None:
                followers.setdefault(block.layer, []).append(block.activation)
        for layer in self.network.weight_layers:
            hook = self._on_layer(layer, followers.get(layer.module, []))
            self._handles.append(layer.module.register_forward_hook(hook))
            for activation in followers.get(layer.module, []):
                if activation not in self._of:
                    self._of[activation] = layer.index
                    self._handles.append(activation.register_forward_pre_hook(self._on_input))
                    self._handles.append(activation.register_forward_hook(self._on_output))
        if self.step == 0 or self.objective is not None:
            self._handles.append(self.network.register_forward_pre_hook(self._on_start))
        if self.step == 0:
            self._handles.append(self.network.register_forward_hook(self._on_end))

    def _on_start(self, network: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if self._inputs is None:
            self._inputs = inputs[0].detach()

    def _on_end(self, network: nn.Module, inputs: Any, outputs: Tensor) -> None:
        if self._loss is not None or outputs.ndim != 2 or not outputs.requires_grad:
            return
        kept = outputs.detach().clone()

        def arrived(gradient: Tensor) -> None:
            if self._loss is None:
                self._loss = Loss(kept, gradient.detach().clone())

        outputs.register_hook(arrived)  # type: ignore[no-untyped-call]

    def _on_layer(self, layer: WeightLayer, activations: list[nn.Module]) -> Callable[..., None]:
        def arrived(gradient: Tensor) -> None:
            if not self._sloping:
                began = time.perf_counter()
                self._signals.setdefault(layer.index, []).append(lazy_norm(gradient))
                self.seconds += time.perf_counter() - began

        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            began = time.perf_counter()
            for activation in activations:
                self._of[activation] = layer.index
            if not activations:
                self._gather(layer.index, output, None)
            if output.requires_grad:
                output.register_hook(arrived)  # type: ignore[no-untyped-call]
            self.seconds += time.perf_counter() - began

        return hook

    def _on_input(self, activation: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        began = time.perf_counter()
        z = inputs[0]
        # An activation may work in place, so z is gone afterwards; its place in the graph is not.
        here = torch.autograd.graph.get_gradient_edge(z) if z.requires_grad else slope(activation, z)
        self._entered.append(here)
        self.seconds += time.perf_counter() - began

    def _on_output(self, activation: nn.Module, inputs: Any, h: Tensor) -> None:
        began = time.perf_counter()
        slopes = self._entered.pop()
        if not isinstance(slopes, Tensor):
            self._sloping = True
            slopes = through(h, slopes)
            self._sloping = False
        self._gather(self._of[activation], h, slopes)
        self.seconds += time.perf_counter() - began

    def _gather(self, index: int, h: Tensor, slopes: Tensor | None) -> None:
        copy = self._gathered[index].add(h, slopes)
        if self.full:
            self._shapes[index].add(copy)

    def detach(self) -> None:
        """Take the hooks off again."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    # -- after the backward pass ---------------------------------------------------------------------------

    def gradients(self) -> None:
        """Measure all but the update, after ``backward()`` and before anything changes a gradient.

        A frozen weight has no gradient, a layer below which all is frozen gets no signal, and a layer that was never
        reached has no activation: no row says so.
        """
        self.detach()
        found: list[tuple[WeightLayer, str, Value]] = []
        for layer in self.network.weight_layers:
            weight = weight_of(layer.module).detach()
            self._before[layer.index] = weight.clone()
            self._sizes[layer.index] = norm(weight)
            found.append((layer, "weight_norm", self._sizes[layer.index]))
            gradient = weight_of(layer.module).grad
            if gradient is not None:
                found.append((layer, "weight_grad_norm", lazy_norm(gradient)))
                if self.full:
                    self._note(layer, "gradient", Histogram(gradient))
            if layer.index in self._signals:
                found.append((layer, "signal_grad_norm", together(self._signals[layer.index])))
            for statistic, value in self._gathered[layer.index].statistics().items():
                found.append((layer, statistic, value))
            if self.full:
                self._note(layer, "activation", self._shapes[layer.index])
        values = numbers([value for _, _, value in found])
        for (layer, statistic, _), value in zip(found, values, strict=True):
            self._add(layer.name, layer.index, statistic, value)
        if self._inputs is None:
            return
        if self.step == 0:
            self._foresee(self._inputs)
        if self.objective is not None:
            self._curvature(self.objective, len(self._inputs))

    def _foresee(self, inputs: Tensor) -> None:
        """What theory expects of the untrained network; its signal agrees with the measured one in the last layer."""
        signals = {row["index"]: row["value"] for row in self.rows if row["statistic"] == "signal_grad_norm"}
        scale = signals.get(self.network.weight_layers[-1].index)
        try:
            rows = predict(self.network, inputs, self._loss, self.loaded)
        except Exception:  # of a part that is like no other: a training needs no prediction
            log.exception("there is no prediction for this network")
            return
        for row in rows:
            if row["statistic"] == "theory_signal_norm":
                if scale is None or row["index"] not in signals:
                    continue
                row["value"] *= scale
            self.rows.append(row)

    def _curvature(self, objective: Objective, size: int) -> None:
        """Gradient noise and curvature on the batch; the network stays as it is."""
        with undisturbed(self.network):
            parameters = [p for p in self.network.parameters() if p.requires_grad]
            noise = noise_scale(objective, parameters, size)
            largest = top_eigenvalue(objective(), parameters)
        self._add("network", 0, "noise_scale", noise)
        self._add("network", 0, "hessian_eigenvalue", largest)

    # -- after the step ------------------------------------------------------------------------------------

    def update(self) -> None:
        """Measure |W after - W before| / |W before| of the step that was just taken."""
        changes = []
        for layer in self.network.weight_layers:
            changes.append(lazy_norm(self._before[layer.index].sub_(weight_of(layer.module).detach())))
        for layer, change in zip(self.network.weight_layers, numbers(changes), strict=True):
            size = self._sizes[layer.index]
            value = change / size if size else math.nan if change == 0 else math.inf
            self._add(layer.name, layer.index, "update_ratio", value)

    def _add(self, layer: str, index: int, statistic: str, value: float) -> None:
        here = {"step": self.step, "layer": layer, "index": index}
        self.rows.append(here | {"statistic": statistic, "value": value})

    def _note(self, layer: WeightLayer, what: str, histogram: Histogram) -> None:
        here = {"step": self.step, "layer": layer.name, "index": layer.index, "what": what}
        self.histograms += [here | {"bin": low, "count": count} for low, count in histogram.counts()]


def together(norms: list[Value]) -> Value:
    """The norm of several parts put side by side: the uses of a layer."""
    if len(norms) == 1:
        return norms[0]
    return math.hypot(*numbers(norms))
