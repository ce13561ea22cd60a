"""From blocks to a network: put together in forward order, initialised layer by layer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from workbench.blame import blame
from workbench.components import Block, Initializer, Remedy
from workbench.registry import Registry
from workbench.training.seeds import derive


class Stage(nn.Module):
    """One block as a module; what is added to its own share, and where, is said in ``Block``."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.before = nn.Sequential(*block.before)
        self.layer = block.layer
        self.norm = nn.Sequential(*block.norm)
        self.activation = block.activation
        self.after = nn.Sequential(*block.after)
        self.residual, self.skip = block.residual, block.skip
        self.branch = nn.Sequential(*block.branch)
        self.shortcut = block.shortcut

    def forward(self, x: Tensor, skipped: Tensor | None = None) -> Tensor:
        """``x`` is (batch, ...); ``skipped`` is what a shortcut over ``skip`` weight layers brings."""
        parts = cast(Any, self._modules)  # an attribute of a module is a detour, and small networks feel it
        y: Tensor = through(parts["norm"], parts["layer"](through(parts["before"], x)))
        if skipped is not None:
            shortcut = parts.get("shortcut")
            y = through(parts["branch"], y) + (skipped if shortcut is None else shortcut(skipped))
        if (activation := parts.get("activation")) is not None:
            y = activation(y)
        y = through(parts["after"], y)
        return through(parts["branch"], y) + x if self.residual and y.shape == x.shape else y


def through(modules: nn.Sequential, x: Tensor) -> Tensor:
    """One after the other; most are empty, and calling an empty one costs as much as a small layer."""
    for module in modules._modules.values():
        x = cast(Any, module)(x)
    return x


@dataclass(frozen=True)
class WeightLayer:
    """A Linear or Conv layer: ``index`` 1 is nearest the input; ``activation`` is the one that follows, if any."""

    index: int
    name: str
    module: nn.Linear | nn.modules.conv._ConvNd
    activation: nn.Module | None


class Network(nn.Module):
    """Blocks in a row. ``blocks`` are kept for remedies, ``weight_layers`` for initializers and probes."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        super().__init__()
        self.blocks = list(blocks)
        self.stages = nn.ModuleList(Stage(block) for block in blocks)
        self.weight_layers = weight_layers(self.stages)
        # By the number of the stage at whose end a shortcut arrives, that of the stage before which it begins.
        self.shortcuts = {n: n + 1 - block.skip for n, block in enumerate(self.blocks) if block.skip}

    def forward(self, x: Tensor) -> Tensor:
        """``x`` is (batch, *shape of one input); returns logits (batch, classes)."""
        passed: dict[int, Tensor] = {}
        begins = set(self.shortcuts.values())
        for number, stage in enumerate(self.stages):
            if number in begins:
                passed[number] = x
            begin = self.shortcuts.get(number)
            x = stage(x, None if begin is None else passed[begin])
        return x


def weight_of(module: nn.Module) -> nn.Parameter:
    """The weight that is learned: where it is parametrized (spectral norm), the parameter that lies beneath."""
    if parametrize.is_parametrized(module, "weight"):
        return cast(Any, module).parametrizations["weight"].original  # type: ignore[no-any-return]
    return cast(nn.Parameter, module.weight)


def weight_layers(stages: nn.ModuleList) -> list[WeightLayer]:
    """Every Linear and Conv layer in forward order, named like ``linear 1``; one that is used twice comes once."""
    found: list[WeightLayer] = []
    for stage in stages:
        for module in stage.modules():
            if isinstance(module, nn.Linear | nn.modules.conv._ConvNd):
                index = len(found) + 1
                word = "linear" if isinstance(module, nn.Linear) else "conv"
                activation = stage.activation if module is stage.layer else None
                if all(module is not other.module for other in found):
                    found.append(WeightLayer(index, f"{word} {index}", module, activation))  # type: ignore[arg-type]
    return found


def build(
    base: Mapping[str, Any], model: Mapping[str, Any], shape: Sequence[int], classes: int, seed: int,
    remedies: Sequence[tuple[str, Remedy]], registry: Registry,
) -> Network:  # fmt: skip
    """Make the model, let the remedies edit its blocks, and put it together; its weights are not initialised yet.

    Uses the global random state for what components draw while they are built; the caller restores it.
    """

    def activation() -> nn.Module:
        made = registry.make("activation", base["activation"])
        with blame(registry, "activation", base["activation"]["use"]):
            if not isinstance(made, nn.Module):
                raise TypeError(f"its factory must return an nn.Module, not {type(made).__name__}")
        return made

    torch.manual_seed(derive(seed, "build"))
    blocks = registry.make("model", dict(model), tuple(shape), classes, activation)
    with blame(registry, "model", model["use"]):
        check(blocks)
    for name, remedy in remedies:
        with blame(registry, "remedy", name):
            blocks = remedy.edit_blocks(blocks)
            check(blocks)
    network = Network(blocks)
    with blame(registry, "model", model["use"]):
        if not network.weight_layers:
            raise ValueError("it has no Linear or Conv layer")
    return network


def check(blocks: Any) -> None:
    """Raise ``TypeError`` unless these are blocks."""
    if not isinstance(blocks, list) or not blocks or not all(isinstance(block, Block) for block in blocks):
        raise TypeError(f"a list of workbench.Block is wanted, not {blocks!r:.80}")
    for number, block in enumerate(blocks):
        if not 0 <= block.skip <= number + 1:
            raise ValueError(f"block {number + 1} has skip = {block.skip}; there are {number + 1} to skip")


def initialise(
    network: Network, reference: Mapping[str, Any], inputs: Tensor, seed: int, registry: Registry,
    new_head: bool = False,
) -> None:  # fmt: skip
    """Fill every weight layer, the last included, each from a seed of its own; biases are zero unless ``fill_bias``.

    ``inputs``, the first training batch, are for an initializer that looks at the whole network when all is filled.

    So networks of one seed start from the same weights wherever shapes agree, whatever else they contain. With
    ``new_head`` the last layer's seed is another one: features that were trained under a head which started
    from these very weights would meet it again, and a transfer would start with a bias toward the old classes.
    """
    initializer: Initializer = registry.get("initializer", reference["use"])
    settings = {key: value for key, value in reference.items() if key != "use"}
    with torch.no_grad(), blame(registry, "initializer", reference["use"]):
        for layer in network.weight_layers:
            is_new = new_head and layer is network.weight_layers[-1]
            torch.manual_seed(derive(seed, "new head") if is_new else derive(seed, "weights", layer.index))
            initializer.factory(layer.module.weight, **settings)
            if layer.module.bias is not None:
                layer.module.bias.zero_()
                if initializer.fill_bias is not None:
                    initializer.fill_bias(layer.module.bias, layer.module.weight)
        if initializer.finish is not None:
            torch.manual_seed(derive(seed, "finish"))
            initializer.finish(network, inputs, **settings)


def load_features(network: Network, weights: Mapping[str, Tensor]) -> set[int]:
    """Take over all weights whose name and shape agree, but those of the last layer, which stays new.

    Returns the index of every weight layer that was taken over.
    """
    head = {id(parameter) for parameter in network.weight_layers[-1].module.parameters()}
    own = network.state_dict(keep_vars=True)
    weights = {plain(name): tensor for name, tensor in weights.items()}
    fits = {name for name, tensor in own.items() if name in weights and weights[name].shape == tensor.shape}
    taken = {name for name in fits if id(own[name]) not in head}
    with torch.no_grad():
        for name in taken:
            own[name].copy_(weights[name])
    loaded = {id(own[name]) for name in taken}
    return {layer.index for layer in network.weight_layers if id(weight_of(layer.module)) in loaded}


def plain(name: str) -> str:
    """A weight's name without the parametrization (spectral norm) that its network had put over it."""
    return re.sub(r"parametrizations\.(\w+)\.original$", r"\1", name)
