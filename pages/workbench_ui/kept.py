"""Pictures kept as they were handed to the browser: nobody waits twice for the same one."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import partial
from typing import Any

import altair as alt
import streamlit as st
from altair.utils.schemapi import debug_mode

Spec = dict[str, Any]


@st.cache_resource(max_entries=60, show_spinner=False)
def place_of(key: bytes) -> Spec:
    """Where the specification of one picture is kept, empty at first."""
    return {}


def key_of(draw: partial[Any]) -> bytes:
    """All that a picture is drawn from, each part by itself: which objects they share in memory must not count."""
    parts = (draw.func, *draw.args, *draw.keywords, *draw.keywords.values())
    return pickle.dumps([pickle.dumps(part) for part in parts])


@dataclass(frozen=True)
class Kept:
    """What ``draw`` draws, once for all that it draws from, however often a page is run.

    To be written by Streamlit alone: its tables are Streamlit's own.
    """

    draw: partial[Any]

    def to_dict(self, validate: bool = True) -> Spec:
        """The specification with its tables; nobody may change what is in it."""
        place = place_of(key_of(self.draw))
        if not place:
            with debug_mode(validate):
                spec: Spec = self.draw().to_dict(validate=validate)
            tables = alt.data_transformers.options.get("datasets")
            if tables is None:  # written for somebody else, or by a Streamlit that keeps its tables elsewhere
                return spec
            place |= spec | {"datasets": spec.get("datasets", {}) | tables}
        return dict(place)
