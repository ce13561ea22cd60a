"""A surface seen from the side: our own projection, painted back to front, with the paths on top."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from workbench.charts import play
from workbench.charts.crop import POINT
from workbench.charts.panels import Interval, panel_titles, variant_fill
from workbench.charts.stack import Stack
from workbench.charts.style import INK, number, variant_colors, variant_dashes
from workbench.charts.traces import digits, traces

TALL = 0.5  # height of the box over the longer side of its floor
DECADES = 3  # that the logarithm spreads; what lies lower is drawn as it is
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Compression:
    """Height = log10(1 + gap / scale): as it is far below the scale, its logarithm far above."""

    scale: float

    @classmethod
    def of(cls, gaps: Points) -> Compression:
        """The one that spreads ``DECADES`` decades below the largest finite gap."""
        finite = gaps[np.isfinite(gaps)]
        top = float(finite.max()) if len(finite) else 0.0
        return cls(top / 10**DECADES if top > 0 else 1.0)

    def ticks(self, top: float) -> list[float]:
        """0 and the powers of ten from the scale to a gap."""
        powers = range(math.ceil(math.log10(self.scale) - 1e-9), math.floor(math.log10(max(top, self.scale))) + 1)
        return [0.0, *(float(f"1e{power}") for power in powers)]

    def __call__(self, gaps: Points) -> Points:
        """Heights of gaps above the lowest value; a gap below 0 (rounding) counts as 0."""
        return np.asarray(np.log10(1 + np.maximum(gaps, 0) / self.scale))


@dataclass(frozen=True)
class View:
    """Orthographic: ``azimuth`` turns the floor, ``elevation`` lifts the eye, both in degrees.

    At azimuth 0 one looks along y, with x to the right; at elevation 90 straight down, at 0 from the side.
    """

    azimuth: float = 30.0
    elevation: float = 35.0

    def __call__(self, x: Points, y: Points, z: Points) -> tuple[Points, Points, Points]:
        """Across (to the right), up, and how far away along the floor, of points of the box [-1, 1]^3.

        Of a function's mesh no quad is hidden by one farther away along the floor: so it is painted in that order.
        """
        turn, lift = math.radians(self.azimuth), math.radians(self.elevation)
        across = x * math.cos(turn) - y * math.sin(turn)
        away = x * math.sin(turn) + y * math.cos(turn)
        return across, z * math.cos(lift) + away * math.sin(lift), away


@dataclass(frozen=True)
class Stage:
    """The box around a surface, and how it lies in a picture ``width`` pixels wide."""

    x: Interval
    y: Interval
    top: float  # compressed height of the ceiling
    view: View
    width: int

    @property
    def sizes(self) -> tuple[float, float]:
        """Half the sides of the floor; the longer one is 1."""
        a, b = self.x[1] - self.x[0], self.y[1] - self.y[0]
        return a / max(a, b), b / max(a, b)

    @property
    def pixels(self) -> float:
        """Pixels a unit, so that the box fits whichever way it is turned."""
        return (self.width - 60) / 2 / math.hypot(*self.sizes)

    @property
    def height(self) -> int:
        """Pixels from the lowest to the highest point of the box, and room for words."""
        lift = math.radians(self.view.elevation)
        half = math.hypot(*self.sizes) * math.sin(lift) + TALL * math.cos(lift)
        return round(2 * half * self.pixels) + 70

    def __call__(self, x: Any, y: Any, heights: Any) -> tuple[Points, Points, Points]:
        """Pixels from the left and from the top, and distance along the floor, of points at compressed heights."""
        half = self.sizes
        a = half[0] * (2 * (np.asarray(x, dtype=float) - self.x[0]) / (self.x[1] - self.x[0]) - 1)
        b = half[1] * (2 * (np.asarray(y, dtype=float) - self.y[0]) / (self.y[1] - self.y[0]) - 1)
        c = TALL * (2 * np.asarray(heights, dtype=float) / self.top - 1)
        across, up, away = self.view(a, b, c)
        return self.width / 2 + self.pixels * across, self.height / 2 - self.pixels * up, away


def quads(x: Points, y: Points, gaps: Points, stage: Stage, squeeze: Compression) -> pd.DataFrame:
    """The mesh as one row a quad, the farthest first: shape (an SVG path in pixels), gap (mean of its corners), away.

    ``gaps`` has the shape (count of y, count of x); a quad with a corner that is not finite is a hole.
    """
    rows, columns = np.meshgrid(y, x, indexing="ij")
    across, down, away = (cornered(part) for part in stage(columns, rows, squeeze(gaps)))
    middle, far = cornered(gaps).mean(axis=1), away.mean(axis=1)
    order = [index for index in np.argsort(-far, kind="stable").tolist() if math.isfinite(middle[index])]
    shapes = [
        "M" + "L".join(f"{a:.0f},{b:.0f}" for a, b in zip(across[index], down[index], strict=True)) + "Z"
        for index in order
    ]
    return pd.DataFrame({"shape": shapes, "gap": [float(f"{gap:.3g}") for gap in middle[order]], "away": far[order]})


def cornered(values: Points) -> Points:
    """The four corners of every quad, in order around it: (m, n) becomes ((m - 1) (n - 1), 4)."""
    corners = (np.s_[:-1, :-1], np.s_[:-1, 1:], np.s_[1:, 1:], np.s_[1:, :-1])
    return np.stack([values[corner] for corner in corners], axis=-1).reshape(-1, 4)


def path_rows(path: pd.DataFrame, bottom: float, stage: Stage, squeeze: Compression) -> pa.Table:
    """The paths in pixels: variant, line, order, step, until, left, down, value."""
    x, y, values = (path[name].to_numpy(dtype=float) for name in ("x", "y", "value"))
    found = traces(path, x, y, (*stage.x, *stage.y))
    heights = squeeze(values - bottom)[found.row]
    shown = (found.place == POINT) & np.isfinite(heights)
    left, down, _ = stage(found.x, found.y, np.minimum(heights, stage.top))
    rows = found.table(
        variant=path["variant"].to_numpy(dtype=object)[found.row],
        order=np.arange(len(found.row)),
        left=left.round(1),
        down=down.round(1),
        value=digits(values[found.row]),
    )
    return rows.filter(shown)


def frame_lines(stage: Stage, squeeze: Compression) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The floor and a post with the heights: lines (line, order, left, down), words (left, down, text, align)."""
    (x0, x1), (y0, y1) = stage.x, stage.y
    floor = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    lines: list[dict[str, Any]] = []
    for order, (x, y) in enumerate(floor):
        left, down, _ = stage(x, y, 0.0)
        lines.append({"line": "floor", "order": order, "left": float(left), "down": float(down)})
    post = min(floor, key=lambda corner: float(stage(corner[0], corner[1], 0.0)[0]))  # the corner farthest to the left
    words: list[dict[str, Any]] = []
    for gap in squeeze.ticks(squeeze.scale * (10**stage.top - 1)):
        left, down, _ = stage(post[0], post[1], squeeze(np.array(gap)))
        words.append({"left": float(left) - 8, "down": float(down), "text": number(gap), "align": "right"})
        for order, shift in enumerate((0, -5)):
            lines.append({"line": f"tick {gap}", "order": order, "left": float(left) + shift, "down": float(down)})
    for order, height in enumerate((0.0, stage.top)):
        left, down, _ = stage(post[0], post[1], height)
        lines.append({"line": "post", "order": order, "left": float(left), "down": float(down)})
    words.append({"left": float(left) - 8, "down": float(down) - 14, "text": "above the lowest", "align": "left"})
    near = sorted(floor[:4], key=lambda corner: float(stage(corner[0], corner[1], 0.0)[2]))  # the nearest corner first
    for axis, name in enumerate("xy"):
        ends = sorted(corner for corner in floor[:4] if corner[1 - axis] == near[0][1 - axis])
        texts = [number(ends[0][axis]), number(ends[1][axis]), name]
        for share, text in zip((0.06, 0.94, 0.5), texts, strict=True):  # not in the corner: there two axes meet
            at_x, at_y = ((1 - share) * a + share * b for a, b in zip(*ends, strict=True))
            left, down, _ = stage(at_x, at_y, 0.0)
            words.append({"left": float(left), "down": float(down) + 15, "text": text, "align": "center"})
    return pd.DataFrame(lines).round(1), pd.DataFrame(words).round(1)


def relief(
    grid: tuple[Points, Points, Points],
    bottom: float,
    path: pd.DataFrame,
    summary: pd.DataFrame,
    azimuth: float = 30.0,
    elevation: float = 35.0,
    width: int = 760,
    title: str = "",
    *,
    narrow: bool = False,
) -> Stack:
    """The surface as a mesh coloured by height, and every path on it; a slider plays the steps.

    The mesh is drawn in pixels: a stack keeps its width, where a single view is stretched to fill the page.

    ``grid``: x (n,), y (m,) and values (m, n); ``bottom`` the lowest value; angles in degrees (see ``View``).
    The paths are drawn on top of everything: also where the surface would hide them.
    """
    x, y, values = (np.asarray(part, dtype=float) for part in grid)
    gaps = np.where(np.isfinite(values), values, np.nan) - bottom
    squeeze = Compression.of(gaps)
    most = float(np.nanmax(gaps)) if np.isfinite(gaps).any() else 0.0
    most = most if most > 0 else squeeze.scale  # of a flat surface
    stage = Stage((x[0], x[-1]), (y[0], y[-1]), float(squeeze(np.array(most))), View(azimuth, elevation), width)
    names = list(panel_titles(summary))
    rows = path_rows(path, bottom, stage, squeeze)
    lines, words = frame_lines(stage, squeeze)
    left = alt.X("left:Q", axis=None, scale=alt.Scale(domain=[0, width], nice=False))
    down = alt.Y("down:Q", axis=None, scale=alt.Scale(domain=[0, stage.height], nice=False, reverse=True))
    mesh = quads(x, y, gaps, stage, squeeze).drop(columns="away")
    legend = alt.Legend(orient="top", columns=2 if narrow else 4, labelLimit=200, symbolStrokeWidth=3)
    color = alt.Color("variant:N", title=None, scale=variant_colors(names), legend=legend)
    dash = alt.StrokeDash("variant:N", title=None, scale=variant_dashes(names), legend=legend)
    tooltip = [alt.Tooltip("variant:N"), alt.Tooltip("step:Q"), alt.Tooltip("value:Q")]
    order = alt.Order("order:Q")
    base = alt.Chart(rows).encode(x=left, y=down)
    shown = base.transform_filter(play.SHOWN)
    piece = alt.Detail("line:N")
    layers: list[Any] = [
        alt.Chart(lines).mark_line(color=INK, strokeWidth=1).encode(x=left, y=down, detail=piece, order=order),
        mesh_of(mesh, squeeze, most, narrow),
        shown.mark_line(stroke="white", strokeWidth=4, opacity=0.8).encode(
            detail=[alt.Detail("variant:N"), piece], order=order
        ),
        shown.mark_line(strokeWidth=2.2).encode(
            color=color, strokeDash=dash, detail=piece, order=order, tooltip=tooltip
        ),
        base.transform_filter("datum.step == 0")
        .mark_point(filled=True, shape="square", size=70, color=INK, stroke="white", strokeWidth=1, opacity=1)
        .encode(tooltip=tooltip),
        base.transform_filter(play.NOW)
        .transform_calculate(fill=variant_fill(names))
        .mark_point(filled=True, shape="circle", size=80, stroke="white", strokeWidth=1, opacity=1)
        .encode(fill=alt.Fill("fill:N", scale=None), tooltip=tooltip),
    ]
    for align in ("left", "right", "center"):
        own = words[words["align"] == align]
        layers.append(
            alt.Chart(own)
            .mark_text(align=cast(Any, align), baseline="middle", color=INK)
            .encode(x=left, y=down, text=alt.Text("text:N"))
        )
    last = int(path["step"].max()) if len(path) else 0
    notes = [
        f"height = log10(1 + v / {number(squeeze.scale)}), v = value above the lowest",
        "square: start; circle: where a path is now",
    ]
    heading = alt.TitleParams(title or "Surface and paths", subtitle=notes, anchor="start", subtitleColor=INK)
    apart = alt.Resolve(scale=alt.ScaleResolveMap(fill="independent"))
    bare = alt.ViewConfig(stroke=None)
    whole = alt.layer(*layers, width=width, height=stage.height, view=bare, title=heading, resolve=apart)
    return Stack([whole], params=[play.slider(last)])


def mesh_of(mesh: pd.DataFrame, squeeze: Compression, most: float, narrow: bool) -> alt.Chart:
    """The quads, painted in the order of their rows: a symbol of size 4 has its shape's own pixels."""
    legend = alt.Legend(
        orient="bottom" if narrow else "top",
        direction="horizontal",
        gradientLength=150,
        gradientThickness=8,
        values=[0.0, *squeeze.ticks(most)[2:]],  # the first power of ten is too near
        labelOverlap=True,
        format=".6~g",
    )
    scale = alt.Scale(type="symlog", constant=squeeze.scale, scheme="viridis", domain=[0, most], nice=False)
    marks = alt.Chart(mesh)
    return cast(
        alt.Chart,
        marks.mark_point(filled=True, size=4, opacity=1, stroke="black", strokeWidth=0.4, strokeOpacity=0.25).encode(
            x=alt.value(0),
            y=alt.value(0),
            shape=alt.Shape("shape:N", scale=None),
            fill=alt.Fill("gap:Q", title="above the lowest", scale=scale, legend=legend),
            tooltip=alt.Tooltip("gap:Q", title="above the lowest"),
        ),
    )
