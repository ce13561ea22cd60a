"""Many descents in one pass, each a row of one tensor; checked against the plain loop before it is trusted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.descent.column import Broadcast, Column, MixedError
from workbench.descent.mover import Mover
from workbench.descent.outcomes import Floats, Judge, Outcomes, gathered
from workbench.descent.simulate import noise_of, start_of
from workbench.descent.surface import Landscape
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.experiment.axes import put
from workbench.registry import Registry

CHECK_STEPS = 30
SIZES = (1.0, 1.0, 1e3, 1e-3, 1.0)  # of the gradients in the check, in turns: some optimizers act on large ones only
CHECK_ROWS = 5
CLOSE = 1e-9  # relative; both ways differ by rounding only
MIXED = "mixed"
SPLITS = 16  # how often the rows are parted because they need different branches of an optimizer
KEPT = 1000  # verdicts that are remembered
_verdicts: dict[str, str] = {}

Columns = Mapping[str, Floats]  # a number's name, as in a sweep -> its value in each row


class StopError(Exception):
    """Somebody asked the run to stop in the middle of a pass."""


class BatchError(Exception):
    """Why the rows cannot be run in one pass."""


@dataclass(frozen=True)
class Ends:
    """Where descents ended: the outcome of each row, its last place and value (3, rows), and what it cost."""

    outcomes: Outcomes
    last: Floats
    evaluations: Floats  # of the gradient, by each row
    refused: str = ""  # how many rows failed, and why the first of them did


def run_batch(
    run: Run,
    landscape: Landscape,
    columns: Columns,
    asked: Callable[[], str],
    sound: bool = False,
    splits: int = SPLITS,
) -> Ends:
    """Descend with every row's own numbers; ``sound``: the composition was checked, with rows like these.

    Raises ``BatchError`` when the optimizer cannot be run so, or gives other numbers than one by one, and
    ``StopError`` once ``asked`` gives a word.
    """
    try:
        checked = sound or check(run, landscape, columns)
        ends = advance(run, landscape, columns, asked)
        if not checked:
            raise BatchError("the settings decide what the optimizer does, in a way that only single runs show")
        return ends
    except WorkbenchError as error:
        cause = error.__cause__
        if not isinstance(cause, MixedError):
            raise BatchError(str(error)) from error
        holds = cause.holds.numpy()[: rows_of(columns)]  # one or two rows are padded on the way
    if not splits:
        raise BatchError(f"the optimizer takes more than {SPLITS} different ways with these settings")
    parts = [
        run_batch(run, landscape, {name: column[part] for name, column in columns.items()}, asked, splits=splits - 1)
        for part in (holds, ~holds)
    ]
    return joined(parts, holds)


def joined(parts: list[Ends], holds: Any) -> Ends:
    """The two parts of a split, every row in its place again."""

    def mixed(first: Any, second: Any) -> Any:
        whole = np.empty((*first.shape[:-1], len(holds)), dtype=first.dtype)
        whole[..., holds], whole[..., ~holds] = first, second
        return whole

    one, other = parts
    outcomes = gathered(mixed, one.outcomes, other.outcomes)
    return Ends(outcomes, mixed(one.last, other.last), mixed(one.evaluations, other.evaluations))


def picked(ends: Ends, rows: slice) -> Ends:
    """Some of the rows."""
    return Ends(gathered(lambda column: column[rows], ends.outcomes), ends.last[:, rows], ends.evaluations[rows])


def rows_of(columns: Columns) -> int:
    """How many rows there are."""
    return len(next(iter(columns.values())))


def with_columns(run: Run, columns: Columns) -> tuple[dict[str, Any], dict[str, Any]]:
    """Base and task with columns for numbers, but for the start."""
    base, task = run.base, run.task
    for name, column in columns.items():
        if not name.startswith("start."):
            base, task = put(base, task, name, Column(torch.from_numpy(column)))
    return base, task


def with_row(run: Run, columns: Columns, row: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Base and task of one row alone."""
    base, task = run.base, run.task
    for name, column in columns.items():
        base, task = put(base, task, name, float(column[row]))
    return base, task


def starts(run: Run, landscape: Landscape, columns: Columns) -> Tensor:
    """Where each row starts, shape (2, rows)."""
    x, y = start_of(run.task, landscape, run.seed)
    at = torch.tensor([x, y], dtype=torch.float64)[:, None].repeat(1, rows_of(columns))
    for index, name in enumerate(("start.x", "start.y")):
        if name in columns:
            at[index] = torch.from_numpy(columns[name])
    return at


def varies_surface(columns: Columns) -> bool:
    """Whether rows differ in numbers of the surface."""
    return any(name.startswith("surface.") for name in columns)


def ground(task: dict[str, Any], landscape: Landscape) -> Landscape:
    """The landscape of the task: the same one unless a number of the surface is a column."""
    varied = any(landscape.reference[key] is not value for key, value in task["surface"].items())
    return Landscape(task["surface"], landscape.registry) if varied else landscape


def advance(run: Run, landscape: Landscape, columns: Columns, asked: Callable[[], str]) -> Ends:
    """One pass over all rows."""
    count = rows_of(columns)
    if count <= 2:  # they would look like the two coordinates to the mode that keeps rows apart
        some = advance(run, landscape, {name: np.resize(column, 3) for name, column in columns.items()}, asked)
        return picked(some, slice(count))
    steps = run.task["steps"]
    base, task = with_columns(run, columns)
    place = ground(task, landscape) if varies_surface(columns) else landscape
    at = starts(run, landscape, columns).requires_grad_()
    lowest: float | Floats = landscape.lowest if place is landscape else lowest_of(landscape, columns)
    noise = noise_of(steps, run.seed) if isinstance(place.noise, Column) or place.noise else None
    judge = Judge(count, steps, lowest, run.task["tolerance"], (landscape.x, landscape.y))
    spread = Broadcast(count)
    whole = bool(base["remedies"]) or place is not landscape  # what looks at the surface meets columns, too
    with spread:
        mover = Mover(base, landscape.registry, at, place.slope, steps, noise, place.noise)
    for index in range(steps):
        if asked():
            raise StopError
        if whole:
            with spread:
                values = mover.look(index)
        else:
            values = mover.look(index)
        here = at.detach()
        if mover.both:
            here, values = judged_place(mover, place)
        if not judge.watch(here.numpy(), values.numpy()):
            break
        with spread:
            mover.move(index, values)
    else:
        judge.watch(*(tensor.numpy() for tensor in judged_place(mover, place)))
    alone = np.where(judge.ended < 0, mover.evaluations, judge.ended + 1.0)  # by itself it would have ended there
    return Ends(judge.outcomes(), judge.now, np.minimum(alone, mover.evaluations))


def judged_place(mover: Mover, landscape: Landscape) -> tuple[Tensor, Tensor]:
    """The points to judge and their values."""
    with Broadcast(), torch.no_grad():
        here = mover.place()
        return here, landscape(here)


def lowest_of(landscape: Landscape, columns: Columns) -> float | Floats:
    """The lowest value of each row's own surface; noise does not move it."""
    names = [name for name in columns if name.startswith("surface.") and name != "surface.noise"]
    if not names:
        return landscape.lowest
    every, inverse = np.unique(np.stack([columns[name] for name in names]), axis=1, return_inverse=True)
    found = np.empty(every.shape[1])
    for index, values in enumerate(every.T):
        settings = {name.removeprefix("surface."): float(value) for name, value in zip(names, values, strict=True)}
        found[index] = Landscape(landscape.reference | settings, landscape.registry).lowest
    return np.asarray(found[inverse.ravel()])


def check(run: Run, landscape: Landscape, columns: Columns) -> bool:
    """Compare the pass with the plain loop on a few rows, once for each composition.

    Raises ``BatchError`` when they differ. False: the few rows cannot go together, so neither can all.
    """
    some = np.linspace(0, rows_of(columns) - 1, CHECK_ROWS).round().astype(int)
    chosen = {name: column[some] for name, column in columns.items()}
    registry = landscape.registry
    owners = sorted({registry.owner(kind, ref["use"]).identity for kind, ref in run.references()})
    settings = {name: column.tolist() for name, column in chosen.items()}
    key = json.dumps([owners, run.base, run.task["surface"], settings], sort_keys=True)
    if key not in _verdicts:
        if len(_verdicts) >= KEPT:
            _verdicts.clear()
        _verdicts[key] = compare(run, landscape, chosen)
    if _verdicts[key] not in ("", MIXED):
        raise BatchError(_verdicts[key])
    return not _verdicts[key]


def compare(run: Run, landscape: Landscape, columns: Columns) -> str:
    """Why the pass is not to be trusted, or an empty text.

    Both are given the same gradients, whatever the position: no chaos of a surface can blur a difference.
    Inside the check nothing may put numbers of several rows together.
    """
    rows = rows_of(columns)
    registry = landscape.registry
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(CHECK_STEPS, 2, rows, dtype=torch.float64, generator=generator)
    gradients *= torch.tensor(SIZES, dtype=torch.float64).repeat(CHECK_STEPS)[:CHECK_STEPS, None, None]
    begin = starts(run, landscape, columns)
    base, task = with_columns(run, columns)
    drawn = torch.get_rng_state()
    try:
        with Broadcast(rows):
            batched = follow(base, registry, begin.clone(), gradients)
            if varies_surface(columns):
                together = torch.cat([part.reshape(-1, rows) for part in ground(task, landscape).slope(begin)])
    except WorkbenchError as error:
        return MIXED if isinstance(error.__cause__, MixedError) else str(error)
    if not torch.equal(drawn, torch.get_rng_state()):
        return "it draws random numbers, which every row would need for itself"
    for row in range(rows):
        alone, own = with_row(run, columns, row)
        named = ", ".join(f"{name} = {column[row]:g}" for name, column in columns.items())
        try:
            one = follow(alone, registry, begin[:, row].clone(), gradients[:, :, row])
        except WorkbenchError as error:
            return f"at {named} {error}"
        if not torch.allclose(batched[:, :, row], one, rtol=CLOSE, atol=1e-12, equal_nan=True):
            return f"at {named} one pass over all settings gives other numbers than one by one"
        if varies_surface(columns):
            single = torch.cat([part.reshape(-1) for part in ground(own, landscape).slope(begin[:, row])])
            if not torch.allclose(together[:, row], single, rtol=CLOSE, atol=1e-12, equal_nan=True):
                return f"at {named} the surface gives other numbers in one pass than one by one"
    return ""


def follow(base: dict[str, Any], registry: Registry, parameters: Tensor, gradients: Tensor) -> Tensor:
    """Where given gradients (steps, 2, ...) lead, in the same shape."""
    index = 0

    def slope(points: Tensor) -> tuple[Tensor, Tensor]:
        """A plane that tilts anew at each step."""
        return points[0] * gradients[index][0] + points[1] * gradients[index][1], gradients[index].clone()

    mover = Mover(base, registry, parameters.requires_grad_(), slope, len(gradients))
    places = torch.empty_like(gradients)
    for index in range(len(gradients)):  # slope reads it
        mover.move(index, mover.look(index))
        places[index] = mover.place()
    return places
