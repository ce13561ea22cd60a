"""Charts of the small lessons: a network with its numbers, slopes, cross-entropy by class, the shortcut."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast

import altair as alt
import pandas as pd

from workbench.charts.style import INK, PALETTE, QUIET

FORWARD, BACKWARD = PALETTE[0], PALETTE[1]
COOL = ("#5ec962", "#21918c", "#3b528b")  # small to large: the middle of viridis, seen on light and on dark
HEIGHT = 300
RADIUS = 21  # pixels of a unit
Ways = Sequence[str]
Offset = tuple[float, float]
Side = Literal["left", "center", "right"]


def layered(*layers: Any, height: int = HEIGHT) -> alt.LayerChart:
    """The layers as one chart as wide as the page lets it be."""
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=height))


def above(columns: int = 2) -> alt.Legend:
    """A legend above the plot, in rows that a narrow screen has room for."""
    return alt.Legend(
        orient="top", columns=columns, title=None, labelLimit=200, symbolOpacity=1, symbolType="circle", symbolSize=70,
        symbolStrokeWidth=0, columnPadding=14, rowPadding=2,
    )  # fmt: skip


def decades(values: Iterable[float]) -> list[float]:
    """The powers of ten between sizes, at most eight of them: where a log axis gets a line."""
    sizes = [value for value in values if value > 0 and math.isfinite(value)]
    if not sizes:
        return [1.0]
    low, high = math.floor(math.log10(min(sizes)) + 1e-9), math.ceil(math.log10(max(sizes)) - 1e-9)
    return [10.0**power for power in range(low, high + 1, max(1, math.ceil((high - low) / 7)))]


def two(names: Ways, field: str = "way") -> alt.Color:
    """The colours of a few ways, the first one blue, the second orange; the legend stands above."""
    legend = above()
    return alt.Color(
        f"{field}:N", scale=alt.Scale(domain=list(names), range=list(PALETTE[: len(names)])), legend=legend
    )


# --- the network of the chain rule

PLACES = {"x1": (0.0, 1.0), "x2": (0.0, -1.0), "1": (1.0, 1.0), "2": (1.0, -1.0), "y": (2.0, 0.0), "E": (3.0, 0.0)}
EDGES = {
    "w11": ("x1", "1"),
    "w12": ("x1", "2"),
    "w21": ("x2", "1"),
    "w22": ("x2", "2"),
    "v1": ("1", "y"),
    "v2": ("2", "y"),
}


def network(units: pd.DataFrame, weights: pd.DataFrame, chosen: str, narrow: bool = False) -> alt.LayerChart:
    """The network as a picture: in every unit its name, in blue what the forward pass computes, in orange dE by that.

    ``units`` has the columns unit (a key of ``PLACES``), name, forward, backward (texts), tip. ``weights`` has
    name, label, text, value, gradient. The connections that the chain of ``chosen`` runs along are
    shaded. ``narrow``: the input at the top, not at the left.
    """
    along = {chosen, "out", *(["v" + chosen[-1]] if chosen.startswith("w") else [])}
    lines = [line(name, EDGES[name], narrow) for name in EDGES] + [line("out", ("y", "E"), narrow)]
    edges = pd.DataFrame(lines).merge(weights, on="name", how="left")
    edges["thick"] = edges["name"].isin(along)
    edges["size"] = edges["gradient"].abs().where(edges["gradient"] != 0)
    sizes = edges["size"].dropna()
    low, high = (float(sizes.min()), float(sizes.max())) if len(sizes) else (0.1, 1.0)
    nodes = units.assign(
        across=[place(unit, narrow)[0] for unit in units["unit"]],
        down=[place(unit, narrow)[1] for unit in units["unit"]],
    )
    spans = ((-2.1, 2.1), (-3.3, 0.3)) if narrow else ((-0.35, 3.3), (-1.65, 1.65))
    x = alt.X("across:Q", axis=None, scale=alt.Scale(domain=spans[0], nice=False))
    y = alt.Y("down:Q", axis=None, scale=alt.Scale(domain=spans[1], nice=False))
    color = alt.Color(
        "size:Q",
        title="size of ∂E/∂w",
        scale=alt.Scale(type="log", domain=[low, high if high > low else low * 10], range=list(COOL), nice=False),
        legend=alt.Legend(
            orient="bottom", direction="horizontal", gradientLength=180, gradientThickness=8, format=".0e",
            values=[low, high] if high > low else [low], titleLimit=200,
        ),
    )  # fmt: skip
    base = alt.Chart(edges).encode(x=x, y=y, x2="across2:Q", y2="down2:Q")
    tip = [alt.Tooltip("label:N", title="weight"), alt.Tooltip("value:Q"), alt.Tooltip("gradient:Q", format=".4g")]
    named = "isValid(datum.size)"
    layers: list[Any] = [
        base.transform_filter("datum.thick").mark_rule(color=BACKWARD, strokeWidth=11, opacity=0.22, strokeCap="round"),
        base.transform_filter(f"!{named}").mark_rule(color=QUIET, strokeWidth=2, strokeDash=[4, 3]),
        base.transform_filter(named).mark_rule(strokeWidth=3).encode(color=color, tooltip=tip),
    ]
    for align, baseline in dict.fromkeys(zip(edges["align"], edges["baseline"], strict=True)):
        layers.append(
            alt.Chart(edges[(edges["align"] == align) & (edges["baseline"] == baseline) & edges["label"].notna()])
            .mark_text(align=align, baseline=baseline, color=INK, fontSize=12, dx=SHIFT[align], dy=LIFT[baseline])
            .encode(x=alt.X("at:Q", axis=None), y=alt.Y("by:Q", axis=None), text="text:N")
        )
    dots = alt.Chart(nodes).encode(x=x, y=y, tooltip=alt.Tooltip("tip:N", title="unit"))
    layers += [
        dots.mark_point(filled=True, size=math.pi * RADIUS**2, color="white", opacity=1),
        dots.mark_point(filled=True, size=math.pi * RADIUS**2, color=QUIET, opacity=0.35, stroke=INK, strokeWidth=1.5),
        dots.mark_text(fontSize=15, fontWeight="bold", color="#1b2730").encode(text="name:N"),
    ]
    sides = [beside(across, down, narrow) for across, down in zip(nodes["across"], nodes["down"], strict=True)]
    for side in dict.fromkeys(sides):
        words = alt.Chart(nodes[[each == side for each in sides]]).encode(x=x, y=y)
        for field, ink, (dx, dy) in (("forward:N", FORWARD, side[1]), ("backward:N", BACKWARD, side[2])):
            text = words.mark_text(fontSize=13, fontWeight="bold", color=ink, align=side[0], dx=dx, dy=dy)
            layers.append(text.encode(text=field))
    return layered(*layers, height=470 if narrow else 340)


def beside(across: float, down: float, narrow: bool) -> tuple[Side, Offset, Offset]:
    """Where both numbers of a unit stand, clear of its connections: their alignment, and how far off in pixels."""
    if narrow:
        off = -RADIUS - 6 if across < 0 else RADIUS + 6
        return "right" if across < 0 else "left", (off, -8), (off, 9)
    if down == 0:
        return "center", (0, -RADIUS - 9), (0, RADIUS + 11)
    sign = -1 if down > 0 else 1
    return "center", (0, sign * (RADIUS + 10)), (0, sign * (RADIUS + 27))


SHIFT = {"left": 7, "right": -7, "center": 0}
LIFT = {"bottom": -5, "top": 5, "middle": 0}


def place(unit: str, narrow: bool) -> tuple[float, float]:
    """Where a unit stands; in a narrow picture the first layer is at the top."""
    along, across = PLACES[unit]
    return (-across, -along) if narrow else (along, across)


def line(name: str, ends: tuple[str, str], narrow: bool) -> dict[str, Any]:
    """A connection between two units, and where its label stands: beside the line, clear of the one it crosses."""
    (x, y), (x2, y2) = (place(unit, narrow) for unit in ends)
    share = 0.2 if narrow and x != x2 and name.startswith("w") else 0.27 if x != x2 and y != y2 else 0.5
    align, baseline = ("left", "bottom") if (x2 - x) * (y2 - y) < 0 else ("left", "top")
    if narrow:
        if x == x2:
            align, baseline = "right" if x < 0 else "left", "middle"
        else:
            align, baseline = "left" if x < x2 else "right", "bottom"
    elif y == y2:
        align, baseline = "center", "bottom" if y > 0 else "top"
    return {
        "name": name, "across": x, "down": y, "across2": x2, "down2": y2, "align": align, "baseline": baseline,
        "at": x + share * (x2 - x), "by": y + share * (y2 - y),
    }  # fmt: skip


def gradient_sizes(weights: pd.DataFrame) -> alt.LayerChart:
    """|dE/dw| of every weight on a log axis, one row each, in the colour of its layer; an exact 0 is said in words.

    ``weights`` has label, layer, gradient, said (the gradient in words).
    """
    rows = weights.assign(size=weights["gradient"].abs().where(weights["gradient"] != 0))
    sizes = rows["size"].dropna()
    low, high = (float(sizes.min()), float(sizes.max())) if len(sizes) else (0.1, 1.0)
    rows["low"] = low / 3
    scale = alt.Scale(type="log", domain=[low / 3, high * 8], nice=False)
    x = alt.X(
        "size:Q",
        title="size of the gradient |∂E/∂w|",
        scale=scale,
        axis=alt.Axis(format="~e", values=decades([low, high])),
    )
    y = alt.Y("label:N", title=None, sort=list(rows["label"]), axis=alt.Axis(labelFontSize=13, ticks=False))
    base = alt.Chart(rows).encode(y=y)
    some = base.transform_filter("isValid(datum.size)")
    color = two(list(dict.fromkeys(rows["layer"])), "layer")
    return layered(
        some.mark_rule(strokeWidth=3, opacity=0.5).encode(x=x, x2="low:Q", color=color),
        some.mark_point(filled=True, size=110, opacity=1).encode(x=x, color=color),
        some.mark_text(align="left", dx=10, fontSize=12, color=INK).encode(x=x, text="said:N"),
        base.transform_filter("!isValid(datum.size)")
        .mark_text(align="left", dx=6, fontSize=12, color=INK)
        .encode(x=alt.value(0), text=alt.value("exactly 0")),
        height=230,
    )


# --- backward() on squares


def tangents(rows: pd.DataFrame) -> alt.LayerChart:
    """The parabola with a tangent at each x; ``rows`` has name, x, square, slope."""
    reach = max(2.0, *(1.25 * abs(value) for value in rows["x"]))
    curve = pd.DataFrame({"x": [reach * step / 50 for step in range(-50, 51)]})
    curve["square"] = curve["x"] ** 2
    half = 0.22 * reach
    lines = pd.DataFrame(
        {
            "name": rows["name"],
            "x": rows["x"] - half,
            "x2": rows["x"] + half,
            "square": rows["square"] - half * rows["slope"],
            "square2": rows["square"] + half * rows["slope"],
        }
    )
    x = alt.X(
        "x:Q", title="x", scale=alt.Scale(domain=[-reach, reach], nice=False), axis=alt.Axis(grid=False, tickCount=9)
    )
    y = alt.Y("square:Q", title="x²", scale=alt.Scale(domain=[-0.15 * reach**2, reach**2], nice=False))
    color = alt.Color(
        "name:N", scale=alt.Scale(domain=list(rows["name"]), range=list(PALETTE[: len(rows)])), legend=None
    )
    points = alt.Chart(rows.assign(text=[f"{row.name}: slope {row.slope:.4g}" for row in rows.itertuples(index=False)]))
    marks = points.encode(x=x, y=y, color=color)
    return layered(
        alt.Chart(curve).mark_line(color=QUIET, strokeWidth=2, clip=True).encode(x=x, y=y),
        alt.Chart(lines).mark_rule(strokeWidth=3, clip=True).encode(x=x, x2="x2:Q", y=y, y2="square2:Q", color=color),
        marks.mark_point(filled=True, size=90, opacity=1),
        marks.transform_filter("datum.x <= 0").mark_text(align="left", dx=10, dy=-4, fontSize=12).encode(text="text:N"),
        marks.transform_filter("datum.x > 0")
        .mark_text(align="right", dx=-10, dy=-4, fontSize=12)
        .encode(text="text:N"),
    )


# --- cross-entropy


def classes(rows: pd.DataFrame, ways: Ways) -> alt.LayerChart:
    """The probability of every class, in both ways side by side; ``rows`` has class, way, probability, target."""
    target = rows.loc[rows["target"], "class"].iloc[0]
    x = alt.X(
        "class:O",
        title="class, counted from 0",
        axis=alt.Axis(labelAngle=0, labelExpr=f"datum.value == {target} ? datum.label + ' (target)' : datum.label"),
    )
    y = alt.Y(
        "probability:Q", title="probability", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5)
    )
    base = alt.Chart(rows).encode(x=x, y=y, xOffset=alt.XOffset("way:N", sort=list(ways)))
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        color=two(ways),
        opacity=alt.condition("datum.target", alt.value(1), alt.value(0.45)),
        tooltip=[alt.Tooltip("class:O"), alt.Tooltip("way:N"), alt.Tooltip("probability:Q", format=".4f")],
    )
    return layered(
        bars,
        base.transform_filter("datum.target")
        .mark_text(dy=-8, fontSize=12, color=INK)
        .encode(text=alt.Text("probability:Q", format=".2f")),
    )


def swept(rows: pd.DataFrame, ways: Ways, by: float, floor: float, metric: str = "loss") -> alt.LayerChart:
    """The loss (or the norm of its gradient) by what is added to the target's logit; a ring at ``by``.

    ``rows`` has by, way, loss, gradient; ``floor`` is the least that the doubled loss can be.
    """
    title = "loss" if metric == "loss" else "size of the gradient"
    x = alt.X("by:Q", title="added to the target's logit", scale=alt.Scale(nice=False), axis=alt.Axis(grid=False))
    y = alt.Y(f"{metric}:Q", title=title, scale=alt.Scale(zero=True))
    base = alt.Chart(rows).encode(x=x, y=y, color=two(ways))
    tip = [alt.Tooltip("way:N"), *(alt.Tooltip(f"{name}:Q", format=".4f") for name in ("by", "loss", "gradient"))]
    near = min(rows["by"], key=lambda value: abs(value - by))
    layers: list[Any] = [
        alt.Chart(pd.DataFrame({"by": [near]})).mark_rule(color=INK, strokeDash=[4, 3]).encode(x=x),
        base.mark_line(strokeWidth=2.5),
        base.transform_filter(f"datum.by == {near}").mark_point(filled=True, size=90, opacity=1).encode(tooltip=tip),
    ]
    if metric == "loss":
        least = alt.Chart(pd.DataFrame({"loss": [floor], "text": [f"never below {floor:.3f}"]})).encode(y="loss:Q")
        layers += [
            least.mark_rule(color=PALETTE[1], strokeDash=[2, 2]),
            least.mark_text(align="left", baseline="top", dx=4, dy=4, color=PALETTE[1], fontSize=12).encode(
                text="text:N", x=alt.value(0)
            ),
        ]
    return layered(*layers)


# --- slopes and depth


def slope_curve(rows: pd.DataFrame, here: Mapping[str, float]) -> alt.LayerChart:
    """An activation and its derivative, with a point on each at z; ``rows`` has z, what, value.

    ``here`` has z, f(z) and f'(z).
    """
    names = ["f(z)", "f'(z)"]
    points = pd.DataFrame({"z": [here["z"]] * 2, "what": names, "value": [here[name] for name in names]})
    points["text"] = [f"{name} = {value:.4g}" for name, value in zip(names, points["value"], strict=True)]
    x = alt.X("z:Q", title="z", scale=alt.Scale(nice=False), axis=alt.Axis(grid=False))
    y = alt.Y("value:Q", title=None)
    color = two(names, "what")
    marks = alt.Chart(points).encode(x=x, y=y, color=color)
    z = here["z"]
    edge = abs(z) > 0.6 * float(rows["z"].max())  # near an edge both numbers stand on the inner side
    inner: Side = "left" if z < 0 else "right"
    sides: dict[str, Side] = {
        "f(z)": inner if edge else "right",
        "f'(z)": inner if edge else "right" if z < 0 else "left",
    }
    words = [
        marks.transform_filter(alt.datum.what == name)
        .mark_text(align=side, dx=10 if side == "left" else -10, dy=-11, fontSize=12, fontWeight="bold")
        .encode(text="text:N")
        for name, side in sides.items()
    ]
    return layered(
        alt.Chart(points.iloc[:1]).mark_rule(color=INK, strokeDash=[4, 3]).encode(x=x),
        alt.Chart(rows).mark_line(strokeWidth=2.5).encode(x=x, y=y, color=color),
        marks.mark_point(filled=True, size=90, opacity=1),
        *words,
    )


def left_over(rows: pd.DataFrame, ways: Ways) -> alt.LayerChart:
    """What N layers leave of a gradient, on a log axis; ``rows`` has layers, way, left. An exact 0 ends its line."""
    shown = rows[rows["left"] > 0]
    x = alt.X("layers:Q", title="layers", scale=alt.Scale(nice=False), axis=alt.Axis(grid=False, tickMinStep=1))
    y = alt.Y(
        "left:Q", title="share of the gradient that is left", scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(format="~e", values=decades(shown["left"])),
    )  # fmt: skip
    dashes = alt.Scale(domain=list(ways), range=[[1, 0], [1, 0], [5, 4]])
    legend = above()
    base = alt.Chart(shown).encode(
        x=x,
        y=y,
        color=alt.Color(
            "way:N", scale=alt.Scale(domain=list(ways), range=[PALETTE[0], PALETTE[1], INK]), legend=legend
        ),
        strokeDash=alt.StrokeDash("way:N", scale=dashes, legend=None),
    )
    tip = [alt.Tooltip("way:N"), alt.Tooltip("layers:Q"), alt.Tooltip("left:Q", format=".3~g")]
    return layered(
        base.mark_line(strokeWidth=2.5),
        base.mark_point(filled=True, size=28, opacity=1).encode(tooltip=tip, strokeDash=alt.value([1, 0])),
    )


# --- the shortcut


def block(texts: Mapping[str, str]) -> alt.LayerChart:
    """One residual block with its numbers: ``texts`` has x, f, y, one (d by the shortcut), branch, sum."""
    lines = pd.DataFrame(
        [(0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 2.2, 0.0), (2.2, 0.0, 3.0, 0.0),
         (0.45, 0.0, 0.45, 1.0), (0.45, 1.0, 2.2, 1.0), (2.2, 1.0, 2.2, 0.0)],
        columns=["x", "y", "x2", "y2"],
    )  # fmt: skip
    lines["kind"] = ["branch", "branch", "both", "shortcut", "shortcut", "shortcut"]
    dots = pd.DataFrame({"x": [0.0, 1.3, 2.2, 3.0], "y": [0.0] * 4, "name": ["x", "c·f", "+", "y"]})
    words = pd.DataFrame(
        [(0.0, -0.36, texts["x"], "f"), (1.3, -0.36, texts["f"], "f"), (3.0, -0.36, texts["y"], "f"),
         (1.3, 1.2, texts["one"], "b"), (1.3, 0.42, texts["branch"], "b"), (2.62, 0.42, texts["sum"], "b")],
        columns=["x", "y", "text", "way"],
    )  # fmt: skip
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.4, 3.4], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-0.65, 1.45], nice=False))
    spots = alt.Chart(dots).encode(x=x, y=y)
    color = alt.Color("way:N", scale=alt.Scale(domain=["f", "b"], range=[FORWARD, BACKWARD]), legend=None)
    return layered(
        alt.Chart(lines)
        .mark_rule(strokeWidth=3, color=QUIET, strokeCap="round")
        .encode(x=x, y=y, x2="x2:Q", y2="y2:Q"),
        spots.mark_point(filled=True, size=math.pi * RADIUS**2, color="white", opacity=1),
        spots.mark_point(filled=True, size=math.pi * RADIUS**2, color=QUIET, opacity=0.35, stroke=INK, strokeWidth=1.5),
        spots.mark_text(fontSize=14, fontWeight="bold", color="#1b2730").encode(text="name:N"),
        alt.Chart(words).mark_text(fontSize=13, fontWeight="bold").encode(x=x, y=y, text="text:N", color=color),
        height=210,
    )


def by_layer(rows: pd.DataFrame, ways: Ways, metric: str, title: str, log: bool = False) -> alt.LayerChart:
    """A number after every layer, with and without the shortcut; ``rows`` has layer, way, signal, product.

    On a log axis sizes are drawn, and an exact 0 ends its line; so does whatever is not finite.
    """
    shown = rows.assign(value=rows[metric].abs() if log else rows[metric])
    shown = shown[shown["value"].abs() < math.inf]
    if log:
        shown = shown[shown["value"] > 0]
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False)
    axis = alt.Axis(format="~e", values=decades(shown["value"])) if log else alt.Axis()
    x = alt.X("layer:Q", title="layer", scale=alt.Scale(nice=False), axis=alt.Axis(grid=False, tickMinStep=1))
    base = alt.Chart(shown).encode(x=x, y=alt.Y("value:Q", title=title, scale=scale, axis=axis), color=two(ways))
    tip = [alt.Tooltip("way:N"), alt.Tooltip("layer:Q"), alt.Tooltip(f"{metric}:Q", title=title, format=".4~g")]
    return layered(
        base.mark_line(strokeWidth=2.5),
        base.mark_point(filled=True, size=28, opacity=1).encode(tooltip=tip),
        height=260,
    )


def path_shares(rows: pd.DataFrame) -> alt.LayerChart:
    """What the paths through k branches add to the gradient; ``rows`` has branches, paths, share."""
    tip = [
        alt.Tooltip("branches:Q", title="branches on the way"),
        alt.Tooltip("paths:Q", title="paths", format=",.0f"),
        alt.Tooltip("share:Q", title="they add", format=".4~g"),
    ]
    x = alt.X("branches:O", title="branches on the way", axis=alt.Axis(labelAngle=0, labelOverlap=True))
    y = alt.Y("share:Q", title="adds to the gradient")
    bars = alt.Chart(rows).mark_bar(color=PALETTE[0], cornerRadiusEnd=2).encode(x=x, y=y, tooltip=tip)
    return layered(bars, height=260)
