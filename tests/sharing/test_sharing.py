"""What leaves the bench: pictures that stand alone, tables that read back."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pytest

from workbench import registry
from workbench.experiment import hash_of, loads
from workbench.records import frame
from workbench.sharing import picture, tables

TEXT = """
kind = "training"
title = "A title"
seeds = [0, 3]
[task]
epochs = 7
model = { use = "mlp", depth = 4 }
[[variants]]
name = "small"
[[variants]]
name = "large batches"
task = { batch_size = 512 }
"""


@pytest.fixture
def chart() -> alt.Chart:
    rows = pd.DataFrame({"x": [0, 1, 2], "y": [1.0, 2.0, 0.5], "variant": ["a", "b", "b"]})
    return alt.Chart(rows).mark_line().encode(x="x:Q", y="y:Q", color="variant:N").properties(width="container")


def test_a_footer_names_task_seeds_and_hash() -> None:
    known, experiment = registry.current(), loads(TEXT)
    digest = hash_of(experiment, known)
    first, second = picture.footer(experiment, known, digest)
    assert "dataset digits" in first
    assert "mlp (depth 4)" in first
    assert "epochs 7" in first
    assert "batch size" not in first  # the variants differ in it
    assert "seeds 0, 3 (n = 2)" in second
    assert digest in second


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_carries_title_finding_legend_and_footer(chart: alt.Chart, theme: str) -> None:
    spec = picture.framed(chart, "The title", "The finding says so.", ["task line", "seed line"], theme)
    drawn = picture.svg(spec).decode()
    for text in ("The title", "The finding says so.", "task line", "seed line", "variant", ">a<", ">b<"):
        assert text in drawn
    assert picture.BACKGROUND[theme] in drawn
    assert picture.png(spec).startswith(b"\x89PNG\r\n")


def test_a_picture_is_as_wide_as_it_says(chart: alt.Chart) -> None:
    spec = picture.framed(chart, "t", "", ["f"])
    assert "container" not in str(spec)
    assert spec["vconcat"][0]["width"] == picture.WIDTH


def test_tables_read_back_as_they_were(tmp_path: Path) -> None:
    rows = frame("path", [{"step": 0, "x": 1.5, "y": np.inf, "value": np.nan, "lr": -np.inf}], who=True)
    records = {"path": rows, "curve": frame("curve", [], who=True)}
    assert [path.name for path in tables.save(records, tmp_path)] == ["path.csv"]
    pd.testing.assert_frame_equal(frame("path", pd.read_csv(tmp_path / "path.csv"), who=True), rows)
    tables.save(records, tmp_path, "parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "path.parquet"), rows)
    with zipfile.ZipFile(io.BytesIO(tables.zipped(records))) as archive:
        assert archive.namelist() == ["path.csv"]
