"""Share what is on the page: every picture as PNG, SVG and HTML, the records as CSV, the experiment as TOML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from workbench import registry
from workbench.experiment import dumps, hash_of
from workbench.sharing import html, picture, tables

if TYPE_CHECKING:
    from workbench_ui.body import Picture, Result


FORMS: tuple[tuple[str, str, str], ...] = (
    ("PNG", "png", ":material/image:"),
    ("SVG", "svg", ":material/polyline:"),
    ("HTML", "html", ":material/play_circle:"),
)


@dataclass(frozen=True)
class Frame:
    """What stands around the pictures of one menu: words above, lines below, and the start of the files' names."""

    title: str
    finding: str
    lines: list[str]
    stem: str
    ending: str = ""  # of the files' names


def made(shown: Picture, frame: Frame, form: str, theme: str) -> bytes:
    """The file of a picture, made when somebody asks for it: it takes about a second."""
    title = f"{frame.title}: {shown.name}"
    spec = picture.framed(shown.chart(), title, frame.finding or shown.note, frame.lines, theme)
    if form == "html":
        return html.page(spec, title, theme)
    return picture.png(spec) if form == "png" else picture.svg(spec)


def picture_buttons(key: str, pictures: Sequence[Picture], frame: Frame) -> None:
    """The choice of a background, and for each picture a button for each form of file."""
    theme = st.segmented_control(
        "Pictures for", ["light", "dark"], default="light", key=f"{key}.share.theme", required=True,
        format_func=lambda name: f"{name} slides",
    )  # fmt: skip
    for shown in pictures:
        name = f"{frame.stem}-{re.sub(r'[^a-z0-9]+', '-', shown.name.lower())}{frame.ending}"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(shown.name)
            for label, form, icon in FORMS:
                st.download_button(
                    label,
                    partial(made, shown, frame, form, theme),
                    f"{name}.{form}",
                    key=f"{key}.{label}.{shown.name}",
                    on_click="ignore",
                    icon=icon,
                    help="plays in any browser, offline" if form == "html" else None,
                )


def share(page: str, result: Result, finding: str, pictures: list[Picture]) -> None:
    """The Share menu. Files are made when they are asked for."""
    known = registry.current()
    digest = hash_of(result.experiment, known)
    stem = re.sub(r"[^a-z0-9]+", "-", result.experiment.title.lower()).strip("-")[:60] or page
    lines = picture.footer(result.experiment, known, digest)
    with st.popover("Share", icon=":material/ios_share:"):
        picture_buttons(page, pictures, Frame(result.experiment.title, finding, lines, stem, f"-{digest}"))
        with st.container(horizontal=True):
            st.download_button(
                "Experiment (TOML)", dumps(result.experiment), f"{stem}-{digest}.toml", "application/toml",
                key=f"{page}.toml", on_click="ignore", icon=":material/description:",
            )  # fmt: skip
            st.download_button(
                "Records (CSV)", lambda: tables.zipped(result.records), f"{stem}-{digest}.zip", "application/zip",
                key=f"{page}.csv", on_click="ignore", icon=":material/table:",
            )  # fmt: skip
        st.caption(f"Experiment {digest}. The same file runs anywhere: `workbench run {stem}-{digest}.toml`")
