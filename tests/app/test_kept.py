"""Pictures that are kept between script runs: the same as drawn anew, and never those of other records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial

import altair as alt
import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from workbench.charts.stack import Stack
from workbench_ui import kept

Visit = Callable[..., AppTest]
SHORT = {
    "kind": "descent",
    "title": "x",
    "task": {"steps": 9},
    "base": {"optimizer": "sgd"},
    "variants": [{"name": "One", "optimizer": {"lr": 0.01}}],
}


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    kept.place_of.clear()
    yield
    kept.place_of.clear()


def drawn(test: AppTest) -> tuple[str, dict[str, bytes]]:
    """What the browser is given: the specification and the tables by name."""
    assert not test.exception, test.exception
    [element] = test.get("vega_lite_chart")
    return element.proto.spec, {table.name: table.data.data for table in element.proto.datasets}


def last_step(test: AppTest) -> int:
    tables = [pa.ipc.open_stream(table).read_pandas() for table in drawn(test)[1].values()]
    return max(int(table["step"].max()) for table in tables if "panel" in table)


@pytest.mark.parametrize("tab", ["Paths", "Inspector", "3-D"])
def test_a_kept_picture_is_the_one_that_is_drawn_anew(visit: Visit, tab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    test = visit("surfaces", surfaces__plain=SHORT, surfaces__tabs=tab)
    first = drawn(test)
    with monkeypatch.context() as patch:
        patch.setattr(Stack, "__init__", lambda self, *a, **k: None)  # nothing can be drawn
        assert drawn(test.run()) == first
    kept.place_of.clear()
    anew = drawn(visit("surfaces", surfaces__plain=SHORT, surfaces__tabs=tab))
    assert anew[1] == first[1]
    assert without_names(anew[0]) == without_names(first[0])


def without_names(spec: str) -> str:
    """The buttons of each picture have a name of its own, made of all that is in it."""
    buttons = [param["name"] for param in json.loads(spec)["params"] if "_" in param["name"]]
    for name in buttons:
        spec = spec.replace(name, name.split("_")[0])
    return spec


def test_other_records_and_other_names_make_another_picture(visit: Visit) -> None:
    test = visit("surfaces", surfaces__plain=SHORT)
    assert last_step(test) == 9
    test.sidebar.slider(key="surfaces.0.task.steps").set_value(7).run()
    assert last_step(test) == 7
    renamed = SHORT | {"variants": [{"name": "Two", "optimizer": {"lr": 0.01}}]}
    test = visit("surfaces", surfaces__plain=renamed)
    assert "Two" in drawn(test)[0]
    assert "One" not in drawn(test)[0]


def points(rows: pd.DataFrame) -> Stack:
    return Stack([alt.Chart(rows).mark_point().encode(x="a:Q")])


def test_written_for_a_file_it_is_drawn_with_its_rows_and_not_kept() -> None:
    rows = pd.DataFrame({"a": [1, 2]})
    one = kept.Kept(partial(points, rows))
    assert list(one.to_dict()["datasets"].values()) == [[{"a": 1}, {"a": 2}]]
    assert kept.place_of(kept.key_of(one.draw)) == {}


def test_each_surface_has_a_picture_of_its_own_with_its_own_variants(visit: Visit) -> None:
    other = {"name": "There", "task": {"surface": "ripples"}}
    test = visit("surfaces", surfaces__plain=SHORT | {"variants": [{"name": "Here"}, other]})
    assert not test.exception, test.exception
    here, there = (element.proto.spec for element in test.get("vega_lite_chart"))
    assert "Here" in here
    assert "There" not in here
    assert "There" in there
    assert "Here" not in there
    names = [caption.value for caption in test.caption if " on " in caption.value]
    assert len([name for name in names if name.startswith("paths on ")]) == 2
