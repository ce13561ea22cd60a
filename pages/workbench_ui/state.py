"""The experiment that is being composed on a page: plain data in the session, with one step of undo.

Widgets are keyed by a generation number, so that replacing the experiment gives new widgets with its
values, while editing keeps them.
"""

from __future__ import annotations

import copy
from typing import Any

import streamlit as st

from workbench import house, registry
from workbench.errors import WorkbenchError
from workbench.experiment import Experiment, dump, loads, read, resolve

Plain = dict[str, Any]


def lesson(name: str) -> Experiment:
    """A ready experiment from ``lessons/``."""
    return read(house.folder("lessons") / f"{name}.toml")


def lessons() -> list[str]:
    """The names of all ready experiments."""
    return sorted(path.stem for path in house.folder("lessons").glob("*.toml"))


def composed(page: str, default: str) -> Plain:
    """The experiment of this page; at the first visit the page's ready one."""
    key = f"{page}.plain"
    if key not in st.session_state:
        st.session_state[key] = dump(lesson(default))
    plain: Plain = st.session_state[key]
    return plain


def generation(page: str) -> int:
    """Counts how often the experiment was replaced as a whole."""
    number: int = st.session_state.setdefault(f"{page}.generation", 0)
    return number


def keep(page: str, plain: Plain) -> None:
    """Store what the widgets say."""
    st.session_state[f"{page}.plain"] = plain


def replace(page: str, plain: Plain) -> None:
    """Put another experiment in place of this one; ``undo`` brings it back."""
    key = f"{page}.plain"
    if key in st.session_state:
        st.session_state[f"{page}.undo"] = copy.deepcopy(st.session_state[key])
    st.session_state[key] = plain
    st.session_state[f"{page}.generation"] = generation(page) + 1


def undo(page: str) -> None:
    """Bring back what the last replacement put away."""
    if (before := st.session_state.pop(f"{page}.undo", None)) is not None:
        replace(page, before)


def page_for(kind: str) -> str:
    """The page that composes this kind of experiment."""
    return {"descent": "surfaces", "sweep": "rates", "tune": "tuning"}.get(kind, kind)


def open_experiment(experiment: Experiment) -> str:
    """Lay an experiment on the page that composes its kind, ready to run; returns the page's name.

    ``ExperimentError`` says what is wrong with one that cannot be run; then nothing is replaced.
    """
    resolve(experiment, registry.current(), experiment.title or "this experiment")
    page = page_for(experiment.kind)
    replace(page, dump(experiment))
    st.session_state[f"{page}.run"] = True
    return page


def go(page: str) -> None:
    """Switch to a page by its name in the registry.

    Without ``query_params`` Streamlit refuses where settings are bound to the address: it would have to clear them.
    """
    st.switch_page(st.Page(registry.current().get("page", page).factory, url_path=page), query_params={})


def open_file(name: str, content: bytes) -> str:
    """Read a dropped TOML file and open it; ``WorkbenchError`` says what is wrong with it."""
    try:
        return open_experiment(loads(content.decode("utf-8"), name))
    except UnicodeDecodeError:
        raise WorkbenchError(f"{name}: not a text file; drop an experiment as TOML") from None
