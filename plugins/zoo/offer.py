"""One optimizer of the package as a component."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from workbench import Optimizer

from .reading import Argument, Source
from .references import Papers
from .settings import params_of
from .tried import DIVISORS, LICENCES, MATRICES, NOT_KEPT, OWN_RATE, UNUSABLE


def describe(source: Source, papers: Papers) -> Optimizer:
    """The component; making an optimizer with it imports the package."""
    params, tuples, fixed = params_of([usable(source.name, argument) for argument in source.arguments])
    summary = source.doc.split("\n")[0].strip().rstrip(".")
    if source.name in MATRICES:
        summary += "; matrices only, all other tensors get AdamW"
    if fixed:
        summary += f"; at its default stays {', '.join(fixed)}"
    if source.name in OWN_RATE:
        summary += f"; its rate follows from {OWN_RATE[source.name]}"
    if source.name in NOT_KEPT:
        summary += f"; keeps {NOT_KEPT[source.name]}, so an interrupted run starts over"
    return Optimizer(
        f"zoo_{source.name.lower()}",
        functools.partial(make, source, tuples),
        params=params,
        title=f"{source.name} (zoo)",
        summary=f"{summary}.",
        reference=papers.reference(source.name, source.doc),
        needs_closure=source.needs_closure,
        least_dim=2 if source.name in MATRICES else 0,
        modes=source.modes,
        licence=LICENCES.get(source.name, ""),
    )


def usable(name: str, argument: Argument) -> Argument:
    """The argument, with what trying it has shown."""
    if argument.name == UNUSABLE.get(name):
        return replace(argument, default=None)
    if argument.name == DIVISORS.get(name):
        return replace(argument, open_low=True)
    return argument


def make(source: Source, tuples: Mapping[str, Sequence[str]], params: Any, **settings: Any) -> torch.optim.Optimizer:
    """Import the class and build it: tuples are put together again, matrices set apart where it asks for that."""
    kind = getattr(importlib.import_module(source.module), source.name)
    for whole, parts in tuples.items():
        settings[whole] = tuple(settings.pop(part) for part in parts)
    if source.needs_closure:
        kind = demanding(kind)
    return kind(by_dimension(params) if source.name in MATRICES else params, **settings)


@functools.cache
def demanding(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """The class with a step that cannot be called without a closure, which may differentiate.

    Its own step would go without the loss where there is no closure, and AliG's forbids gradients in it.
    """

    def step(self: Any, closure: Any) -> Any:
        return kind.step(self, torch.enable_grad()(closure))

    return type(kind.__name__, (kind,), {"step": step, "__doc__": kind.__doc__})


def by_dimension(params: Any) -> list[dict[str, Any]]:
    """Each group twice, its matrices and the rest, marked as Muon and its relatives ask for it."""
    given = list(params)
    groups = given if given and isinstance(given[0], dict) else [{"params": given}]
    made = []
    for group in groups:
        tensors = list(group["params"])
        for matrices in (True, False):
            part = [tensor for tensor in tensors if (tensor.dim() >= 2) is matrices]
            if part:
                made.append({**group, "params": part, "use_muon": matrices})
    return made
