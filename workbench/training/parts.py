"""What a training is put together from once: its optimizer, and the features that it takes over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from workbench.blame import blame, returned
from workbench.components import Remedy
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.records import Recorder
from workbench.registry import Registry
from workbench.training.network import Network, load_features

Remedies = Sequence[tuple[str, Remedy]]


def load_source(run: Run, network: Network, recorder: Recorder, registry: Registry) -> tuple[set[int], str]:
    """Take over the source's features in a transfer: which layers, by index, and how to say that."""
    if run.kind != "transfer":
        return set(), ""
    if run.source is None:
        return set(), "from scratch: new weights in every layer"
    weights = recorder.load_weights(run.source.id(registry))
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise WorkbenchError("the training on the source diverged, so there is nothing to transfer; change the base")
    loaded, count = load_features(network, weights), len(network.weight_layers)
    if not loaded:
        raise WorkbenchError(
            "no layer of the source fits this network (the last one is always new): give both the same model, "
            "with at least one hidden layer"
        )
    return loaded, f"{len(loaded)} of {count} weight layers taken over from the source, the last one is new"


def make_optimizer(run: Run, network: Network, remedies: Remedies, registry: Registry) -> torch.optim.Optimizer:
    """The optimizer on one group a layer; groups that no remedy made different are joined again."""
    groups: list[dict[str, Any]] = [{"params": list(stage.parameters())} for stage in network.stages]
    groups = [group for group in groups if group["params"]]
    for name, remedy in remedies:
        with blame(registry, "remedy", name):
            groups = remedy.edit_param_groups(groups)
            returned("edit_param_groups", groups, isinstance(groups, list))
    optimizer = registry.make("optimizer", run.base["optimizer"], join(groups))
    with blame(registry, "optimizer", run.base["optimizer"]["use"]):
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"its factory must return a torch.optim.Optimizer, not {type(optimizer).__name__}")
        fuse(optimizer)
    for name, remedy in remedies:
        with blame(registry, "remedy", name):
            optimizer = remedy.wrap_optimizer(optimizer)
            returned("wrap_optimizer", optimizer, hasattr(optimizer, "param_groups"))
    return optimizer


def join(groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put the parameters of groups with equal settings into one: the optimizer does fewer, larger steps."""
    joined: list[dict[str, Any]] = []
    for group in groups:
        settings = {key: value for key, value in group.items() if key != "params"}
        for other in joined:
            if settings == {key: value for key, value in other.items() if key != "params"}:
                other["params"] += group["params"]
                break
        else:
            joined.append(settings | {"params": list(group["params"])})
    return joined


SOUND = 1e-12  # least eps beside which 1e-19 is nothing
FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad)


def fuse(optimizer: torch.optim.Optimizer) -> None:
    """Let torch's own optimizers step in one fused operation where they leave that open (``fused=None``).

    On a small network their usual loop takes as long as the rest of the step. Numbers differ in the last bits.
    """
    if type(optimizer) in FUSED:
        for group in optimizer.param_groups:
            open_to_it = group["fused"] is None and not (group.get("capturable") or group.get("differentiable"))
            if open_to_it and all(p.dtype in (torch.float32, torch.float64) for p in group["params"]):
                group["fused"], group["foreach"] = True, False


def may_flush(optimizer: torch.optim.Optimizer) -> bool:
    """Whether a fused step may count numbers below 1e-38 as 0 without any weight noticing.

    Not one that is wrapped: what is around it (LARC) may make much of the smallest gradient. A squared gradient
    that vanishes so had a root below 1e-19, and an average that does changes a step by less than 1e-38 / eps: with the
    usual eps nothing, with one near 0 everything.
    """
    groups = optimizer.param_groups
    return type(optimizer) in FUSED and all(group["fused"] and group["eps"] >= SOUND for group in groups)


@contextmanager
def without_denormals() -> Iterator[None]:
    """Count numbers below 1e-38 as 0 while a fused optimizer steps; see ``may_flush`` for when.

    The averages of Adam for weights without a gradient (those of pixels that are always black) fade into that range
    after some hundred steps, where every operation takes many times as long.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
