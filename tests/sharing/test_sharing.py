"""What leaves the bench: pictures that stand alone, tables that read back."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pytest

from workbench import registry
from workbench.charts import play
from workbench.charts.stack import Stack
from workbench.experiment import hash_of, loads
from workbench.records import frame
from workbench.sharing import html, picture, tables

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


def playing() -> Stack:
    rows = pd.DataFrame({"step": [0, 1, 2], "y": [1.0, 2.0, 0.5]})
    shown = alt.Chart(rows).transform_filter(play.SHOWN).mark_line().encode(x="step:Q", y="y:Q")
    return Stack([shown], params=[play.slider(2)])


def test_a_stack_of_charts_is_framed_with_its_clock_and_drawn_at_its_last_step() -> None:
    spec = picture.framed(playing(), "The title", "The finding.", ["task line"])
    alt.VConcatChart.from_dict(spec)  # validates
    assert [param["name"] for param in spec["params"]] == ["step"]
    assert "timer" not in json.dumps(spec)  # a picture has no clock that runs
    drawn = picture.svg(spec).decode()
    (line,) = re.findall(r'class="mark-line[^>]*>\s*<path[^>]* d="(.*?)"', drawn, re.DOTALL)
    assert line.count("L") == 2
    assert "task line" in drawn


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_is_whole_and_asks_nobody(theme: str) -> None:
    spec = picture.framed(playing(), "A < B </script>", "The finding.", ["task line"], theme)
    made = html.page(spec, "A < B </script>", theme).decode()
    assert made.count("</script>") == 3  # none of the title's
    assert "<title>A &lt; B &lt;/script&gt;</title>" in made
    assert not re.search(r'(src|href)="', made.split("<script>")[0])
    assert "default-src 'none'" in made
    held = re.search(r'<script type="application/json" id="specification">(.*?)</script>', made, re.DOTALL)
    assert held
    assert json.loads(held[1]) == json.loads(json.dumps(play.clocked(spec)))
    assert '"timer"' in held[1]
    assert picture.BACKGROUND[theme] in made


def test_a_picture_without_a_clock_is_a_page_without_controls(chart: alt.Chart) -> None:
    made = html.page(picture.framed(chart, "t", "", ["f"]), "t").decode()
    held = re.search(r'id="specification">(.*?)</script>', made, re.DOTALL)
    assert held
    assert "params" not in json.loads(held[1])


def test_tables_read_back_as_they_were(tmp_path: Path) -> None:
    rows = frame("path", [{"step": 0, "x": 1.5, "y": np.inf, "value": np.nan, "lr": -np.inf}], who=True)
    records = {"path": rows, "curve": frame("curve", [], who=True)}
    assert [path.name for path in tables.save(records, tmp_path)] == ["path.csv"]
    pd.testing.assert_frame_equal(frame("path", pd.read_csv(tmp_path / "path.csv"), who=True), rows)
    tables.save(records, tmp_path, "parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "path.parquet"), rows)
    with zipfile.ZipFile(io.BytesIO(tables.zipped(records))) as archive:
        assert archive.namelist() == ["path.csv"]
