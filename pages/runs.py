"""Runs: what runs, waits and ran, of every experiment; compare, stop, resume, delete."""

import pandas as pd
import streamlit as st

from workbench.experiment import BASES
from workbench.runs import overview, shelf
from workbench.runs.shelf import Entry
from workbench.words import runs as counted
from workbench_ui import state, viewport
from workbench_ui.compared import compared
from workbench_ui.run_actions import bin_menu, buttons, undo_bar

POLL = 1.0  # seconds between looks while something waits or works
SHOWN = 500  # rows that a browser draws at once
KINDS = list(BASES)


def filters(entries: list[Entry]) -> list[Entry]:
    """The entries that match what was typed and chosen."""
    left, middle, right = st.columns([2, 2, 1])
    text = left.text_input(
        "Search", key="runs.text", type="search", live=True, on_change=renew,
        placeholder="title, variant, task or id", icon=":material/search:",
    )  # fmt: skip
    states = middle.multiselect(
        "State", overview.STATES, format_func=spoken, key="runs.states", on_change=renew, placeholder="any"
    )
    kinds = right.multiselect("Kind", KINDS, key="runs.kinds", on_change=renew, placeholder="any")
    return overview.matching(entries, text or "", states, kinds)


def spoken(name: str) -> str:
    """A state as this page calls it."""
    return overview.SPOKEN.get(name, name)


def renew() -> None:
    """Begin a new table, with nothing selected: rows are about to move."""
    st.session_state["runs.generation"] += 1
    st.session_state["runs.rows"] = None


def table(found: list[Entry]) -> list[Entry]:
    """The list, the newest first; returns what is selected. Rows hold still while any is."""
    key = f"runs.table.{st.session_state['runs.generation']}"
    chosen = st.session_state.get(key, {}).get("selection", {}).get("rows", [])
    by_id = {entry.id: entry for entry in found}
    held = st.session_state.get("runs.rows")
    if chosen and held and all(run_id in by_id for run_id in held):
        rows = [by_id[run_id] for run_id in held]
    else:
        if chosen:  # a selected row may be another by now
            renew()
            key, chosen = f"runs.table.{st.session_state['runs.generation']}", []
        rows = found[:SHOWN]
        st.session_state["runs.rows"] = [entry.id for entry in rows]
    column = st.column_config
    st.dataframe(
        pd.DataFrame([row(entry) for entry in rows]),
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        hide_index=True,
        placeholder="",
        column_config={
            "progress": column.ProgressColumn(format="%.0f %%", min_value=0.0, max_value=100.0),
            "best": column.NumberColumn("best test accuracy", format="%.4f"),
            "value": column.NumberColumn("final value", format="%.4g", help="of the surface, where a descent ended"),
            "started": column.DatetimeColumn(format="distance"),
            "time": column.NumberColumn("time (s)", format="%.1f"),
            "size": column.NumberColumn(format="bytes"),
            "message": column.TextColumn(width="large"),
        },
        alt="One row a run: how it stands, what it is about, how far and how good it is, what it costs.",
    )
    if len(found) > len(rows):
        st.caption(f"{counted(len(found) - len(rows), 'more')} match: search for something narrower to see them.")
    return [rows[number] for number in chosen if number < len(rows)]


def row(entry: Entry) -> dict[str, object]:
    """One run in the table."""
    status = entry.status
    return {
        "state": overview.told(status),
        "progress": 100 * status.done / status.total if status.total else None,
        "experiment": status.title,
        "variant": status.variant,
        "seed": status.seed,
        "best": status.summary.get("best_accuracy"),
        "value": status.summary.get("value") if status.kind == "descent" else None,
        "started": pd.Timestamp(status.started, unit="s", tz="UTC") if status.started else None,
        "time": status.seconds or None,
        "kind": status.kind,
        "task": status.task,
        "size": status.size or None,
        "message": status.message,
        "id": entry.id,
    }


def empty() -> None:
    """Nothing is there yet."""
    st.info("No run yet: trainings are listed here as soon as they are queued, and whatever the command line runs.")
    if st.button("Choose an experiment", icon=":material/home:", type="primary", key="runs.home"):
        state.go("home")


st.title("Runs", anchor=False)
st.caption("What runs, waits and ran, of every experiment. What a page computes as a slider moves is not listed.")
st.session_state.setdefault("runs.generation", 0)
looked = [shelf.entries()]
live = any(entry.status.live for entry in looked[0])


@st.fragment(run_every=POLL if live else None)
def body() -> None:
    """All that changes while runs go on."""
    entries = looked.pop() if looked else shelf.entries()  # the first time it has just been done
    if any(entry.status.live for entry in entries) != live or st.session_state.get("runs.compared", []) != drawn:
        st.rerun()  # a click in here reruns only this fragment
    undo_bar()
    if not entries:
        empty()
        bin_menu()
        return
    st.markdown(f"**{overview.sentence(entries)}**")
    found = filters(entries)
    room = st.container()
    selected = table(found) if found else []
    if not found:
        st.info("No run matches.")
    with room:
        buttons(selected, renew)
    bin_menu()


drawn = st.session_state.get("runs.compared", [])
body()
compared(drawn)
viewport.measure()
