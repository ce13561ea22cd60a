"""The lessons on maps and basins show what their texts say."""

import numpy as np
import pandas as pd
import pytest

from workbench import house
from workbench.descent import sweep
from workbench.descent.basins import equally_low, heights, shares
from workbench.descent.limits import limit_curve
from workbench.descent.map_finding import best_cell, disagreement
from workbench.descent.surface import Landscape
from workbench.descent.tolerance import tolerances
from workbench.experiment import read, resolve
from workbench.records import MemoryRecorder, label


def taught(name, registry):
    runs = resolve(read(house.folder("lessons") / f"{name}.toml"), registry)
    tables = {}
    for run in runs:
        recorder = MemoryRecorder()
        sweep.execute(run, registry, recorder)
        tables[run.variant] = label("sweep", recorder.table("sweep"), run.variant, run.seed)
    return {run.variant: run for run in runs}, tables


@pytest.fixture(scope="module")
def pairs(registry):
    return taught("rate-and-momentum", registry)


@pytest.mark.parametrize("variant", ["Heavy ball", "Nesterov"])
def test_every_cell_agrees_with_the_limit(registry, pairs, variant):
    runs, tables = pairs
    assert disagreement(tables[variant], limit_curve(runs[variant], registry)) == (0, 96 * 96)


def test_where_the_fewest_steps_are(pairs):
    tables = pairs[1]
    ball = best_cell(tables["Heavy ball"])
    root = np.sqrt(10)
    assert ball.second == pytest.approx(((root - 1) / (root + 1)) ** 2, abs=0.1)  # Polyak 1964
    assert ball.first == pytest.approx(4 / (np.sqrt(40) + np.sqrt(4)) ** 2, rel=0.1)
    assert best_cell(tables["RMSprop"]).second < 0.1


def test_who_is_slow_and_who_diverges(pairs):
    tables = pairs[1]
    ball = tables["Heavy ball"]
    assert not (ball.loc[ball["setting_2"] > 0.95, "outcome"] == "converged").mean() > 0.01
    assert (ball.loc[(ball["setting"] < 0.005) & (ball["setting_2"] < 0.3), "outcome"] == "slow").all()
    assert "diverged" not in set(tables["RMSprop"]["outcome"])


@pytest.fixture(scope="module")
def camel(registry):
    runs, tables = taught("basins", registry)
    values = heights(Landscape(runs["SGD"].task["surface"], registry))
    assert len(values) == 6
    assert equally_low(values) == 2
    return {name: (rows, shares(rows, 2)) for name, rows in tables.items()}


def test_every_start_finds_one_of_six_minima(camel):
    for _, found in camel.values():
        assert (found.none, found.diverged) == (0, 0)
        assert set(found.minima) == {1, 2, 3, 4, 5, 6}


def borders(rows):
    """How many neighbours end elsewhere."""
    grid = rows.pivot_table(index="setting_2", columns="setting", values="minimum").to_numpy()
    return int((np.diff(grid) != 0).sum() + (np.diff(grid, axis=0) != 0).sum())


def test_momentum_and_large_steps_leave_local_minima_and_fray_the_borders(camel):
    lowest = {name: found.lowest for name, (_, found) in camel.items()}
    assert lowest["SGD"] < lowest["Momentum 0.9"] < lowest["Adam"]
    assert lowest["Adam, small rate"] == pytest.approx(lowest["SGD"], abs=0.02)
    frayed = {name: borders(rows) for name, (rows, _) in camel.items()}
    assert frayed["Adam"] > 1.5 * frayed["SGD"]
    assert frayed["Adam, small rate"] < 1.2 * frayed["SGD"]


def test_the_surface_is_symmetric_and_so_are_its_basins(camel):
    """f(-x, -y) = f(x, y), and minima come in pairs."""
    for _, found in camel.values():
        for one, other in ((1, 2), (3, 4), (5, 6)):
            assert found.minima[one] == found.minima[other]


def test_momentum_tolerates_the_widest_range_in_decades(registry):
    table = pd.concat(taught("tolerance", registry)[1].values())
    found = tolerances(table)
    assert max(found.values(), key=lambda one: one.decades).variant == "Momentum 0.9"
    assert 50 < found["Momentum 0.9"].high / found["Momentum 0.9"].low < 150  # "a hundred times"
    assert {name for name, one in found.items() if not one.more} == {"SGD"}
