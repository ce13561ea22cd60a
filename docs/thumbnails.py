"""Draw the small pictures on the cards of the Home page, from real runs of the lessons.

Run: python docs/thumbnails.py   (MNIST is needed for one of them: set WORKBENCH_DATA, or be online)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import vl_convert

from workbench import house, registry
from workbench.charts import descent, sweep
from workbench.charts.curves import panel
from workbench.charts.heat import gradient_heat
from workbench.descent.contours import contours
from workbench.descent.surface import Landscape
from workbench.experiment import read
from workbench.records import Records
from workbench.runs import Bench, Job
from workbench.runs.job import plan

GREY = "#84939e"  # for light and dark backgrounds alike
CONFIG: dict[str, Any] = {
    "background": "transparent",
    "axis": {"labels": False, "ticks": False, "title": None, "domain": False, "grid": False},
    "legend": {"disable": True},
    "view": {"stroke": "transparent"},
    "font": "DejaVu Sans, Arial, sans-serif",
    "text": {"color": GREY},
}
Draw = Callable[[Records, list[Job]], Any]


def paths(records: Records, jobs: list[Job]) -> Any:
    """Four of the nine paths."""
    names = ["SGD at 0.049", "Momentum", "RMSprop", "Adam"]
    place = Landscape(jobs[0].run.task["surface"], registry.current())
    path, summary = (records[table][records[table]["variant"].isin(names)] for table in ("path", "summary"))
    lines = contours(place.reference, registry.current())
    return descent.paths(path, summary, lines, place.minima, place.x, place.y, columns=4, size=130)


def strips(records: Records, jobs: list[Job]) -> Any:
    """All strips, without their names."""
    return sweep.strips(records["sweep"], records["summary"]).properties(width=560, height=120)


def accuracy(records: Records, jobs: list[Job]) -> Any:
    """Test and training accuracy."""
    return panel(records["curve"], "accuracy", "step", width=560, height=120)


def heat(records: Records, jobs: list[Job]) -> Any:
    """The gradients of three of the variants."""
    layers = records["layers"]
    names = list(dict.fromkeys(layers["variant"]))[:3]
    return gradient_heat(layers[layers["variant"].isin(names)], width=190, columns=3, height=120)


DRAWN: dict[str, Draw] = {
    "nine-optimizers": paths,
    "tolerance": strips,
    "saturated-sigmoid": accuracy,
    "ten-sigmoid-layers": heat,
}


def bare(spec: Any) -> Any:
    """Without legends, axis titles and labels: a card says in words what it is about."""
    if isinstance(spec, dict):
        plain = {"legend": None, "axis": None, "title": None}
        return {
            key: value if key == "resolve" else plain[key] if key in plain else bare(value)
            for key, value in spec.items()
            if not (key == "title" and isinstance(value, dict))
        }
    return [bare(item) for item in spec] if isinstance(spec, list) else spec


def main() -> None:
    """Run the lessons that have not been run yet, and draw."""
    with Bench() as bench:
        for name, draw in DRAWN.items():
            jobs = plan(read(house.folder("lessons") / f"{name}.toml"))
            bench.submit(jobs)
            bench.wait(jobs)
            spec = bare(draw(bench.records(jobs), jobs).to_dict())
            spec["config"] = CONFIG
            if "facet" in spec:
                spec["facet"]["header"] = {"labelFontSize": 0, "labelPadding": 0, "title": None}
            target = house.folder("lessons") / f"{name}.png"
            target.write_bytes(vl_convert.vegalite_to_png(spec, scale=1.5))
            print(target)


if __name__ == "__main__":
    main()
