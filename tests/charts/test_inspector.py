"""What the inspector shows, against the records and against closed forms."""

import json
import math
import re

import altair as alt
import pandas as pd
import pytest
import vl_convert

from workbench import registry
from workbench.charts.inspector import ARROW, inspector, kept, steps_of
from workbench.descent import simulate
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder, frame, label

CONTOURS = pd.DataFrame(
    {"level": 1.0, "gap": 1.0, "line": 0, "order": range(3), "x": [-1.0, 0.0, 1.0], "y": [0.0, 1.0, 0.0]}
)


def descended(optimizer, steps=5):
    known = registry.current()
    task = {"surface": "quadratic", "start": [-1.5, 1.7], "steps": steps}
    (run,) = resolve(parse({"kind": "descent", "task": task, "base": {"optimizer": optimizer}}), known)
    recorder = MemoryRecorder()
    simulate.execute(run, known, recorder)
    return [label(name, recorder.table(name), run.variant, run.seed) for name in ("path", "state")]


def drawn_at(step, path, state, **keys):
    spec = inspector(path, state, CONTOURS, [(0.0, 0.0)], (-2.0, 2.0), (-2.0, 2.0), "#0072b2", **keys).to_dict()
    spec["params"][0]["value"] = step
    return spec, vl_convert.vegalite_to_svg(spec)


def table_of(svg):
    """The texts of the table's cells: (line, column) -> text, by their places."""
    texts = re.findall(r'transform="translate\(([\d.]+),([\d.]+)\)"[^>]*font-family="monospace"[^>]*>([^<]*)<', svg)
    return [text for _, _, text in texts]


def test_first_numbers_of_adam_are_those_of_the_paper():
    path, state = descended({"use": "adam", "lr": 0.3})
    rows, names, both = steps_of(path, state)
    assert names == ["point", "value", "gradient", "move", "lr", "step", "exp_avg", "exp_avg_sq"]
    assert both == [True, False, True, True, False, False, True, True]
    first = rows.iloc[0]
    gradient = 40 * -1.5, 4 * 1.7  # of 20 x^2 + 2 y^2
    assert (first["x0"], first["y0"]) == (-1.5, 1.7)
    assert first["x1"] == pytest.approx(20 * 1.5**2 + 2 * 1.7**2, rel=1e-3)
    assert (first["x2"], first["y2"]) == pytest.approx(gradient)
    assert (first["x3"], first["y3"]) == pytest.approx((0.3, -0.3))  # lr, whatever the gradient's size
    assert (first["x4"], first["x5"]) == (0.3, 1)
    assert (first["x6"], first["y6"]) == pytest.approx([0.1 * g for g in gradient], rel=1e-3)
    assert (first["x7"], first["y7"]) == pytest.approx([0.001 * g * g for g in gradient], rel=1e-3)


def test_the_rate_is_that_of_the_move():
    path = frame(
        "path", [{"step": s, "x": 1.0, "y": 0.0, "value": 1.0, "lr": lr} for s, lr in enumerate((math.nan, 0.5, 0.25))],
        who=True,
    )  # fmt: skip
    state = frame("state", [{"step": s, "name": "gradient", "x": 1.0, "y": 0.0} for s in (0, 1)], who=True)
    rows, names, _ = steps_of(path, state)
    assert rows[f"x{names.index('lr')}"].tolist() == [0.5, 0.25]


def test_names_are_those_that_torch_gives():
    _, state = descended({"use": "sgd", "lr": 0.02, "momentum": 0.9})
    assert kept(state) == ["momentum_buffer"]


def test_the_table_shows_the_clocks_step_to_four_digits():
    path, state = descended({"use": "adam", "lr": 0.3})
    _, svg = drawn_at(0, path, state)
    texts = table_of(svg)
    for text in ("-1.500", "1.700", "50.78", "-60.00", "6.800", "0.3000", "-6.000", "0.6800", "3.600", "0.04624"):
        assert text in [shown.replace("\N{MINUS SIGN}", "-") for shown in texts], text
    assert "1" in texts  # the optimizer's own counter
    assert "step 0" in svg
    _, later = drawn_at(3, path, state)
    assert "step 3" in later
    assert table_of(later) != texts


def test_arrows_point_downhill_and_along_the_move_at_one_length():
    path, state = descended({"use": "sgd", "lr": 0.01})
    _, svg = drawn_at(0, path, state, size=400)
    shafts = re.findall(r'<line [^>]*x2="([-\d.]+)" y2="([-\d.]+)" stroke="[^"]*" stroke-width="2.5"', svg)
    lengths = [(float(across), float(down)) for across, down in shafts]
    across, up = 400 / 4, 344 / 4
    wanted = (60 * across, 6.8 * up)  # minus the gradient (-60, 6.8), in pixels from the top
    scale = ARROW / math.hypot(*wanted)
    assert len(lengths) == 2  # plain gradient descent: both arrows are one
    for arrow in lengths:
        assert arrow == pytest.approx((wanted[0] * scale, wanted[1] * scale), abs=0.1)


def test_it_is_valid_small_and_plain_data():
    path, state = descended({"use": "adam", "lr": 0.3}, steps=500)
    spec, _ = drawn_at(0, path, state)
    alt.HConcatChart.from_dict(spec)  # validates
    assert json.loads(json.dumps(spec)) == spec
    assert len(json.dumps(spec)) < 400_000
    assert spec["params"][0]["bind"]["max"] == 499


def test_a_number_that_is_not_finite_is_a_dash():
    path, state = descended({"use": "sgd", "lr": 0.01})
    state.loc[(state["name"] == "move") & (state["step"] == 2), "x"] = math.inf
    _, svg = drawn_at(2, path, state)
    assert "-" in table_of(svg)


def test_without_records_of_the_state_it_says_so():
    path, state = descended({"use": "sgd", "lr": 0.01})
    with pytest.raises(ValueError, match="has not recorded"):
        inspector(path, state.iloc[:0], CONTOURS, [], (-2.0, 2.0), (-2.0, 2.0), "#000000")
