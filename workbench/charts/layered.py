"""Charts on top of each other as one specification, put together after altair has written each of them.

Like ``Stack``, and for its reason: altair's own layering copies every chart several times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.charts.stack import Spec, Stack, inner


class Layered(Stack):
    """Charts as the layers of one view; ``more`` are its further properties (``width``, ``height``, ``title``)."""

    def __init__(self, charts: Sequence[Any], **more: Any) -> None:
        super().__init__(charts, **more)

    def to_dict(self, validate: bool = True) -> Spec:
        """The specification; ``validate`` as altair means it, for each of the charts."""
        return layered([chart.to_dict(validate=validate) for chart in self.charts], **self.more)


class Faceted(Stack):
    """Layers once for each variant, ``columns`` panels in a row, over the table ``data``; ``facet`` as in altair."""

    def __init__(self, view: Layered, data: Any, facet: Any, columns: int, **more: Any) -> None:
        super().__init__([view], **more)
        self.data, self.facet, self.columns = data, facet, columns

    def to_dict(self, validate: bool = True) -> Spec:
        """The specification."""
        spec = self.charts[0].to_dict(validate=validate)
        top = {key: spec[key] for key in ("$schema", "config", "datasets") if key in spec}
        facet = self.facet.to_dict(validate=validate)
        data = self.data.to_dict(validate=validate)
        return top | {"data": data, "facet": facet, "columns": self.columns, "spec": inner(spec)} | self.more


def own(part: Spec) -> Spec:
    """A layer: without what belongs to the whole, and without altair's way to say that it has no data of its own."""
    return {key: value for key, value in inner(part).items() if (key, value) != ("data", {"name": "empty"})}


def layered(parts: Sequence[Spec], **more: Any) -> Spec:
    """Specifications of single views as the layers of one."""
    made: Spec = {"layer": [own(part) for part in parts]} | more
    for key in ("$schema", "config"):
        for part in parts:
            if key in part:
                made.setdefault(key, part[key])
    datasets = {name: rows for part in parts for name, rows in part.get("datasets", {}).items()}
    return made | ({"datasets": datasets} if datasets else {})
