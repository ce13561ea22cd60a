"""What is done with runs that are selected: each button stands for a sentence, and is grey where it makes none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import streamlit as st

from workbench.errors import WorkbenchError
from workbench.runs import again, shelf, store
from workbench.runs.shelf import Entry
from workbench.words import amount
from workbench.words import runs as counted
from workbench_ui import state
from workbench_ui.bench import open_bench
from workbench_ui.controls import session

Renew = Callable[[], None]


def buttons(selected: Sequence[Entry], renew: Renew) -> None:
    """The row of buttons over the list."""
    ids = [entry.id for entry in selected]
    live = [entry.id for entry in selected if entry.status.live]
    left = [entry.id for entry in selected if entry.status.resumable]
    ended = [entry.id for entry in selected if entry.status.ended]
    actions = (
        ("pause", "Pause", ":material/pause:", live, pause, "Frees the workers; Resume goes on at the same step."),
        ("stop", "Stop", ":material/stop:", live, stop, "What was recorded is kept."),
        ("resume", "Resume", ":material/play_arrow:", left, resume, "Goes on where it was."),
        ("again", "Run again", ":material/replay:", ended, repeat, "The records are kept until the new are complete."),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        tip = "Draws them below, whatever experiments they belong to."
        st.button("Compare", icon=":material/compare:", key="runs.compare", type="primary", disabled=not ids,
                  on_click=compare, args=(ids,), help=tip)  # fmt: skip
        tip = "On the page of its kind; select one."
        if st.button("Open", icon=":material/open_in_new:", key="runs.open", disabled=len(ids) != 1, help=tip):
            open_run(ids[0])
        for name, label, icon, able, act, tip in actions:
            st.button(
                label, icon=icon, key=f"runs.{name}", disabled=not able, on_click=each, args=(able, act), help=tip
            )
        tip = "Stop them first." if live else "Can be undone."
        st.button("Delete", icon=":material/delete:", key="runs.delete", disabled=not ids or bool(live),
                  on_click=delete, args=(ids, renew), help=tip)  # fmt: skip
        st.caption(f"{counted(len(ids))} selected" if ids else "Select rows to compare, stop, resume or delete them.")
    if notice := st.session_state.pop("runs.notice", ""):
        st.warning(notice)


def each(ids: Iterable[str], act: Callable[[str], None]) -> None:
    """Do something with several runs, and say once what does not work with some of them."""
    refused = []
    for run_id in ids:
        try:
            act(run_id)
        except WorkbenchError as error:
            refused.append(str(error))
    st.session_state["runs.notice"] = "\n\n".join(dict.fromkeys(refused))


def stop(run_id: str) -> None:
    """End a run, whichever process works on it."""
    shelf.ask(run_id, "stopped")


def pause(run_id: str) -> None:
    """Interrupt a run that is meant to go on."""
    shelf.ask(run_id, "paused")


def resume(run_id: str) -> None:
    """Queue a run where it was."""
    open_bench().submit([again.job_of(run_id)], session())


def repeat(run_id: str) -> None:
    """Queue a finished run once more."""
    open_bench().submit([again.job_of(run_id)], session(), again=True)


def compare(ids: list[str]) -> None:
    """Draw these below."""
    st.session_state["runs.compared"] = ids


def open_run(run_id: str) -> None:
    """Go to the page of a run's kind, with its experiment; what is not finished waits there for a click."""
    try:
        page = state.open_experiment(again.experiment_of(run_id))
    except WorkbenchError as error:
        st.error(str(error))
        return
    st.session_state.pop(f"{page}.run", None)
    state.go(page)


def delete(ids: list[str], renew: Renew) -> None:
    """Put runs into the bin, from which Undo takes them."""
    each(ids, shelf.delete)
    gone = set(shelf.deleted())
    st.session_state["runs.deleted"] = [run_id for run_id in ids if run_id in gone]
    renew()


def undo_bar() -> None:
    """After Delete: have it back, or give its room free."""
    ids = [run_id for run_id in st.session_state.get("runs.deleted", []) if run_id in set(shelf.deleted())]
    if not ids:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"Deleted {counted(len(ids))} ({amount(taken(ids))}).", width="content")
        st.button("Undo", icon=":material/undo:", key="runs.undo", on_click=undo, args=(ids,))
        st.button("Delete for good", icon=":material/delete_forever:", key="runs.forget", on_click=forget, args=(ids,),
                  help="They would stay in the bin for a week.")  # fmt: skip


def taken(ids: Iterable[str]) -> int:
    """The bytes of deleted runs; another session may remove them meanwhile."""
    total = 0
    for run_id in ids:
        with suppress(OSError):
            total += store.size(shelf.bin_folder() / run_id)
    return total


def bin_menu() -> None:
    """What was deleted at other times."""
    ids = shelf.deleted()
    if not ids or st.session_state.get("runs.deleted"):
        return
    with st.popover(f"Bin ({len(ids)})", icon=":material/delete:"):
        st.caption(
            f"{counted(len(ids), 'deleted')} ({amount(taken(ids))}); each is gone for good a week after it was deleted."
        )
        with st.container(horizontal=True):
            st.button("Restore all", icon=":material/undo:", key="runs.restore", on_click=undo, args=(ids,))
            st.button(
                "Delete for good", icon=":material/delete_forever:", key="runs.empty", on_click=forget, args=(ids,)
            )


def undo(ids: Iterable[str]) -> None:
    """Take runs out of the bin."""
    kept = [run_id for run_id in ids if not shelf.restore(run_id)]
    st.session_state["runs.deleted"] = []
    if kept:
        st.session_state["runs.notice"] = f"{counted(len(kept))} of the same name were run meanwhile: those stay."


def forget(ids: Iterable[str]) -> None:
    """Remove them from the disk."""
    for run_id in ids:
        shelf.forget(run_id)
    st.session_state["runs.deleted"] = []
