"""The body that all experiment pages share: compose at the side, run or stop, the finding, the pictures, the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st
from altair.utils.schemapi import debug_mode

from workbench.charts import play
from workbench.charts.layered import Layered
from workbench.charts.stack import Stack
from workbench.errors import WorkbenchError
from workbench.experiment import Experiment, dump, parse
from workbench.records import Records
from workbench.runs import Job, Lane, Status
from workbench.runs.job import plan
from workbench_ui import controls, state, viewport
from workbench_ui.bench import open_bench
from workbench_ui.compose import compose
from workbench_ui.kept import Kept
from workbench_ui.share import share

POLL = 1.0  # seconds between looks at running work


@dataclass
class Result:
    """What a page shows: the experiment as it was run, its jobs, and their records so far."""

    experiment: Experiment
    jobs: list[Job]
    records: Records
    statuses: dict[str, Status] = field(default_factory=dict)

    @property
    def order(self) -> list[str]:
        """The variants' names in order."""
        return [variant.name for variant in self.experiment.shown_variants]


@dataclass(frozen=True)
class Picture:
    """A view's charts, side by side where there is room, the sentence that says what to see in them, and
    what draws the one chart that stands for them in a file (by default the first of them)."""

    name: str
    charts: Sequence[alt.TopLevelMixin | Stack | Kept]
    note: str = ""
    file: Callable[[], alt.TopLevelMixin | Stack] | None = None

    def chart(self) -> Any:
        """What goes into a file."""
        return self.file() if self.file else self.charts[0]


View = Callable[[Result], list[Picture]]
Views = Mapping[str, View] | Callable[[Result], Mapping[str, View]]  # those of every experiment, or of this one


@dataclass(frozen=True)
class Action:
    """A button in a page's toolbar that makes another experiment of what is shown, and opens it on its page."""

    label: str
    icon: str
    help: str
    make: Callable[[Result], Experiment]


def experiment_page(
    page: str,
    *,
    default: str,
    sentence: str,
    finding: Callable[[Result], str],
    views: Views,
    table: Callable[[Result], tuple[pd.DataFrame, dict[str, Any]]],
    actions: Sequence[Action] = (),
) -> None:
    """Draw one experiment page. The first view is the main picture, the others are tabs computed when opened.

    ``actions`` are the ways from here to other pages.
    """
    plain = state.composed(page, default)
    refusal = refused(plain)  # before the widgets, which would mend it without a word
    with st.sidebar:
        try:
            made = compose(page, plain)
        except WorkbenchError as error:
            made, refusal = plain, str(error)
        viewport.measure()
    if refusal:
        refuse(page, plain, made, sentence, refusal)
        return
    state.keep(page, made)
    try:
        experiment = parse(made, "this experiment")
        jobs = plan(experiment, "this experiment")
    except WorkbenchError as error:
        header(page, made.get("title", ""), sentence)
        st.error(str(error), icon=":material/edit:")
        return
    light = all(job.lane is Lane.LIGHT for job in jobs)
    if light:
        toolbar = header(page, experiment.title, sentence)
        result = measured(experiment, jobs)
        with toolbar:
            offer(page, result, actions)
            open_menu(page)
            holder = st.container(width="content")
        present(page, result, finding, views, table, holder)
    else:
        trained(page, experiment, jobs, sentence, finding, views, table, actions)


def refused(plain: state.Plain) -> str:
    """Why an experiment cannot be run as it is written, or an empty text."""
    try:
        plan(parse(plain, "this experiment"), "this experiment")
    except WorkbenchError as error:
        return str(error)
    return ""


def refuse(page: str, plain: state.Plain, made: state.Plain, sentence: str, refusal: str) -> None:
    """Say what is wrong with an experiment, and offer what the panel makes of it."""
    with header(page, str(plain.get("title", "")), sentence):
        if f"{page}.undo" in st.session_state:
            st.button("Undo", icon=":material/undo:", on_click=state.undo, args=(page,), key=f"{page}.unrefuse")
        open_menu(page)
    st.error(refusal, icon=":material/edit:")
    if refused(made):
        st.caption("Choose something else in the panel at the side.")
    else:
        st.caption("The panel at the side shows the experiment without it.")
        st.button("Go on with what the panel shows", on_click=state.keep, args=(page, made), key=f"{page}.mend")


def header(page: str, title: str, sentence: str) -> Any:
    """Title, one sentence, and room for the buttons; returns that room."""
    st.title(title or "Untitled experiment", anchor=False)
    left, right = st.columns([4, 5], vertical_alignment="center")
    left.caption(sentence)
    if notice := st.session_state.pop(f"{page}.notice", ""):
        st.warning(notice)
    return right.container(horizontal=True, horizontal_alignment="right")


def measured(experiment: Experiment, jobs: list[Job]) -> Result:
    """Light work: done before the script ends."""
    bench = open_bench()
    if not bench.warmed:
        with st.spinner("Starting the bench: the first look takes a few seconds ..."):
            records = bench.measure(jobs)
    else:
        records = bench.measure(jobs)
    return Result(experiment, jobs, records)


def trained(
    page: str,
    experiment: Experiment,
    jobs: list[Job],
    sentence: str,
    finding: Callable[[Result], str],
    views: Views,
    table: Callable[[Result], tuple[pd.DataFrame, dict[str, Any]]],
    actions: Sequence[Action] = (),
) -> None:
    """Work for the queue: results appear as they come."""
    bench = open_bench()
    first = f"{page}.shown" not in st.session_state
    if st.session_state.pop(f"{page}.run", False):
        controls.run(page, experiment, jobs)
    elif first:  # what somebody has ended on purpose waits for a click
        controls.run(page, experiment, [job for job in jobs if bench.status(job).state in ("absent", "interrupted")])
    if all(bench.status(job).state != "absent" for job in jobs):  # run before, here or elsewhere: show it
        st.session_state[f"{page}.shown"] = dump(experiment)
    shown = parse(st.session_state[f"{page}.shown"], "this experiment")
    try:
        shown_jobs = jobs if dump(shown) == dump(experiment) else plan(shown)
    except WorkbenchError:  # a plugin of what was run is gone
        shown, shown_jobs = experiment, jobs
        st.session_state[f"{page}.shown"] = dump(experiment)
    statuses = {job.id: bench.status(job) for job in shown_jobs}
    live = any(status.live for status in statuses.values())
    generation = state.generation(page)

    @st.fragment(run_every=POLL if live else None)
    def body() -> None:
        now = {job.id: bench.status(job) for job in shown_jobs}
        result = Result(shown, shown_jobs, bench.records(shown_jobs), now)
        still = any(status.live for status in now.values())
        replaced = state.generation(page) != generation
        if still != live or replaced or st.session_state[f"{page}.shown"] != dump(shown):
            st.rerun()  # a click in here reruns only this fragment, which knows nothing of the new experiment
        toolbar = header(page, shown.title, sentence)
        with toolbar:
            controls.buttons(page, experiment, jobs, shown_jobs, now)
            controls.fork_menu(page, shown, shown_jobs, now)
            offer(page, result, actions)
            open_menu(page)
            holder = st.container(width="content")
        if shown_jobs is not jobs:
            st.info("The composition has changed: this is the result before the change. Press Run for the new one.")
        controls.progress(shown_jobs, now)
        present(page, result, finding, views, table, holder)

    body()


def present(
    page: str,
    result: Result,
    finding: Callable[[Result], str],
    views: Views,
    table: Callable[[Result], tuple[pd.DataFrame, dict[str, Any]]],
    holder: Any,
) -> None:
    """Show a result, and put what was drawn into the Share menu, which stands above it in ``holder``."""
    text = said(finding, result)
    pictures = show(page, result, text, views, table)
    with holder:
        share(page, result, text, pictures)


def said(finding: Callable[[Result], str], result: Result) -> str:
    """The finding, or why a plugin does not let there be one."""
    try:
        return finding(result)
    except WorkbenchError as error:
        return str(error)


def show(
    page: str,
    result: Result,
    text: str,
    views: Views,
    table: Callable[[Result], tuple[pd.DataFrame, dict[str, Any]]],
) -> list[Picture]:
    """The finding, the pictures, the failures, the table; returns the pictures that are drawn."""
    if text:
        st.markdown(f"**{text}**")
    failures(result)
    style()
    key = f"{page}.tabs"
    if callable(views):
        views = views(result)
        key += "." + ".".join(views)  # other tabs are another widget
    tabs = st.tabs(list(views), key=key, on_change="rerun")
    drawn: list[Picture] = []
    for tab, (name, view) in zip(tabs, views.items(), strict=True):
        if not tab.open:
            continue
        with tab:
            try:
                with debug_mode(False):  # no validation, see Unchecked
                    pictures = view(result)
            except WorkbenchError as error:
                st.error(str(error))
                continue
            for picture in pictures:
                draw(page, name, picture, text)
            if not pictures:
                st.info(nothing_to_draw(result))
            drawn += pictures
    rows, columns = table(result)
    if len(rows):
        st.dataframe(
            rows,
            column_config=columns,
            hide_index=True,
            height="content",
            placeholder="\N{EN DASH}",
            alt="One row a variant: how it ended and what it cost.",
        )
    if result.experiment.lesson:
        with st.expander("What to look at", icon=":material/school:", expanded=True):
            st.markdown(result.experiment.lesson)
    return drawn


def nothing_to_draw(result: Result) -> str:
    """Why there is no picture."""
    if any(status.live for status in result.statuses.values()):
        return "The first results are on their way."
    if len(result.records["summary"]):
        return "No run got far enough to have something to draw here."
    begun = any(status.resumable for status in result.statuses.values())
    return f"No records to draw yet: press {'Resume' if begun else 'Run'}."


def style() -> None:
    """How the controls of pictures that play look; once on a page."""
    st.html(f"<style>{play.STYLE}</style>")


def draw(page: str, view: str, picture: Picture, finding: str) -> None:
    """One picture: its charts in a row that breaks where the screen is narrow, and its note."""
    with st.grid(len(picture.charts), min_column_width=320) if len(picture.charts) > 1 else st.container():
        for number, chart in enumerate(picture.charts):
            # Streamlit draws a chart anew when its key changes, not when only the size of its panels does.
            key = f"{page}.{view}.{picture.name}.{number}.{viewport.width()}"
            drawn: Any = Unchecked(fitted(chart))
            st.altair_chart(drawn, width="stretch", key=key, alt=picture.note or finding)
    if picture.note:
        st.caption(picture.note)


class Unchecked:
    """A chart for Streamlit that is not validated against the schema, which takes longer than all else a page does.

    The tests draw every chart with validation.
    """

    def __init__(self, chart: Any) -> None:
        self.chart = chart

    def to_dict(self) -> dict[str, Any]:
        """All that Streamlit asks of a chart."""
        return play.clocked(self.chart.to_dict(validate=False))


def fitted(chart: Any) -> Any:
    """A single view takes the width of the page; its legends add to its height instead of eating into it."""
    if isinstance(chart, alt.Chart | alt.LayerChart):
        return chart.properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    if isinstance(chart, Layered):
        return Layered(chart.charts, **chart.more, autosize={"type": "fit-x", "contains": "padding"})
    return chart


def failures(result: Result) -> None:
    """Every distinct reason why runs failed, once."""
    summary = result.records["summary"]
    failed = summary[summary["outcome"] == "failed"]
    messages: dict[str, list[str]] = {}
    for row in failed.itertuples():
        messages.setdefault(str(row.message), []).append(str(row.variant))
    for job in result.jobs:
        status = result.statuses.get(job.id)
        if status and status.state == "failed" and status.message not in messages:
            messages.setdefault(status.message, []).append(job.run.variant)
    for message, names in messages.items():
        st.error(message, title=f"Failed: {', '.join(dict.fromkeys(names))}", icon=":material/error:")
    broken = [s.message for job in result.jobs if (s := result.statuses.get(job.id)) and s.state == "interrupted"]
    for message in dict.fromkeys(broken):
        st.warning(message, title="Interrupted", icon=":material/heart_broken:")


def offer(page: str, result: Result, actions: Sequence[Action]) -> None:
    """The buttons that lead to other pages; what cannot be made is said on this one."""
    for action in actions:
        if not st.button(action.label, icon=action.icon, help=action.help, key=f"{page}.action.{action.label}"):
            continue
        try:
            state.go(state.open_experiment(action.make(result)))
        except WorkbenchError as error:
            st.session_state[f"{page}.notice"] = str(error)
            st.rerun()


def open_menu(page: str) -> None:
    """Open a lesson or a file."""
    with st.popover("Open", icon=":material/folder_open:"):
        st.caption("Ready experiments")
        for name in state.lessons():
            if st.button(title_of(name), key=f"{page}.open.{name}", type="tertiary"):
                state.go(state.open_experiment(state.lesson(name)))
        file = st.file_uploader("An experiment (TOML)", type=["toml"], key=f"{page}.file.{state.generation(page)}")
        if file is not None:
            try:
                state.go(state.open_file(file.name, file.getvalue()))
            except WorkbenchError as error:
                st.error(str(error))


@st.cache_data(max_entries=100, ttl=60)
def title_of(lesson: str) -> str:
    """A ready experiment's title."""
    return state.lesson(lesson).title or lesson
