"""Many descents that differ in numbers only: in one pass where that is right, else one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from workbench.descent.batch import BatchError, Columns, Ends, StopError, check, ground, rows_of, run_batch, with_row
from workbench.descent.outcomes import Floats, Outcomes, gathered, judge
from workbench.descent.simulate import descend
from workbench.descent.surface import Landscape
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.records import Recorder

CHUNK = 32_768  # rows of a pass: about what a core's cache holds


@dataclass(frozen=True)
class Part:
    """Some of the rows: which, where they ended, and why they were not run in one pass, if so."""

    rows: slice
    ends: Ends
    reason: str


def run_rows(run: Run, landscape: Landscape, columns: Columns, recorder: Recorder) -> Iterator[Part]:
    """Descend with every row's own numbers; ends early when somebody asks for it, with what is done."""
    count = rows_of(columns)
    reason, sound = "", False
    try:
        sound = check(run, landscape, columns)
    except BatchError as refusal:
        reason = str(refusal)
    for start in range(0, count, CHUNK):
        rows = slice(start, min(start + CHUNK, count))
        part = {name: column[rows] for name, column in columns.items()}
        if not reason:
            try:
                ends = run_batch(run, landscape, part, recorder.asked, sound)
            except StopError:
                return
            except BatchError as refusal:
                reason = str(refusal)
            else:
                yield Part(rows, ends, "")
                recorder.progress(rows.stop, count)
                continue
        alone = one_by_one(run, landscape, part, recorder, (start, count))
        if alone is not None:
            yield Part(slice(start, start + alone.last.shape[1]), alone, reason)
        if recorder.asked():
            return


def one_by_one(
    run: Run, landscape: Landscape, columns: Columns, recorder: Recorder, progress: tuple[int, int]
) -> Ends | None:
    """The same without a trick; None when it was stopped before the first row.

    A row that the optimizer refuses has the outcome ``failed``; a refusal of every row is raised.
    """
    found: list[Outcomes] = []
    last: list[tuple[float, ...]] = []
    evaluations: list[float] = []
    refusals: list[WorkbenchError] = []
    before, total = progress
    for row in range(rows_of(columns)):
        if recorder.asked():
            break
        base, task = with_row(run, columns, row)
        torch.manual_seed(run.seed)
        try:
            place = ground(task, landscape)
            made = descend(base, task, place, run.seed)
        except WorkbenchError as refusal:
            refusals.append(refusal)
            found.append(Outcomes(np.array(["failed"], dtype=object), np.zeros(1, dtype=np.int64), np.full(1, np.nan)))
            last.append((np.nan,) * 3)
            evaluations.append(np.nan)
        else:
            path = np.array(made.path)
            domain = (landscape.x, landscape.y)
            found.append(judge(path[:, :2, None], path[:, 2, None], place.lowest, task["tolerance"], domain))
            last.append(made.path[-1][:3])
            evaluations.append(made.evaluations)
        recorder.progress(before + row + 1, total)
    if not found:
        return None
    if len(refusals) == len(found):
        raise refusals[0]
    outcomes = gathered(lambda *columns: np.concatenate(columns), *found)
    refused = f"{len(refusals)} failed: {refusals[0]}" if refusals else ""
    return Ends(outcomes, np.array(last, dtype=np.float64).T, np.array(evaluations, dtype=np.float64), refused)


def reached(landscape: Landscape, last: Floats, tolerance: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Which minimum each row ended at: 1 is the lowest, 0 none.

    It is the nearest of the minima that are known (or were found), when the value is within the tolerance
    of that minimum's.
    """
    nearest = np.full(last.shape[1], np.inf)
    which = np.zeros(last.shape[1], dtype=np.int64)
    for number, (x, y) in enumerate(landscape.basins, start=1):
        with np.errstate(all="ignore"):
            distance = np.hypot(last[0] - x, last[1] - y)
        height = float(landscape(torch.tensor([x, y], dtype=torch.float64)))
        with np.errstate(all="ignore"):
            here = distance < nearest
            which[here] = np.where(np.abs(last[2, here] - height) <= tolerance, number, 0)
        nearest = np.fmin(nearest, distance)
    return which
