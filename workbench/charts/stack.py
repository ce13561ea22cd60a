"""Charts below or beside each other as one specification, put together after altair has written each of them.

Altair's own concatenation copies every chart several times, which takes longer than all else in a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Spec = dict[str, Any]
TOP = ("$schema", "config", "datasets", "params", "usermeta", "autosize", "background", "padding")  # never inside


class Stack:
    """Charts (or stacks of them) that are one picture; ``across`` puts them side by side.

    ``more`` are further properties of the whole (``spacing``, ``title``, ``resolve``); ``params`` its variables.
    """

    def __init__(self, charts: Sequence[Any], across: bool = False, params: Sequence[Any] = (), **more: Any) -> None:
        self.charts, self.across, self.params, self.more = charts, across, params, more

    def to_dict(self, validate: bool = True) -> Spec:
        """The specification; ``validate`` as altair means it, for each of the charts."""
        parts = [chart.to_dict(validate=validate) for chart in self.charts]
        if not self.across:  # Streamlit stretches single views that stand directly in a vertical stack
            parts = [stacked([part], across=True) if "mark" in part or "layer" in part else part for part in parts]
        params = [param.to_dict() for param in self.params]
        return stacked(parts, self.across, params, **self.more)


def stacked(parts: Sequence[Spec], across: bool = False, params: Sequence[Spec] = (), **more: Any) -> Spec:
    """Specifications below each other, or ``across``, as one; what may stand only at the top is moved there.

    Scales of colour, shape and the like stay each part's own.
    """
    resolve = {"scale": dict.fromkeys(("color", "fill", "stroke", "shape", "strokeDash", "size"), "independent")}
    made: Spec = {"hconcat" if across else "vconcat": [inner(part) for part in parts], "resolve": resolve} | more
    for key in ("$schema", "config", "usermeta"):
        for part in parts:
            if key in part:
                made.setdefault(key, part[key])
    datasets = {name: rows for part in parts for name, rows in part.get("datasets", {}).items()}
    if datasets:
        made["datasets"] = datasets
    found = [param for part in parts for param in part.get("params", []) if not stays(param)] + list(params)
    if found:
        made["params"] = list({param["name"]: param for param in found}.values())
    return made


def inner(part: Spec) -> Spec:
    """A part without what belongs to the whole."""
    kept = {key: value for key, value in part.items() if key not in TOP}
    own = [param for param in part.get("params", []) if stays(param)]
    return kept | ({"params": own} if own else {})


def stays(param: Mapping[str, Any]) -> bool:
    """Whether a parameter belongs to its own view: a selection that names no other views."""
    return "select" in param and "views" not in param
