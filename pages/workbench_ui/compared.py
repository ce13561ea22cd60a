"""Runs of any experiments side by side, under names that tell them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from workbench import __version__
from workbench.charts import curves as lines
from workbench.charts import descent
from workbench.charts.training import Axis
from workbench.errors import WorkbenchError
from workbench.records import Records
from workbench.runs import comparison, store
from workbench.runs.shelf import Entry
from workbench.sharing import tables
from workbench.words import listed
from workbench.words import runs as counted
from workbench_ui import viewport
from workbench_ui.body import POLL, Picture, draw, style
from workbench_ui.share import Frame, picture_buttons

TABLES = ("summary", "curve", "path")


def compared(ids: Sequence[str]) -> None:
    """The runs that were chosen for a comparison; looked at again and again only while one of them goes on."""
    st.fragment(pictures_of, run_every=POLL if any(entry.status.live for entry in there(ids)) else None)(ids)


def there(ids: Sequence[str]) -> list[Entry]:
    """Those that have not been deleted."""
    entries = [Entry(run_id, store.read_status(run_id)) for run_id in ids]
    return [entry for entry in entries if entry.status.state != "absent"]


def pictures_of(ids: Sequence[str]) -> None:
    """Pictures and a table of several runs."""
    chosen = there(ids) if st.session_state.get("runs.compared") else []
    if not chosen:
        return
    named = comparison.names(chosen)
    records = comparison.records(chosen, named, TABLES)
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"{counted(len(chosen))} compared", anchor=False)
        holder = st.container(horizontal=True, width="content")
        st.button("Close", icon=":material/close:", key="runs.close", on_click=close)
    found = comparison.groups(chosen)
    if "networks" in found and "descents" in found:
        st.caption("Networks and descents have no axis in common: each is drawn on its own.")
    pictures: list[Picture] = []
    if "networks" in found:
        pictures += curves(records, [named[entry.id] for entry in found["networks"]])
    if "descents" in found:
        pictures += values(records, found["descents"], named)
    if "sweeps" in found:
        names = listed(named[entry.id] for entry in found["sweeps"])
        st.info(f"Sweeps are drawn on their own page: select one alone and press Open ({names}).")
    style()
    for picture in pictures:
        draw("runs", "compared", picture, picture.name)
    if not pictures and set(found) != {"sweeps"}:
        st.info("None of them has recorded anything to draw yet.")
    st.dataframe(
        summary(chosen, named), hide_index=True, height="content", alt="One row a run: how it ended, and how well.",
        column_config={
            "best": st.column_config.NumberColumn("best test accuracy", format="%.4f"),
            "final": st.column_config.NumberColumn("final test accuracy", format="%.4f"),
            "loss": st.column_config.NumberColumn("final training loss", format="%.4g"),
            "value": st.column_config.NumberColumn("final value", format="%.4g"),
            "time": st.column_config.NumberColumn("time (s)", format="%.1f"),
        },
    )  # fmt: skip
    with holder:
        share(chosen, records, pictures)


def close() -> None:
    """Show the list alone."""
    st.session_state["runs.compared"] = []


def curves(records: Records, names: list[str]) -> list[Picture]:
    """Loss and accuracy of networks."""
    curve = records["curve"]
    names = [name for name in names if name in set(curve["variant"])]
    if not names:
        return []
    with st.container(horizontal=True):
        axes: tuple[Axis, ...] = ("epoch", "step")
        by = st.segmented_control("x axis", axes, default="epoch", key="runs.by", required=True)
        log = st.toggle("log loss", value=True, key="runs.log")
    metrics: tuple[lines.Metric, ...] = ("loss", "accuracy") if lines.judged(curve) else ("loss",)
    panels = [lines.panel(curve, metric, by, 0.0, log and metric == "loss", names=names) for metric in metrics]
    note = "Thin: training batches. Thick: test split. A cross marks where a run diverged."
    return [Picture("loss and accuracy", panels, note, partial(lines.curves, curve, by, 0.0, log, names=names))]


def values(records: Records, entries: Sequence[Entry], named: Mapping[str, str]) -> list[Picture]:
    """Height by step of descents, each above the lowest point of its own surface."""
    path, ends = records["path"], records["summary"]
    there = [entry for entry in entries if named[entry.id] in set(path["variant"])]
    names = [named[entry.id] for entry in there]
    if not names:
        return []
    try:
        heights = np.array(comparison.heights(path, there, named))
    except WorkbenchError as error:
        st.warning(f"The descents cannot be drawn: {error}")
        return []
    ends = ends[ends["variant"].isin(names)]
    label = "value above the lowest"
    chart = partial(descent.by_step, path, ends, heights, label, None, "")
    note = "How far above the lowest value of its own surface each descent is, on a log axis."
    return [Picture("value by step", [chart(narrow=viewport.narrow())], note, chart)]


def summary(entries: Sequence[Entry], named: Mapping[str, str]) -> pd.DataFrame:
    """How each run ended, from its status; columns in which nobody has a value are left out."""
    rows: list[dict[str, Any]] = [
        {
            "run": named[entry.id],
            "outcome": entry.status.outcome or entry.status.state,
            "steps": entry.status.done,
            "best": entry.status.summary.get("best_accuracy"),
            "final": entry.status.summary.get("final_accuracy"),
            "loss": entry.status.summary.get("final_loss"),
            "value": entry.status.summary.get("value"),
            "time": entry.status.seconds,
            "task": entry.status.task,
            "experiment": entry.status.title,
            "message": entry.status.message or None,
        }
        for entry in entries
    ]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def share(entries: Sequence[Entry], records: Records, pictures: Sequence[Picture]) -> None:
    """The pictures as files, and the records; each is made when it is asked for."""
    with st.popover("Share", icon=":material/ios_share:"):
        ids = ", ".join(entry.id[:8] for entry in entries[:12]) + (" ..." if len(entries) > 12 else "")
        lines = [f"{counted(len(entries))}: {ids}", f"Gradient Workbench {__version__}"]
        picture_buttons("runs", pictures, Frame(counted(len(entries)), "", lines, "runs"))
        st.download_button(
            "Records (CSV)", lambda: tables.zipped(records), "runs.zip", "application/zip", key="runs.csv",
            on_click="ignore", icon=":material/table:",
        )  # fmt: skip
