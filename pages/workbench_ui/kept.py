"""Pictures of finished records, kept as they were handed to the browser: nobody waits for the same one twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import altair as alt
import streamlit as st
from altair.utils.schemapi import debug_mode

from workbench.charts.stack import Stack

if TYPE_CHECKING:
    from workbench_ui.body import Result

Spec = dict[str, Any]


@st.cache_resource(max_entries=60, show_spinner=False)
def place_of(key: str) -> Spec:
    """Where the specification of one picture is kept, empty at first."""
    return {}


class Kept(Stack):
    """What ``draw`` draws, once for each ``key``. To be written by Streamlit alone: its tables are Streamlit's own."""

    def __init__(self, key: str, draw: Callable[[], Stack]) -> None:
        super().__init__([])
        self.key, self.draw = key, draw

    def to_dict(self, validate: bool = True) -> Spec:
        """The specification with its tables."""
        place = place_of(self.key)
        if not place:
            with debug_mode(validate):
                spec = self.draw().to_dict(validate)
            tables = alt.data_transformers.options.get("datasets")
            if tables is None:  # written for somebody else, or by a Streamlit that keeps its tables elsewhere
                return spec
            place |= spec | {"datasets": spec.get("datasets", {}) | tables}
        return dict(place)


def kept(result: Result, draw: Callable[[], Stack], *look: object) -> Stack:
    """What ``draw`` draws of the records; ``look`` is all that decides it besides them.

    Jobs' ids stand for their records, and the summary for what may differ in spite of them: a run that was given up.
    """
    if result.statuses:  # the runs of a queue: records that grow
        return draw()
    jobs = [(job.run.variant, job.run.seed, job.id) for job in result.jobs]
    ended = result.records["summary"][["outcome", "steps", "value"]].to_numpy().tolist()
    return Kept(repr((jobs, ended, look)), draw)
