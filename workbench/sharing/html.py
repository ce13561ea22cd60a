"""A picture as a page of its own: one file that plays without the app and without a network."""

from __future__ import annotations

import html
import json
from functools import cache
from typing import Any

import vl_convert

from workbench.charts.play import STYLE, clocked
from workbench.sharing.picture import BACKGROUND

INK = {"light": "#1b2730", "dark": "#e3eaef"}
POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
SNIPPET = "window.vegaEmbed = vegaEmbed;"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
:root {{ color-scheme: {theme}; }}
body {{ margin: 0; padding: 12px; background: {background}; color: {ink}; }}
body, input, select {{ font: 15px/1.4 "DejaVu Sans", Arial, sans-serif; }}
#picture {{ overflow-x: auto; }}
{style}
</style>
</head>
<body>
<main id="picture" aria-label="{title}"></main>
<noscript>This picture is drawn and played by the script in this file: allow scripts to see it.</noscript>
<script>{library}</script>
<script type="application/json" id="specification">{specification}</script>
<script>
const specification = JSON.parse(document.getElementById("specification").textContent);
vegaEmbed("#picture", specification, {{actions: false, renderer: "svg"}});
</script>
</body>
</html>
"""


@cache
def library() -> str:
    """Vega, Vega-Lite and vega-embed as one script, which defines ``vegaEmbed``."""
    return vl_convert.javascript_bundle(SNIPPET)


def page(spec: dict[str, Any], title: str, theme: str = "light") -> bytes:
    """The page of a framed picture (``picture.framed``), with the controls of its clock where it has one."""
    text = json.dumps(clocked(spec), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")  # ends no script
    made = PAGE.format(
        title=html.escape(title),
        theme=theme,
        background=BACKGROUND[theme],
        ink=INK[theme],
        style=STYLE,
        policy=POLICY,
        library=library(),
        specification=text,
    )
    return made.encode()
