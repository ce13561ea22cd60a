"""The clock of a picture: a button, a slider and single steps, all inside Vega, so that no frame asks the app.

A chart that can play has a variable ``step`` with a slider (``slider``), which is all that Vega-Lite's schema
knows. ``clocked`` puts the buttons and the timer beside it, as signals of Vega that Vega-Lite hands on as they are.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

import altair as alt

STEP = "step"  # the variable that all views of one picture share
TICK = 50  # milliseconds
WHOLE = 8.0  # seconds in which a path plays at normal speed, unless it is so short that its steps would crawl or fly
SLOWEST, SPEEDS = 5.0, {"slow": 0.25, "normal": 1.0, "fast": 4.0}  # steps a second; shares of normal speed
PLAY, PAUSE = "▶ Play", "❚❚ Pause"
STYLE = """
.vega-bindings { display: flex !important; flex-flow: row wrap !important; align-items: center; gap: 4px 8px;
  padding: 4px 0 8px; }
.vega-bindings .vega-bind { display: flex; align-items: center; flex: 0 0 auto; width: auto !important;
  margin: 0 !important; }
.vega-bindings .vega-bind label { display: flex; flex-flow: row nowrap; align-items: center; gap: 8px; flex: 1;
  margin: 0 !important; padding: 0 !important; }
.vega-bindings .vega-bind-name { width: auto !important; min-width: 0 !important; white-space: nowrap; }
.vega-bindings .vega-bind:has(input[type=button]) .vega-bind-name { display: none; }
.vega-bindings .vega-bind:has(input[type=range]) { flex: 1 1 180px; max-width: 520px; }
.vega-bindings .vega-bind input[type=range] { flex: 1; min-width: 60px; }
.vega-bindings input[type=button] { font: inherit; color: inherit; background: transparent; cursor: pointer;
  border: 1px solid color-mix(in srgb, currentColor 35%, transparent); border-radius: 6px; padding: 3px 10px; }
.vega-bindings input[type=button]:hover { border-color: currentColor; }
.vega-bindings input[title^=play] { min-width: 92px; }
"""  # the controls in one row, instead of one below the other
SHOWN = f"datum.{STEP} <= {STEP}"  # filter: what has happened by now
NOW = f"{SHOWN} && (datum.until == null || {STEP} < datum.until)"  # filter: the row at which a path is now


def slider(last: int, first: int | None = None) -> Any:
    """The variable ``step`` from 0 to ``last`` with its slider; it begins at ``first``, by default at the last step."""
    bind = alt.binding_range(min=0, max=max(1, last), step=1, name="step ")
    return alt.param(STEP, value=last if first is None else first, bind=bind).param


def now_at() -> alt.XDatum:
    """The x position of the clock on an axis of steps."""
    return alt.XDatum(alt.expr(STEP), type="quantitative")


def steps_a_second(last: int) -> float:
    """How fast ``last`` steps play at normal speed."""
    return max(last / WHOLE, SLOWEST)


def clocked(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification with a play button, single steps and a choice of speed; unchanged without a slider ``step``.

    The result is for browsers: Vega-Lite compiles it, but its schema does not know events of variables.
    """
    params = spec.get("params", [])
    mine = next((param for param in params if param["name"] == STEP and "bind" in param), None)
    if mine is None:
        return spec
    mark = f"{zlib.crc32(json.dumps(spec, sort_keys=True, default=str).encode()):08x}"  # each picture hears its own
    last = mine["bind"]["max"]
    rate = f"({steps_a_second(last) * TICK / 1000:.6g} * speed)"
    timer = {"type": "timer", "throttle": TICK}
    play, back, forth = ([clicks(f"{name}_{mark}")] for name in ("play", "back", "forth"))
    clock = [
        {"name": "playing", "value": False, "on": [
            {"events": play, "update": "!playing"},
            {"events": [*back, *forth], "update": "false"},
            {"events": timer, "update": f"playing && {STEP} < {last}"},
        ]},
        button(f"play_{mark}", f"playing ? '{PAUSE}' : '{PLAY}'", "play or pause"),
        button(f"back_{mark}", "'◀'", "one step back"),
        mine | {"on": [
            {"events": play, "update": f"{STEP} >= {last} ? 0 : {STEP}"},  # at its end it begins anew
            {"events": back, "update": f"max(0, {STEP} - 1)"},
            {"events": forth, "update": f"min({last}, {STEP} + 1)"},
            {"events": timer, "update": f"playing ? min({last}, {STEP} + floor((beat + 1) * {rate})"
                                        f" - floor(beat * {rate})) : {STEP}"},
        ]},
        button(f"forth_{mark}", "'▶'", "one step on"),
        {"name": "speed", "value": 1.0, "bind": {
            "input": "select", "options": list(SPEEDS.values()), "labels": list(SPEEDS), "name": "speed "}},
        {"name": "beat", "value": 0, "on": [{"events": timer, "update": "playing ? beat + 1 : 0"}]},
    ]  # fmt: skip
    return spec | {"params": [param for param in params if param is not mine] + clock}


def clicks(name: str) -> dict[str, Any]:
    """The clicks on a bound button; Vega hears only what happens in its own view, and beyond that the window."""
    return {"source": "window", "type": "click", "filter": f"event.target && event.target.name === '{name}'"}


def button(name: str, label: str, help: str) -> dict[str, Any]:
    """A button below the picture; ``label`` is an expression. Vega makes an input of any type that it is given."""
    bind = {"input": "button", "name": "\u00a0", "title": help, "aria-label": help}
    return {"name": name, "update": label, "bind": bind}
