"""A chart as a picture that stands alone: title, finding, and a footer with task, seeds and hash."""

from __future__ import annotations

import textwrap
from typing import Any, Protocol

import altair as alt
import pandas as pd
import vl_convert

from workbench import __version__
from workbench.charts.stack import stacked
from workbench.experiment import Experiment, resolve, spell
from workbench.registry import Registry


class Drawn(Protocol):
    """A chart of altair, or charts stacked."""

    def to_dict(self) -> dict[str, Any]:
        """Its specification."""


WIDTH = 760  # pixels of a chart that fills its container on a page
SCALE = 2.0  # pixels of the PNG for each of the chart's, so that it can be projected
BACKGROUND = {"light": "#ffffff", "dark": "#12181d"}


def footer(experiment: Experiment, registry: Registry, digest: str) -> list[str]:
    """What was compared, on what, with which seeds, by which experiment; one or two short lines."""
    runs = resolve(experiment, registry)
    task = runs[0].task
    varied = {key for variant in experiment.variants for key in variant.task}
    spelt = [
        f"{key.replace('_', ' ')} {settings(value, registry, key)}"
        for key, value in task.items()
        if key not in varied and value not in (None, False, {"use": "none"})
    ]
    seeds = ", ".join(str(seed) for seed in experiment.seeds[:10]) + (" ..." if len(experiment.seeds) > 10 else "")
    plural = "seeds" if len(experiment.seeds) > 1 else "seed"
    return [
        f"{experiment.kind.capitalize()} · " + " · ".join(spelt),
        f"{plural} {seeds} (n = {len(experiment.seeds)}) · experiment {digest} · Gradient Workbench {__version__}",
    ]


def settings(value: Any, registry: Registry, kind: str) -> str:
    """A reference with the settings that are not at their default: ``mlp (depth 10)``."""
    if isinstance(value, list):
        return "(" + ", ".join(spell(item) for item in value) + ")"
    if not isinstance(value, dict):
        return spell(value)
    kind = "dataset" if kind == "source" else kind
    defaults = {param.name: param.default for param in registry.get(kind, value["use"]).params}
    changed = [f"{key} {spell(v)}" for key, v in value.items() if key != "use" and v != defaults.get(key)]
    return str(value["use"]) + (f" ({', '.join(changed)})" if changed else "")


def framed(chart: Drawn, title: str, finding: str, lines: list[str], theme: str = "light") -> dict[str, Any]:
    """The Vega-Lite specification of the chart between its title and its footer, on its own background."""
    dark = theme == "dark"
    ink, faint = ("#e3eaef", "#93a3ae") if dark else ("#1b2730", "#5b6b76")
    notes = pd.DataFrame({"line": range(len(lines)), "text": lines})
    foot = (
        alt.Chart(notes)
        .mark_text(align="left", baseline="top", fontSize=10.5, color=faint)
        .encode(x=alt.value(0), y=alt.Y("line:O", axis=None), text="text:N")
        .properties(width=WIDTH, height=15 * len(lines), view=alt.ViewConfig(stroke=None))
    )
    heading = {
        "text": textwrap.wrap(title, 90),
        "subtitle": textwrap.wrap(finding, 120),
        "anchor": "start",
        "fontSize": 17,
        "subtitleFontSize": 12.5,
        "subtitlePadding": 6,
        "offset": 14,
    }
    spec = stacked([chart.to_dict(), foot.to_dict()], spacing=16, title=heading)
    config = {
        "background": BACKGROUND[theme],
        "padding": 18,
        "font": "DejaVu Sans, Arial, sans-serif",
        "axis": {"labelColor": ink, "titleColor": ink, "gridColor": "#2c3841" if dark else "#e4e9ec",
                 "domainColor": faint, "tickColor": faint, "titleFontWeight": "normal"},
        "legend": {"labelColor": ink, "titleColor": ink, "titleFontWeight": "normal", "labelLimit": 320},
        "title": {"color": ink, "subtitleColor": ink},
        "header": {"labelColor": ink, "titleColor": ink},
        "view": {"stroke": "transparent"},
        "text": {"color": ink},
    }  # fmt: skip
    spec["config"] = spec.get("config", {}) | config
    made: dict[str, Any] = concrete(spec)
    return made


def concrete(spec: Any) -> Any:
    """Give every view that fills its container on a page a width of its own."""
    if isinstance(spec, dict):
        spec = {key: concrete(value) for key, value in spec.items() if key not in ("autosize",)}
        if spec.get("width") == "container":
            spec["width"] = WIDTH
    elif isinstance(spec, list):
        spec = [concrete(item) for item in spec]
    return spec


def png(spec: dict[str, Any]) -> bytes:
    """The picture in pixels, twice the size it has on a page."""
    return vl_convert.vegalite_to_png(spec, scale=SCALE)


def svg(spec: dict[str, Any]) -> bytes:
    """The picture as lines, for a paper or a slide."""
    return vl_convert.vegalite_to_svg(spec).encode()
