"""Maps and basins as pure functions of records; their pictures are decoded with Pillow and compared cell by cell."""

import base64
import io
import json
import math

import numpy as np
import pandas as pd
import pytest
import vl_convert
from PIL import Image

from workbench.charts import basins, cells, maps, style
from workbench.charts.png import data_uri, png
from workbench.descent.limits import LimitCurve
from workbench.records import frame

RED, BLUE = "#ff0000", "#0000ff"


def opened(uri):
    """RGBA pixels (rows, columns, 4) of a data URI."""
    head, _, data = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))


def rgba(color):
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)] + [255]


def map_of(name, first, second, outcome, steps=lambda x, y: math.nan, names=("lr", "momentum"), minimum=None, seed=0):
    """A map whose outcome and steps are functions of the two settings; the first axis runs fastest."""
    rows = [
        {"variant": name, "seed": seed, "parameter": names[0], "setting": x, "parameter_2": names[1], "setting_2": y,
         "outcome": outcome(x, y), "steps_to_tolerance": steps(x, y), "minimum": minimum(x, y) if minimum else 0}
        for y in second
        for x in first
    ]  # fmt: skip
    return frame("sweep", rows, who=True)


def rows_of(spec, mark):
    return [row for rows in spec["datasets"].values() for row in rows if row.get("mark") == mark]


def specified(chart):
    spec = chart.to_dict()
    if "values" in spec.get("data", {}):
        spec["datasets"] = {"own": spec["data"]["values"]}
    return spec


def test_a_png_has_the_colours_it_was_given_and_holes():
    pixels = opened(data_uri(png(np.array([[1, 2, 0], [2, 2, 1]]), [RED, BLUE])))
    assert pixels.shape == (2, 3, 4)
    assert pixels[0, 0].tolist() == pixels[1, 2].tolist() == rgba(RED)
    assert pixels[0, 1].tolist() == rgba(BLUE)
    assert pixels[0, 2, 3] == 0


def test_a_palette_has_an_end():
    with pytest.raises(ValueError, match="256 colours do not fit"):
        png(np.zeros((1, 1)), [RED] * 256)


def test_a_large_picture_stays_small():
    y, x = np.mgrid[:1024, :1024]
    assert len(png((x + y > 1024).astype(int) + 1, [RED, BLUE])) < 50_000


def test_every_cell_has_the_colour_of_its_outcome():
    words = {(1.0, 0.0): "slow", (2.0, 0.0): "oscillating", (1.0, 1.0): "stuck", (2.0, 1.0): "diverged"}
    sweep = map_of("A", [1.0, 2.0], [0.0, 1.0], lambda x, y: words[x, y])
    [image] = rows_of(specified(maps.maps(sweep, ["A"])), "image")
    pixels = opened(image["url"])
    for (x, y), word in words.items():
        assert pixels[1 - int(y), int(x) - 1].tolist() == rgba(style.OUTCOMES[word][0]), "the top row is the highest y"


def test_rows_may_come_in_any_order_and_may_be_missing():
    sweep = map_of("A", [1.0, 2.0, 3.0], [0.0, 1.0], lambda x, y: "diverged" if x == 2 else "slow")
    mixed = sweep.sample(frac=1, random_state=1)
    [image], [other] = (rows_of(specified(maps.maps(each, ["A"])), "image") for each in (sweep, mixed))
    assert image == other
    [part] = rows_of(specified(maps.maps(sweep.iloc[:4], ["A"])), "image")
    assert opened(part["url"])[0, :, 3].tolist() == [255, 0, 0]


def test_converged_cells_are_shaded_by_the_logarithm_of_their_steps():
    sweep = map_of("A", [1.0, 2.0, 3.0], [0.0, 1.0], lambda x, y: "converged", lambda x, y: 10.0**x)
    [image] = rows_of(specified(maps.maps(sweep, ["A"])), "image")
    shades = [rgba(color) for color in maps.shades()]
    places = [shades.index(pixel) for pixel in opened(image["url"])[0].tolist()]
    assert places[0] == 0
    assert places[1] == pytest.approx((maps.SHADES - 1) / 2, abs=0.5)
    assert places[2] == maps.SHADES - 1


def test_a_picture_lies_where_its_cells_are():
    """Cells end half way to their neighbours; those at the border reach as far beyond."""
    sweep = map_of("A", [0.01, 0.1, 1.0], [0.0, 1.0], lambda x, y: "slow")
    [image] = rows_of(specified(maps.maps(sweep, ["A"], log=(True, False))), "image")
    assert (image["x"], image["x2"]) == pytest.approx((10**-2.5, 10**0.5))
    assert (image["y"], image["y2"]) == pytest.approx((-0.5, 1.5))


def test_settings_that_are_not_even_get_room_by_their_distance():
    axis = cells.Axis(np.array([0.0, 1.0, 3.0]), log=False)
    pixels = axis.pixels()
    assert len(pixels) == cells.UNEVEN
    assert (np.bincount(pixels) / len(pixels)).tolist() == pytest.approx([1 / 4.5, 1.5 / 4.5, 2 / 4.5], abs=0.01)
    assert cells.Axis(np.geomspace(0.001, 10, 7), log=True).pixels().tolist() == list(range(7))


def test_variants_with_other_ranges_share_the_axes():
    sweep = pd.concat([
        map_of("A", [0.01, 0.1], [0.0, 0.5], lambda x, y: "slow"),
        map_of("B", [0.1, 10.0], [0.5, 0.9], lambda x, y: "slow"),
    ])  # fmt: skip
    spec = specified(maps.maps(sweep, ["A", "B"], log=(True, False)))
    encoding = spec["spec"]["layer"][0]["encoding"]
    assert encoding["x"]["scale"]["domain"] == [0.01, 10.0]
    assert encoding["x"]["scale"]["type"] == "log"
    assert encoding["y"]["scale"]["domain"] == [0.0, 0.9]
    assert [row["panel"] for row in rows_of(spec, "image")] == [0, 1]


def headings(spec):
    return json.loads(spec["facet"]["header"]["labelExpr"].removesuffix("[datum.value]"))


def test_titles_and_marks_tell_the_best_cell_and_the_disagreement():
    sweep = map_of(
        "SGD", [0.01, 0.1], [0.0, 0.5], lambda x, y: "converged" if x < 0.1 else "diverged",
        lambda x, y: 20 - 10 * y if x < 0.1 else math.nan,
    )  # fmt: skip
    right = LimitCurve(True, np.array([0.0, 0.5]), np.array([0.05, 0.075]))
    spec = specified(maps.maps(sweep, ["SGD"], {"SGD": right}, (True, False)))
    assert headings(spec) == [
        ["SGD", "50 % converge", "fewest: 15 steps at 0.01, 0.5", "every cell agrees with the limit"]
    ]
    [best] = rows_of(spec, "best")
    assert (best["x"], best["y"], best["steps"]) == (0.01, 0.5, 15)
    line = [(row["x"], row["y"], row["kind"]) for row in rows_of(spec, "limit")]
    assert line == [(0.05, 0.0, maps.LIMIT), (0.075, 0.5, maps.LIMIT)]
    wrong = LimitCurve(True, np.array([0.0, 0.5]), np.array([0.5, 0.075]))
    spec = specified(maps.maps(sweep, ["SGD"], {"SGD": wrong}, (True, False)))
    assert headings(spec)[0][3] == "25 % disagree with the limit"


def test_a_local_limit_is_drawn_and_not_held_against_the_cells():
    sweep = map_of("SGD", [0.01, 0.1], [0.0, 0.5], lambda x, y: "slow")
    curve = LimitCurve(False, np.array([0.01, 0.1]), np.array([0.1, 0.2]), local=True)
    spec = specified(maps.maps(sweep, ["SGD"], {"SGD": curve}))
    assert len(headings(spec)[0]) == 2
    assert {(row["x"], row["y"]) for row in rows_of(spec, "limit")} == {(0.01, 0.1), (0.1, 0.2)}
    assert {row["kind"] for row in rows_of(spec, "limit")} == {maps.LOCAL}


def test_small_maps_tell_every_cell_and_large_ones_a_sample():
    small = map_of("A", np.arange(1.0, 21), np.arange(20.0), lambda x, y: "slow")
    told = rows_of(specified(maps.maps(small, ["A"])), "hover")
    assert len(told) == 400
    assert all(row["x"] < row["setting"] < row["x2"] and row["y"] < row["setting_2"] < row["y2"] for row in told)
    assert cells.sampled(len(small)) == ""
    large = map_of("A", np.arange(1.0, 101), np.arange(100.0), lambda x, y: "slow")
    told = rows_of(specified(maps.maps(large, ["A"])), "hover")
    assert 100 <= len(told) <= cells.SAMPLES
    assert "sample" in cells.sampled(len(large))
    area = sum((row["x2"] - row["x"]) * (row["y2"] - row["y"]) for row in told)
    assert area == pytest.approx(100 * 100)


def test_seeds_are_panels_of_their_own():
    sweep = pd.concat([map_of("A", [1.0, 2.0], [0.0, 1.0], lambda x, y: "slow", seed=seed) for seed in (3, 5)])
    assert [lines[0] for lines in headings(specified(maps.maps(sweep, ["A"])))] == ["A, seed 3", "A, seed 5"]


def test_no_records_no_map():
    assert maps.maps(frame("sweep", [], who=True), ["A"]) is None
    assert basins.basins(frame("sweep", [], who=True), ["A"], [], []) is None


STARTS = ("start.x", "start.y")
WELLS, VALUES = [(1.0, 2.0), (0.0, 0.0)], [-9.086, 0.0]


def basin(names=STARTS):
    reached = {(1.0, 0.0): 1, (2.0, 0.0): 2, (1.0, 1.0): 0, (2.0, 1.0): 0}
    return map_of(
        "A", [1.0, 2.0], [0.0, 1.0], lambda x, y: "diverged" if (x, y) == (2.0, 1.0) else "slow", names=names,
        minimum=lambda x, y: reached[x, y],
    )  # fmt: skip


def test_basins_are_coloured_by_the_minimum():
    [image] = rows_of(specified(basins.basins(basin(), ["A"], WELLS, VALUES)), "image")
    pixels = opened(image["url"])
    assert pixels[1].tolist() == [rgba(color) for color in basins.COLORS[:2]]
    assert pixels[0].tolist() == [rgba(style.QUIET), rgba(style.OUTCOMES["diverged"][0])]


def test_x_goes_across_whichever_axis_comes_first():
    [image] = rows_of(specified(basins.basins(basin(STARTS[::-1]), ["A"], WELLS, VALUES)), "image")
    assert (image["x"], image["x2"], image["y"], image["y2"]) == (-0.5, 1.5, 0.5, 2.5)
    pixels = opened(image["url"])
    assert [pixels[1, 0].tolist(), pixels[0, 0].tolist()] == [rgba(color) for color in basins.COLORS[:2]]


def test_the_legend_names_every_minimum_by_place_and_value():
    spec = specified(basins.basins(basin(), ["A"], WELLS, VALUES))
    keys = [row["reached"] for row in rows_of(spec, "key")]
    assert keys == ["1 (1, 2), f = -9.09 (lowest)", "2 (0, 0), f = 0", basins.NONE, basins.DIVERGED]
    assert headings(spec) == [["A", "25 % reach the lowest"]]
    [fill] = [layer["encoding"]["fill"]["scale"] for layer in spec["spec"]["layer"] if "fill" in layer["encoding"]]
    assert fill["domain"] == keys
    assert fill["range"] == [*basins.COLORS[:2], style.QUIET, style.OUTCOMES["diverged"][0]]


def test_minima_are_numbered_where_they_lie_in_view():
    spec = specified(basins.basins(basin(), ["A"], [(1.5, 0.5), (0.0, 0.0)], VALUES))
    assert [(row["number"], row["x"], row["y"]) for row in rows_of(spec, "minimum")] == [("1", 1.5, 0.5)]


def test_more_minima_than_colours_share_one():
    count = basins.NAMED + 5
    sweep = map_of("A", np.arange(1.0, count + 1), [0.0, 1.0], lambda x, y: "stuck", names=STARTS,
                   minimum=lambda x, y: int(x))  # fmt: skip
    minima, values = [(float(i), 0.0) for i in range(count)], [float(i) for i in range(count)]
    spec = specified(basins.basins(sweep, ["A"], minima, values))
    assert [row["reached"] for row in rows_of(spec, "key")][-1] == f"{basins.NAMED + 1} to {count}: other minima"
    [image] = rows_of(spec, "image")
    assert opened(image["url"])[0, -5:].tolist() == [rgba(basins.OTHER)] * 5


def pixels_of(chart):
    picture = vl_convert.vegalite_to_png(chart.to_dict(), scale=1)
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def test_cells_are_drawn_with_sharp_borders():
    """A checkerboard of 8 x 8 has two colours, and next to nothing between them."""
    sweep = map_of("A", np.arange(1.0, 9), np.arange(8.0), lambda x, y: "slow" if (x + y) % 2 else "diverged")
    seen = pixels_of(maps.maps(sweep, ["A"])).reshape(-1, 3)
    both = sum((seen == rgba(style.OUTCOMES[word][0])[:3]).all(axis=1).sum() for word in ("slow", "diverged"))
    assert both > 0.9 * 240 * round(240 * 0.86)


def test_half_a_million_cells_are_drawn():
    side = np.linspace(-2, 2, 512)
    sweep = pd.concat([
        pd.DataFrame({
            "variant": name, "seed": 0, "parameter": "start.x", "setting": np.tile(side, 512),
            "parameter_2": "start.y", "setting_2": np.repeat(side, 512), "outcome": "converged",
            "steps_to_tolerance": 5.0, "minimum": np.tile(np.arange(512) // 256 + 1, 512),
        })
        for name in ("A", "B")
    ])  # fmt: skip
    chart = basins.basins(sweep, ["A", "B"], WELLS, VALUES)
    assert len(json.dumps(chart.to_dict())) < 500_000
    seen = pixels_of(chart)
    for color in basins.COLORS[:2]:
        share = (seen == rgba(color)[:3]).all(axis=2).sum() / (2 * 240 * round(240 * 0.86))
        assert share == pytest.approx(0.5, abs=0.03)
