"""Whose fault it is when a network fails in the middle of a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.blame import blame
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.registry import Registry


class naming_the_culprit:
    """Blame the plugin in whose files an exception arose; else an activation that is none, else the model."""

    def __init__(self, run: Run, registry: Registry) -> None:
        self.run, self.registry = run, registry

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, Exception | SystemExit) or isinstance(error, WorkbenchError):
            return
        run, registry = self.run, self.registry
        found = culprit(error, run, registry)
        activation = run.base["activation"]
        if found is None and (problem := misshapen(activation, registry)):
            with blame(registry, "activation", activation["use"]):
                raise TypeError(problem) from error
        with blame(registry, *(found or ("model", run.task["model"]["use"]))):
            raise error


def misshapen(activation: dict[str, Any], registry: Registry) -> str:
    """Whether an activation changes the shape of what it is given: why the next layer failed; empty if not."""
    given = torch.zeros(2, 4)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            made = registry.make("activation", activation).eval()(given)
    except Exception:
        return ""
    if isinstance(made, Tensor) and made.shape == given.shape:
        return ""
    shape = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
    return f"for an input of shape {tuple(given.shape)} it gives {shape}; it has to work element by element"


def culprit(error: BaseException, run: Run, registry: Registry) -> tuple[str, str] | None:
    """The component of a run whose plugin's files stand deepest in the traceback, if any."""
    files = []
    trace = error.__traceback__
    while trace is not None:
        files.append(Path(trace.tb_frame.f_code.co_filename))
        trace = trace.tb_next
    for file in reversed(files):
        for kind, reference in run.references():
            home = Path(registry.owner(kind, reference["use"]).path)
            if file == home or home in file.parents:
                return kind, reference["use"]
    return None
