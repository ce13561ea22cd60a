"""All settings of a sweep in one pass, checked against the plain loop before it is trusted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.descent.column import Broadcast, Column, MixedError
from workbench.descent.outcomes import Floats
from workbench.descent.simulate import Mover
from workbench.descent.surface import Landscape
from workbench.errors import WorkbenchError
from workbench.records import Recorder
from workbench.registry import Registry

CHECK_STEPS = 25
CHECK_ROWS = 5
CLOSE = 1e-9  # relative; both ways differ by rounding only
MIXED = "mixed"
_verdicts: dict[str, str] = {}


class StopError(Exception):
    """Somebody asked the run to stop in the middle of a pass."""


class BatchError(Exception):
    """Why the settings cannot be run in one pass."""


def with_setting(base: dict[str, Any], parameter: str, value: Any) -> dict[str, Any]:
    """The base with another value for one setting of its optimizer."""
    return base | {"optimizer": base["optimizer"] | {parameter: value}}


def run_batch(
    base: dict[str, Any],
    task: dict[str, Any],
    landscape: Landscape,
    parameter: str,
    settings: Floats,
    recorder: Recorder | None = None,
) -> tuple[Floats, Floats]:
    """Positions (steps + 1, 2, rows) and values (steps + 1, rows) of all settings; NaN after a value not finite.

    Raises ``BatchError`` when the optimizer cannot be run so, or gives other numbers than one by one.
    """
    try:
        checked = check(base, landscape.registry, parameter, settings)
        places_and_heights = advance(base, task, landscape, parameter, settings, recorder)
        if not checked:
            raise BatchError(f"{parameter} decides what the optimizer does, in a way that only single runs show")
        return places_and_heights
    except WorkbenchError as error:
        cause = error.__cause__
        if not isinstance(cause, MixedError):
            raise BatchError(str(error)) from error
        holds = cause.holds.numpy()
    parts = [run_batch(base, task, landscape, parameter, settings[part], recorder) for part in (holds, ~holds)]
    positions = np.empty((task["steps"] + 1, 2, len(settings)))
    values = np.empty((task["steps"] + 1, len(settings)))
    for part, (places, heights) in zip((holds, ~holds), parts, strict=True):
        positions[:, :, part], values[:, part] = places, heights
    return positions, values


def advance(
    base: dict[str, Any],
    task: dict[str, Any],
    landscape: Landscape,
    parameter: str,
    settings: Floats,
    recorder: Recorder | None,
) -> tuple[Floats, Floats]:
    """One pass over all settings, each a row of one tensor."""
    steps, rows = task["steps"], len(settings)
    at = torch.tensor(task["start"], dtype=torch.float64)[:, None].repeat(1, rows).requires_grad_()
    positions = torch.full((steps + 1, 2, rows), torch.nan, dtype=torch.float64)
    values = torch.full((steps + 1, rows), torch.nan, dtype=torch.float64)
    column = Column(torch.from_numpy(settings))
    with Broadcast():
        mover = Mover(with_setting(base, parameter, column), landscape.registry, at, landscape.slope, steps)
    for index in range(steps):
        if recorder and recorder.asked():
            raise StopError
        positions[index] = at.detach()
        with Broadcast():
            values[index], _ = mover.step(index)
        if not values[index].isfinite().any():
            break
    else:
        positions[steps] = at.detach()
        with torch.no_grad():
            values[steps] = landscape(at.detach())
    ended = ~(values.isfinite() & positions.isfinite().all(dim=1))
    after = ended.cumsum(dim=0) - ended.to(torch.int64) > 0  # strictly after the first that is not finite
    values[after] = torch.nan
    positions[after[:, None].expand_as(positions)] = torch.nan
    return positions.numpy(), values.numpy()


def check(base: dict[str, Any], registry: Registry, parameter: str, settings: Floats) -> bool:
    """Compare the pass with the plain loop on a few settings, once for each optimizer and its settings.

    Raises ``BatchError`` when they differ. False: the few settings cannot go together, so neither can all.
    """
    chosen = settings[np.unique(np.linspace(0, len(settings) - 1, CHECK_ROWS).round().astype(int))]
    owner = registry.owner("optimizer", base["optimizer"]["use"])
    others = {key: value for key, value in base["optimizer"].items() if key != parameter}
    key = json.dumps([owner.path, owner.identity, others, base["schedule"], parameter, chosen.tolist()], sort_keys=True)
    if key not in _verdicts:
        _verdicts[key] = compare(base, registry, parameter, chosen)
    if _verdicts[key] not in ("", MIXED):
        raise BatchError(_verdicts[key])
    return not _verdicts[key]


def compare(base: dict[str, Any], registry: Registry, parameter: str, settings: Floats) -> str:
    """Why the pass is not to be trusted, or an empty text.

    Both are given the same gradients, whatever the position: no chaos of a surface can blur a difference.
    """
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(CHECK_STEPS, 2, len(settings), dtype=torch.float64, generator=generator)
    together = torch.ones(2, len(settings), dtype=torch.float64).requires_grad_()
    column = Column(torch.from_numpy(settings))
    try:
        with Broadcast():
            batched = follow(with_setting(base, parameter, column), registry, together, gradients)
    except WorkbenchError as error:
        return MIXED if isinstance(error.__cause__, MixedError) else str(error)
    for row, setting in enumerate(settings.tolist()):
        alone = torch.ones(2, dtype=torch.float64).requires_grad_()
        one = follow(with_setting(base, parameter, setting), registry, alone, gradients[:, :, row])
        if not torch.allclose(batched[:, :, row], one, rtol=CLOSE, atol=1e-12, equal_nan=True):
            return f"at {parameter} = {setting:g} one pass over all settings gives other numbers than one by one"
    return ""


def follow(base: dict[str, Any], registry: Registry, parameters: Tensor, gradients: Tensor) -> Tensor:
    """Where given gradients (steps, 2, ...) lead, in the same shape."""
    index = 0

    def slope(points: Tensor) -> tuple[Tensor, Tensor]:
        """A plane that tilts anew at each step."""
        return (points * gradients[index]).sum(dim=0), gradients[index].clone()

    given: Callable[[Tensor], tuple[Tensor, Tensor]] = slope
    mover = Mover(base, registry, parameters, given, len(gradients))
    places = torch.empty_like(gradients)
    for index in range(len(gradients)):  # slope reads it
        mover.step(index)
        places[index] = parameters.detach()
    return places
