"""One picture with one cursor: what moves it, and what it moves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from charts.trainings import LAYERS, check, curve, layers, marks, views

from workbench.charts.cursor import CURSOR, NOW, STOPS, Cursor, said, stops, until
from workbench.charts.curves import plotted
from workbench.charts.learning import learning
from workbench.charts.tables import rows_of, shortened
from workbench.charts.training import columns_beside

RECORDED = layers({("good", s, i): 10.0 ** (i - 3 - s) for s in (0, 5, 19) for i in (1, 2, 3)})


def test_the_cursor_can_stand_at_every_measured_step():
    found = stops(range(5000), [3, 17, 4999])
    assert {0, 3, 17, 4999} <= set(found)
    assert len(found) <= STOPS + 4
    assert stops([]) == []


def test_a_row_holds_until_the_next_of_its_variant():
    rows = pd.DataFrame({"variant": list("abaab"), "step": [0, 0, 4, 4, 9]})
    assert until(rows).tolist()[:3] == [4, 9, pytest.approx(np.nan, nan_ok=True)]


def test_what_is_said_at_a_stop_is_the_last_row_before_it():
    table = plotted(curve(variants=("good",)), ["loss"], "epoch")
    table = table[(table.split == "test") | (table.step % 4 == 0) | (table.step == 19)]
    found = said(table, ["good", "absent"], [0, 6, 14, 19], "epoch", "loss").set_index("step")
    assert found.v0[0] == "2 · test 2"
    assert found.v0[6] == f"{2 / 5:.4g} · test 2"  # of step 4
    assert found.v0[14] == f"{2 / 13:.4g} · test {2 / 11:.4g}"
    assert set(found.v1) == {""}
    assert found.x[14] == pytest.approx(1.4)
    assert found.right.iloc[:-1].tolist() == found.left.iloc[1:].tolist()
    assert (found.left <= found.x).all()


def test_variants_without_a_common_x_have_no_bands():
    rows = curve()
    rows.loc[rows.variant == "blows up", "epoch"] *= 2
    assert said(plotted(rows, ["loss"], "epoch"), ["good", "blows up"], [0, 5], "epoch", "loss").empty
    assert len(said(plotted(rows, ["loss"], "step"), ["good", "blows up"], [0, 5], "step", "loss")) == 2


def test_a_number_that_is_not_finite_is_said():
    found = said(plotted(curve(), ["loss"], "step"), ["good", "blows up"], [11, 12, 13], "step", "loss")
    assert found.v1.tolist() == ["2048 · test 1024", "not finite · test 1024", ""]


@pytest.mark.parametrize("room", [330, 700, 1100])
@pytest.mark.parametrize("smooth", [0.0, 0.6])
def test_the_whole_picture_has_one_cursor(room, smooth):
    spec = check(learning(curve(seeds=2), RECORDED, room=room, smooth=smooth, heat=(260, 1)))
    [cursor] = spec["params"]
    assert cursor["name"] == CURSOR
    assert {event["type"] for event in cursor["on"][0]["events"]} == {"pointermove", "pointerdown", "pointerover"}
    felt = [v for v in views(spec) if any(step.get("as") == "hover" for step in v.get("transform", []))]
    assert len(felt) == 3  # loss, accuracy, cells
    moved = [v for v in views(spec) if any(step.get("filter") == NOW for step in v.get("transform", []))]
    assert len(moved) == 5  # a dot in each panel, the profile, the frame around the cells in two colours
    widths = [part["width"] for part in panels(spec) if "layer" in part]
    assert all(width + 60 <= room for width in widths)


def panels(spec):
    if isinstance(spec, dict):
        for key in ("vconcat", "hconcat"):
            for part in spec.get(key, []):
                yield from panels(part)
        if not {"vconcat", "hconcat"} & set(spec):
            yield spec


def test_curves_stand_alone_where_nothing_was_measured():
    spec = check(learning(curve(), LAYERS.iloc[:0]))
    assert len(list(panels(spec))) == 2
    assert len(list(panels(check(learning(curve().assign(accuracy=np.nan), RECORDED))))) == 3  # loss, profile, cells
    check(learning(curve().iloc[:0], LAYERS.iloc[:0]))


def test_all_cells_are_drawn_with_a_frame_around_the_step_of_the_cursor():
    alone = learning(curve(variants=("good",)), RECORDED)
    assert marks(alone, "rect") == 9 + 2 + 2 * 20  # cells, the frame in two colours, what feels the pointer twice


def test_a_gradient_that_is_zero_or_broken_is_drawn():
    rows = RECORDED.assign(value=[0.0, np.nan, *[0.0] * 7])
    shapes = [view["mark"].get("shape") for view in views(check(learning(curve(variants=("good",)), rows)))]
    assert {"triangle-down", "cross"} <= set(shapes)


def test_legends_stand_side_by_side_where_there_is_room_for_both():
    names = ["a name", "another name", "a third name", "a fourth name"]
    assert columns_beside(names, 1000, 250) == 5
    assert columns_beside(names, 650, 250) == 2
    assert columns_beside(names, 130, 250) == 1


def test_while_trainings_go_on_the_cursor_stands_at_the_newest_step():
    told = {
        live: learning(curve(steps=30), RECORDED, live=live).to_dict()["params"][0]["value"] for live in (False, True)
    }
    assert told == {False: 0, True: 29}


def test_the_cursor_begins_where_it_is_told():
    assert Cursor(7).to_dict()["value"] == 7


def test_tables_are_short_and_lose_nothing_that_can_be_seen():
    values = [0.0, 1 / 3, -1234567.8, 1e-300, 5e-324, 1e300, np.nan, np.inf, 7.0]
    out = shortened(pd.Series(values))
    assert out[6] is None
    assert out[7] is None
    assert out[:6] == pytest.approx(values[:6], rel=5e-5, abs=0)
    assert repr(out[1]) == "0.33333"
    assert out[8] == 7
    assert isinstance(out[8], int)
    rows = rows_of(pd.DataFrame({"a": [1.5, np.nan], "b": ["x", None], "c": [True, False], "d": [1, 2]}))
    assert rows == [{"a": 1.5, "b": "x", "c": True, "d": 1}, {"c": False, "d": 2}]
