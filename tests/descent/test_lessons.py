"""The lessons on surfaces show what their texts say."""

import pandas as pd
import pytest

from workbench import house
from workbench.descent import simulate, sweep
from workbench.experiment import read, resolve
from workbench.records import MemoryRecorder, label


def taught(name, registry):
    experiment = read(house.folder("lessons") / name)
    tables = {"summary": [], "path": [], "sweep": []}
    for run in resolve(experiment, registry, name):
        recorder = MemoryRecorder()
        engine = sweep if experiment.kind == "sweep" else simulate
        recorder.add("summary", [engine.execute(run, registry, recorder)])
        for table, parts in tables.items():
            parts.append(label(table, recorder.table(table), run.variant, run.seed))
    return {table: pd.concat(parts, ignore_index=True) for table, parts in tables.items()}


@pytest.fixture(scope="module")
def valley(registry):
    return taught("nine-optimizers.toml", registry)


def test_valley_outcomes(valley):
    words = valley["summary"].set_index("variant")["outcome"].to_dict()
    assert words == {
        "SGD at 0.049": "converged",
        "SGD at 0.051": "diverged",
        "Momentum": "converged",
        "AdaGrad": "slow",
        "RMSprop": "converged",
        "AdaDelta": "slow",
        "Adam": "converged",
        "AdamW": "converged",
        "SGD, decayed": "converged",
        "Momentum, decayed": "converged",
        "SGD, decayed too fast": "stuck",
    }


def test_valley_claims(valley):
    paths = dict(list(valley["path"].groupby("variant")))
    turns = {name: int((path["x"].diff() * path["x"].diff().shift() < 0).sum()) for name, path in paths.items()}
    length = {name: ((path["x"].diff() ** 2 + path["y"].diff() ** 2) ** 0.5).sum() for name, path in paths.items()}
    assert turns["SGD at 0.049"] > 140  # bounces at every step
    assert turns["SGD, decayed"] < 30
    assert paths["Momentum"]["y"].min() < -0.5  # overshoots
    assert length["AdamW"] < length["Adam"]
    ratio = paths["SGD at 0.051"]["x"].iloc[1:].to_numpy() / paths["SGD at 0.051"]["x"].iloc[:-1].to_numpy()
    assert ratio == pytest.approx(1 - 40 * 0.051, rel=1e-9)


def test_ripples_claims(registry):
    records = taught("ripples.toml", registry)
    summary = records["summary"].set_index("variant")
    reached = {"Momentum", "Adam", "AdamW", "Momentum, decayed"}
    assert set(summary.index[summary["outcome"] == "converged"]) == reached
    assert "local minimum (0, 2.01)" in summary.loc["SGD", "message"]
    assert "local minimum (0, 0.871)" in summary.loc["AdaGrad", "message"]
    assert summary.loc["RMSprop", "outcome"] == "oscillating"
    assert summary.loc["SGD, decayed", "outcome"] == "stuck"


def test_tolerance_claims(registry):
    table = taught("tolerance.toml", registry)["sweep"]
    assert (table.groupby("variant").size() == 256).all()
    shares = (table["outcome"] == "converged").groupby(table["variant"]).mean()
    assert shares["SGD"] < shares["Momentum 0.9"] < shares.drop(["SGD", "Momentum 0.9"]).min()
    for variant, limit in (("SGD", 0.05), ("Momentum 0.9", 0.095)):
        rows = table[table["variant"] == variant]
        assert ((rows["outcome"] == "diverged") == (rows["setting"] > limit)).all()
    assert "diverged" not in set(table.loc[~table["variant"].isin(["SGD", "Momentum 0.9"]), "outcome"])
