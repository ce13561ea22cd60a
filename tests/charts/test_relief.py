"""The view from the side: projection against closed forms, painting back to front, holes."""

import json
import math
import re

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from workbench.charts.relief import Compression, Stage, View, path_rows, quads, relief
from workbench.records import frame

AXIS = np.linspace(-2.0, 2.0, 41)
X, Y = np.meshgrid(AXIS, AXIS)
BOWL = 20 * X**2 + 2 * Y**2


def records(points, name="SGD"):
    rows = [{"variant": name, "seed": 0, "step": n, "x": x, "y": y, "value": 20 * x * x + 2 * y * y, "lr": 0.1}
            for n, (x, y) in enumerate(points)]  # fmt: skip
    summary = [{"variant": name, "seed": 0, "outcome": "slow", "steps": len(points) - 1}]
    return frame("path", rows, who=True), frame("summary", summary, who=True)


def seen(view, *point):
    return [float(part) for part in view(*(np.array(part) for part in point))]


def test_from_the_side_and_from_above():
    assert seen(View(0, 0), 0.3, 0.5, 0.7) == pytest.approx([0.3, 0.7, 0.5])
    assert seen(View(0, 90), 0.3, 0.5, 0.7) == pytest.approx([0.3, 0.5, 0.5])
    assert seen(View(90, 0), 0.3, 0.5, 0.7) == pytest.approx([-0.5, 0.7, 0.3])


def test_a_corner_at_thirty_and_thirty_five_degrees():
    root3, lift = math.sqrt(3) / 2, math.radians(35)
    across, away = root3 - 0.5, 0.5 + root3
    assert seen(View(30, 35), 1, 1, 1) == pytest.approx([across, math.cos(lift) + away * math.sin(lift), away])


@given(st.floats(-180, 180), st.floats(0, 90))
def test_it_is_orthographic(azimuth, elevation):
    """The three axes seen from anywhere: orthonormal rows of a rotation."""
    view = View(azimuth, elevation)
    basis = np.array([seen(view, *axis)[:2] for axis in np.eye(3)]).T
    assert basis @ basis.T == pytest.approx(np.eye(2), abs=1e-12)


def test_height_is_the_logarithm_it_says():
    squeeze = Compression.of(np.array([0.0, 5.0, 1000.0, np.nan]))
    assert squeeze.scale == 1.0
    assert squeeze(np.array([0.0, 9.0, 999.0, -1e-12])).tolist() == pytest.approx([0, 1, 3, 0])
    assert squeeze.ticks(1000.0) == [0.0, 1.0, 10.0, 100.0, 1000.0]
    assert Compression.of(np.zeros(4)).scale == 1.0  # flat


def test_the_box_fits_the_picture_whichever_way_it_is_turned():
    for azimuth in range(-180, 180, 15):
        for elevation in (5, 35, 90):
            stage = Stage((-2.0, 2.0), (-1.0, 3.0), 3.0, View(azimuth, elevation), 600)
            for x in stage.x:
                for y in stage.y:
                    for height in (0.0, 3.0):
                        left, down, _ = stage(x, y, height)
                        assert 0 <= left <= 600
                        assert 0 <= down <= stage.height


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 30), (30, 35), (135, 10), (-100, 60), (180, 5)])
def test_quads_are_painted_back_to_front(azimuth, elevation):
    squeeze = Compression.of(BOWL)
    stage = Stage((-2.0, 2.0), (-2.0, 2.0), 3.0, View(azimuth, elevation), 600)
    mesh = quads(AXIS, AXIS, BOWL, stage, squeeze)
    assert len(mesh) == 1600
    assert (mesh["away"].diff().dropna() <= 1e-12).all()
    turn = math.radians(azimuth)
    assert mesh["away"].iloc[0] == pytest.approx(0.975 * (abs(math.sin(turn)) + abs(math.cos(turn))))


def test_a_quad_has_the_corners_of_its_cell():
    stage = Stage((-2.0, 2.0), (-2.0, 2.0), 3.0, View(0, 90), 600)  # from above: a plain grid
    mesh = quads(AXIS, AXIS, np.zeros_like(BOWL), stage, Compression(1.0))
    first = [tuple(map(float, pair.split(","))) for pair in re.findall(r"[\d.]+,[\d.]+", mesh["shape"].iloc[0])]
    side = 2 * stage.pixels / 40
    assert max(x for x, _ in first) - min(x for x, _ in first) == pytest.approx(side, abs=1.01)
    assert min(y for _, y in first) == pytest.approx(stage.height / 2 - stage.pixels, abs=0.51)  # y = 2 is farthest


def test_holes_stay_holes():
    values = np.where(X > 0, np.log(np.where(X > 0, X, 1.0)), np.nan)
    gaps = values - np.nanmin(values)
    stage = Stage((-2.0, 2.0), (-2.0, 2.0), 3.0, View(), 600)
    mesh = quads(AXIS, AXIS, gaps, stage, Compression.of(gaps))
    assert len(mesh) == 40 * 19  # x = 0.1 to 2
    assert mesh["gap"].notna().all()


def test_a_path_lies_on_the_surface_and_what_leaves_is_not_drawn():
    path, _ = records([(1.0, 1.0), (0.0, 0.5), (9.0, 0.0), (0.0, 0.0)])
    squeeze = Compression.of(BOWL)
    stage = Stage((-2.0, 2.0), (-2.0, 2.0), 3.0, View(30, 35), 600)
    rows = path_rows(path, 0.0, stage, squeeze).to_pandas()
    assert rows["step"].tolist() == [0, 1, 3]
    assert rows["line"].nunique() == 2
    left, down, _ = stage(1.0, 1.0, math.log10(1 + 22 / squeeze.scale))
    assert rows["left"].iloc[0] == pytest.approx(left, abs=0.06)
    assert rows["down"].iloc[0] == pytest.approx(down, abs=0.06)


def test_it_is_valid_light_and_has_the_clock():
    path, summary = records([(1.5 * 0.9**n, 1.7 * 0.95**n) for n in range(150)])
    spec = relief((AXIS, AXIS, BOWL), 0.0, path, summary).to_dict()
    alt.HConcatChart.from_dict(spec) if "hconcat" in spec else alt.VConcatChart.from_dict(spec)  # validates
    assert json.loads(json.dumps(spec)) == spec
    assert len(json.dumps(spec)) < 400_000
    assert spec["params"][0]["bind"]["max"] == 149
    svg = vl_convert.vegalite_to_svg(spec)
    assert svg.count("above the lowest:") == 1600  # the quads, by their labels
    assert "log10(1 + v / 0.088)" in svg


def test_a_flat_surface_and_empty_records_can_be_drawn():
    flat = (AXIS, AXIS, np.zeros_like(BOWL))
    empty = frame("path", [], who=True), frame("summary", [], who=True)
    vl_convert.vegalite_to_svg(relief(flat, 0.0, *empty).to_dict())
    vl_convert.vegalite_to_svg(relief((AXIS, AXIS, np.full_like(BOWL, np.nan)), 0.0, *empty).to_dict())


def test_unused_columns_stay_out_of_the_picture():
    path, summary = records([(1.0, 1.0), (0.5, 0.5)])
    spec = relief((AXIS, AXIS, BOWL), 0.0, path, summary).to_dict()
    mesh = next(pd.DataFrame(rows) for rows in spec["datasets"].values() if "shape" in rows[0])
    assert list(mesh.columns) == ["shape", "gap"]
