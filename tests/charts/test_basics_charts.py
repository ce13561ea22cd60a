"""Charts of the small lessons: what they draw is what was computed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import altair as alt
import pandas as pd
import pytest
import vl_convert

from workbench import registry
from workbench.basics import chain, depth, entropy, shortcut, squares
from workbench.basics.slope import Slope
from workbench.charts.basics.chain import gradient_sizes
from workbench.charts.basics.depth import left_over, slope_curve
from workbench.charts.basics.entropy import classes, swept
from workbench.charts.basics.frame import INKS, decades, log_axis
from workbench.charts.basics.network import network
from workbench.charts.basics.shortcut import block, by_layer, path_shares
from workbench.charts.basics.squares import tangents
from workbench.charts.style import PALETTE

KNOWN = registry.current()
SIGMOID = Slope({"use": "sigmoid"}, KNOWN)
PASSED = chain.forward(chain.INPUTS, chain.WEIGHTS, chain.TARGET, SIGMOID)
UNITS, EDGES = chain.drawing(PASSED)
WALKS = shortcut.walks(SIGMOID, 0.5, 8, 1.0)
WAYS = (shortcut.WITH, shortcut.WITHOUT)
SOFT = (entropy.ONCE, entropy.TWICE)
FIRST = entropy.Example(entropy.EXAMPLES[0], entropy.TARGET)
DEPTHS = (depth.BEST, depth.HERE, depth.SIGMOID)

DRAWN: dict[str, Callable[[], Any]] = {
    "network": lambda: network(UNITS, EDGES, "w11"),
    "network, narrow": lambda: network(UNITS, EDGES, "v2", narrow=True),
    "gradient sizes": lambda: gradient_sizes(EDGES),
    "tangents": lambda: tangents(squares.drawing(squares.table([1.0, -2.0, 0.0]))),
    "classes": lambda: classes(entropy.bars(FIRST), SOFT),
    "loss": lambda: swept(entropy.sweep(FIRST), SOFT, 0.5, entropy.floor(5)),
    "gradient": lambda: swept(entropy.sweep(FIRST), SOFT, 10.0, 0.0, "gradient"),
    "slope": lambda: slope_curve(depth.curve(SIGMOID), {"z": 7.9, "f(z)": 1.0, "f'(z)": 0.0}),
    "depth": lambda: left_over(depth.powers(0.25, 0.0, 12), DEPTHS),
    "block": lambda: block(shortcut.texts(WALKS[0])),
    "products": lambda: by_layer(shortcut.table(WALKS), WAYS, "product", "dy/dx", log=True),
    "signals": lambda: by_layer(shortcut.table(WALKS), WAYS, "signal", "signal"),
    "paths": lambda: path_shares(shortcut.paths(WALKS[0])),
}


def rows(chart: Any, *keys: str) -> list[dict[str, Any]]:
    """The data rows that have these columns."""
    return [row for own in chart.to_dict()["datasets"].values() for row in own if set(keys) <= row.keys()]


def marks(chart: Any) -> list[dict[str, Any]]:
    return [layer["mark"] for layer in chart.to_dict()["layer"]]


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("background", ["#ffffff", "#12181d"])
def test_every_chart_is_valid_and_becomes_a_picture(name: str, background: str) -> None:
    spec = DRAWN[name]().to_dict()  # validated against the schema
    spec = json.loads(json.dumps(spec, allow_nan=False).replace('"container"', "400"))
    assert vl_convert.vegalite_to_png(spec | {"background": background})[:4] == b"\x89PNG"
    assert "WARN" not in vl_convert.vegalite_to_svg(spec)


def test_the_network_shows_what_both_passes_computed() -> None:
    nodes = {row["name"]: row for row in rows(network(UNITS, EDGES, "w11"), "forward", "backward")}
    assert (nodes["a₁"]["forward"], nodes["a₁"]["backward"]) == ("0.723", "0.0100")
    assert (nodes["y"]["forward"], nodes["y"]["backward"]) == ("0.867", "0.867")
    assert nodes["E"]["forward"] == f"{0.8667997**2 / 2:.3f}"
    edges = {row["name"]: row for row in rows(network(UNITS, EDGES, "w11"), "thick", "gradient")}
    gradients = PASSED.gradients()
    assert {name: row["gradient"] for name, row in edges.items() if name != "out"} == pytest.approx(gradients)
    assert edges["w12"]["text"] == "w₁₂ = 1"


@pytest.mark.parametrize(
    ("chosen", "along"), [("w11", {"w11", "v1", "out"}), ("w22", {"w22", "v2", "out"}), ("v2", {"v2", "out"})]
)
def test_the_chain_that_is_written_out_is_shaded(chosen: str, along: set[str]) -> None:
    edges = rows(network(UNITS, EDGES, chosen), "thick")
    assert {row["name"] for row in edges if row["thick"]} == along


@pytest.mark.parametrize("narrow", [False, True])
def test_no_two_words_of_the_network_stand_in_one_place(narrow: bool) -> None:
    """Each text takes a box of its own, in a plot of the size that it has on the page."""
    chart = network(UNITS, EDGES, "w11", narrow)
    spec = chart.to_dict()
    wide, high = (388, 470) if narrow else (820, 340)
    (left, right), (low, top) = (
        next(
            layer["encoding"][axis]["scale"]["domain"] for layer in spec["layer"] if "scale" in layer["encoding"][axis]
        )
        for axis in ("x", "y")
    )
    boxes = []
    for layer in spec["layer"]:
        mark, encoding = layer["mark"], layer["encoding"]
        if mark["type"] != "text":
            continue
        for row in spec["datasets"][layer["data"]["name"]]:
            words = row[encoding["text"]["field"]]
            x = (row[encoding["x"]["field"]] - left) / (right - left) * wide + mark.get("dx", 0)
            y = (top - row[encoding["y"]["field"]]) / (top - low) * high + mark.get("dy", 0)
            half = len(words) * mark["fontSize"] * 0.5 / 2
            x += {"left": half, "right": -half}.get(mark.get("align", "center"), 0)
            y += {"bottom": -5, "top": 5}.get(mark.get("baseline", "middle"), 0)
            if words:
                boxes.append((words, x, y, half))
                assert half <= x <= wide - half, f"{words} leaves the picture"
                assert 6 <= y <= high - 6, f"{words} leaves the picture"
    assert len(boxes) == 6 + 6 + 6 + 3  # names, numbers forward, weights, numbers backward
    for index, (one, x, y, half) in enumerate(boxes):
        for other, x2, y2, half2 in boxes[:index]:
            assert abs(x - x2) >= half + half2 or abs(y - y2) >= 11, f"{one} lies on {other}"


def test_weights_without_a_gradient_are_said_to_have_none() -> None:
    still = chain.forward({"x1": 0.0, "x2": 0.0}, chain.WEIGHTS, 0.0, SIGMOID)
    _, edges = chain.drawing(still)
    drawn = gradient_sizes(edges)
    sizes = {row["name"]: row["size"] for row in rows(drawn, "size", "said")}
    assert [name for name, size in sizes.items() if size is None] == ["w11", "w21", "w12", "w22"]
    assert sizes["v1"] == pytest.approx(still.gradients()["v1"])
    assert any(layer["encoding"].get("text", {}).get("value") == "exactly 0" for layer in drawn.to_dict()["layer"])
    nothing = edges.assign(gradient=0.0)
    gradient_sizes(nothing).to_dict()
    network(UNITS, nothing, "w11").to_dict()


def test_tangents_touch_the_parabola_with_slope_2x() -> None:
    chart = tangents(squares.drawing(squares.table([1.0, -2.0, 0.5], calls=3)))
    for row in rows(chart, "x2", "square2"):
        middle = (row["x"] + row["x2"]) / 2
        assert (row["square2"] - row["square"]) / (row["x2"] - row["x"]) == pytest.approx(2 * middle)
        assert (row["square2"] + row["square"]) / 2 == pytest.approx(middle**2)
    said = rows(chart, "text")
    assert [row["text"] for row in said] == ["x₁: slope 2", "x₂: slope -4", "x₃: slope 1"]
    assert all(row["square"] > row["x"] ** 2 for row in said), "inside the curve, where no tangent comes"
    assert len({row["square"] for row in said}) == 3


def test_the_ring_stands_at_the_slider_and_the_floor_is_written() -> None:
    chart = swept(entropy.sweep(FIRST), SOFT, 2.5, entropy.floor(5))
    near = [layer["transform"][0]["filter"] for layer in chart.to_dict()["layer"] if "transform" in layer]
    assert near == ["datum.by == 2.5"]
    assert rows(chart, "text") == [{"loss": pytest.approx(math.log(1 + 4 / math.e)), "text": "never below 0.905"}]


def test_an_exact_zero_ends_a_line_on_a_log_axis() -> None:
    left = rows(left_over(depth.powers(0.25, 0.0, 5), DEPTHS), "left")
    assert [row["layers"] for row in left if row["way"] == depth.HERE] == [0]
    assert [row["layers"] for row in left if row["way"] == depth.BEST] == list(range(6))
    still = shortcut.walks(SIGMOID, 0.5, 4, 0.0)
    drawn = rows(by_layer(shortcut.table(still), WAYS, "product", "dy/dx", log=True), "value")
    assert [row["value"] for row in drawn if row["way"] == shortcut.WITHOUT] == [1]
    assert [row["value"] for row in drawn if row["way"] == shortcut.WITH] == [1] * 5


def test_what_is_not_finite_ends_a_line() -> None:
    far = shortcut.walks(Slope({"use": "squared_relu"}, KNOWN), 0.5, 20, 1.0)
    assert far[0].signal[-1] == math.inf
    for metric in ("signal", "product"):
        drawn = rows(by_layer(shortcut.table(far), WAYS, metric, metric, log=metric == "product"), "value")
        ends = [row["layer"] for row in drawn if row["way"] == shortcut.WITH]
        assert ends == list(range(len(ends)))
        assert 5 < len(ends) < 21
    assert not len(shortcut.paths(far[0]))


@pytest.mark.parametrize(
    ("values", "powers"),
    [
        ([0.02, 3.0], [-2, -1, 0, 1]), ([1.0], [0]), ([0.0, math.inf], [0]), ([1e-35, 1.0], [*range(-35, 1, 5)]),
        ([2e-13, 2.0], [*range(-12, 1, 2)]),
    ],
)  # fmt: skip
def test_a_log_axis_has_a_few_powers_of_ten(values: list[float], powers: list[int]) -> None:
    assert decades(values) == [10.0**power for power in powers]


def test_a_log_axis_writes_its_numbers_as_the_sentences_do() -> None:
    """Ordinary numbers while they are short, else powers of ten; never 1e-7 or 1e+0."""
    written = {}
    for values in ([0.0002, 0.09], [1e-12, 1.0]):
        chart = alt.Chart(pd.DataFrame({"size": values})).mark_point()
        x = alt.X("size:Q", scale=alt.Scale(type="log"), axis=log_axis(values))
        written[values[0]] = vl_convert.vegalite_to_svg(chart.encode(x=x).properties(width=600).to_dict())
    assert all(f">{word}<" in written[0.0002] for word in ("0.0001", "0.001", "0.01", "0.1"))
    assert all(f">{word}<" in written[1e-12] for word in ("10⁻¹²", "10⁻⁸", "10⁻²", "1"))


def luminance(color: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ink", INKS)
def test_coloured_words_can_be_read_on_light_and_on_dark(ink: str) -> None:
    assert 1.05 / (luminance(ink) + 0.05) >= 4
    assert (luminance(ink) + 0.05) / (luminance("#12181d") + 0.05) >= 4


def test_the_same_way_has_the_same_colour_everywhere() -> None:
    for chart, names in (
        (classes(entropy.bars(FIRST), SOFT), SOFT),
        (swept(entropy.sweep(FIRST), SOFT, 0.0, 0.9), SOFT),
        (by_layer(shortcut.table(WALKS), WAYS, "signal", "signal"), WAYS),
    ):
        scales = [
            layer["encoding"]["color"]["scale"] for layer in chart.to_dict()["layer"] if "color" in layer["encoding"]
        ]
        assert scales
        assert all(scale == {"domain": list(names), "range": list(PALETTE[:2])} for scale in scales)


def test_the_numbers_of_a_slope_stand_inside_the_plot() -> None:
    for z, sides in ((-7.0, {"left"}), (7.0, {"right"}), (1.0, {"left", "right"})):
        (value,), (slope,) = SIGMOID.at([z])
        chart = slope_curve(depth.curve(SIGMOID), {"z": z, "f(z)": value, "f'(z)": slope})
        assert {mark["align"] for mark in marks(chart) if mark["type"] == "text"} == sides
        assert {row["text"] for row in rows(chart, "text")} == {f"f(z) = {value:.4g}", f"f'(z) = {slope:.4g}"}
