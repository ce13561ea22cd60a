"""The one bench of this app: started with the first visit, shared by all sessions."""

from __future__ import annotations

import streamlit as st

from workbench.runs import Bench


@st.cache_resource(show_spinner=False)
def open_bench() -> Bench:
    """Start the workers and let them warm up while the person reads the first page."""
    bench = Bench()
    bench.warm()
    return bench
