"""Share what is on the page: every picture as PNG and SVG, the records as CSV, the experiment as TOML."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from workbench import registry
from workbench.experiment import dumps, hash_of
from workbench.sharing import picture, tables

if TYPE_CHECKING:
    from workbench_ui.body import Picture, Result


FORMS: tuple[tuple[str, Callable[[dict[str, Any]], bytes], str], ...] = (
    ("PNG", picture.png, ":material/image:"),
    ("SVG", picture.svg, ":material/polyline:"),
)


def framed(shown: Picture, *arguments: Any) -> dict[str, Any]:
    """The specification of a picture's file."""
    return picture.framed(shown.chart(), *arguments)


def drawn(draw: Callable[[dict[str, Any]], bytes], spec: Callable[[], dict[str, Any]]) -> bytes:
    """Draw a picture when somebody asks for the file: it takes about a second."""
    return draw(spec())


def share(page: str, result: Result, finding: str, pictures: list[Picture]) -> None:
    """The Share menu. Files are made when they are asked for."""
    known = registry.current()
    digest = hash_of(result.experiment, known)
    stem = re.sub(r"[^a-z0-9]+", "-", result.experiment.title.lower()).strip("-")[:60] or page
    lines = picture.footer(result.experiment, known, digest)
    with st.popover("Share", icon=":material/ios_share:"):
        theme = st.segmented_control(
            "Pictures for", ["light", "dark"], default="light", key=f"{page}.share.theme", required=True,
            format_func=lambda name: f"{name} slides",
        )  # fmt: skip
        for shown in pictures:
            title = f"{result.experiment.title}: {shown.name}"
            spec = partial(framed, shown, title, finding, lines, theme)
            name = f"{stem}-{re.sub(r'[^a-z0-9]+', '-', shown.name.lower())}-{digest}"
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(shown.name)
                for label, draw, icon in FORMS:
                    st.download_button(
                        label,
                        partial(drawn, draw, spec),
                        f"{name}.{label.lower()}",
                        key=f"{page}.{label}.{shown.name}",
                        on_click="ignore",
                        icon=icon,
                    )
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
