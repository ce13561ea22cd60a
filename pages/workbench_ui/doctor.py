"""The doctor's tab: what is wrong with each variant, what may help with one click, and what it did."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from workbench import registry
from workbench.charts.before_after import before_after, before_after_said, telling
from workbench.charts.style import colors_of
from workbench.diagnosis import Case, Cure
from workbench.errors import WorkbenchError
from workbench.experiment import dump, parse
from workbench.registry import Registry
from workbench.training import doctor as surgery
from workbench.training.doctor import Answers, Complaint, Progress, Report, Treatment
from workbench_ui import state, viewport
from workbench_ui.body import Picture, Result
from workbench_ui.compose_variant import dot
from workbench_ui.kept import Kept

MOST = 6  # cures of one complaint that are offered
BESIDE = 4  # variants in the picture of the evidence
LINES = "Thin: training batches; thick: test split. Dashed: at the first look; solid: at the last."


def doctor(result: Result) -> list[Picture]:
    """Say what is wrong, offer cures, and draw before and after of one that has been tried."""
    known = registry.current()
    report = look(result, known)
    tried = surgery.treatments(report, [job.run for job in result.jobs], known)
    for message in report.broken:
        st.error(message, title="A rule failed", icon=":material/healing:")
    for variant in result.order:
        for complaint in report.of(variant):
            card(result, complaint, [treatment for treatment in tried if treatment.complaint is complaint], known)
    if clear := report.all_clear():
        st.success(clear, icon=":material/check_circle:")
    for sentence in report.not_seen():
        st.info(sentence, icon=":material/visibility_off:")
    return compared(result, report, tried)


def look(result: Result, known: Registry) -> Report:
    """Ask the rules about every run that has records; what was said of a finished one is remembered."""
    ids = {(job.run.variant, job.run.seed): job.id for job in result.jobs}
    progress = {}
    for job in result.jobs:
        if status := result.statuses.get(job.id):
            progress[job.run.variant, job.run.seed] = Progress(status.done, status.live)
    rules = sorted({known.owner("rule", name).identity for name in known.names("rule")})
    patients = surgery.cases([job.run for job in result.jobs], result.records, progress)
    answers = [
        remembered((*rules, ids[case.variant, case.seed], len(case.curve), len(case.layers)), case, known)
        if case.outcome
        else surgery.consult(case, known)
        for case in patients
    ]
    return surgery.sum_up(patients, answers, known)


@st.cache_resource(max_entries=1000, show_spinner=False)
def remembered(key: tuple[Any, ...], _case: Case, _known: Registry) -> Answers:
    """What the rules said of a finished run."""
    return surgery.consult(_case, _known)


def card(result: Result, complaint: Complaint, tried: Sequence[Treatment], known: Registry) -> None:
    """One complaint: its name, its evidence, and a button for every cure that fits."""
    order = result.order
    color = colors_of(len(order))[order.index(complaint.variant)]
    rule = complaint.rule
    with st.container(border=True):
        scope = f"  :small[:gray[in {complaint.scope}]]" if complaint.scope else ""
        why = " ".join(filter(None, (rule.summary, rule.reference)))
        st.markdown(f"{dot(color)} {complaint.variant}: **{rule.title}**{scope}", help=why)
        st.markdown(complaint.evidence.replace("$", r"\$"))
        own = [job for job in result.jobs if job.run.variant == complaint.variant]
        cures = [cure for cure in complaint.cures if surgery.possible(own[0].run, cure, known)][:MOST]
        if not cures:
            return
        step = branching(result, complaint.variant)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("May help:", width="content")
            for number, cure in enumerate(cures):
                buttons(
                    result, complaint, number, cure, step, [treatment for treatment in tried if treatment.cure == cure]
                )


def branching(result: Result, variant: str) -> int:
    """The step at which a branch of a running variant can begin now; 0 when it does not run, or has just begun."""
    own = [status for job in result.jobs if job.run.variant == variant and (status := result.statuses.get(job.id))]
    if not any(status.live for status in own) or len(own) < len(result.experiment.seeds):
        return 0
    least = min(status.done for status in own)
    begins = [job.run.fork.step for job in result.jobs if job.run.variant == variant and job.run.fork]
    return least if least > max(begins, default=0) else 0


def buttons(
    result: Result, complaint: Complaint, number: int, cure: Cure, step: int, tried: Sequence[Treatment]
) -> None:
    """From the start, and from the present step of a running variant; what has been tried says so."""
    page = state.page_for(result.experiment.kind)
    key = f"{page}.doctor.{complaint.variant}.{complaint.rule.name}.{number}"
    done = next((treatment for treatment in tried if treatment.step == 0), None)
    tip = f"Tried: {done.after}." if done else "Adds a variant with this change, and runs it. Undo takes it back."
    icon = ":material/check:" if done else ":material/add:"
    args: tuple[Any, ...] = (page, complaint.variant, cure)
    st.button(
        surgery.short(cure), icon=icon, key=key, disabled=done is not None, on_click=try_cure, args=args, help=tip
    )
    if step and cure.fork and not any(treatment.step for treatment in tried):
        tip = f"A branch of the running {complaint.variant}: equal to it up to step {step}, then with this change."
        st.button(
            f"{surgery.short(cure)} from step {step}", icon=":material/fork_right:", key=f"{key}.fork",
            on_click=try_cure, args=(*args, step), help=tip,
        )  # fmt: skip


def try_cure(page: str, variant: str, cure: Cure, step: int = 0) -> None:
    """Add the cure to the composition as a variant, and run it."""
    try:
        experiment = parse(st.session_state[f"{page}.plain"])
        made = surgery.prescribe(experiment, variant, cure, registry.current(), step)
    except WorkbenchError as error:
        st.session_state[f"{page}.notice"] = str(error)
        return
    state.replace(page, dump(made))
    st.session_state[f"{page}.run"] = True


def compared(result: Result, report: Report, tried: Sequence[Treatment]) -> list[Picture]:
    """What the cures did, a sentence each, and one picture of the chosen one; where none was tried, the evidence."""
    curve, layers = result.records["curve"], result.records["layers"]
    if curve.empty:
        return []
    if not tried:
        return [shown_evidence(result, report)]
    statistics = [
        telling(treatment.complaint.statistic, of(layers, treatment.before, treatment.after)) for treatment in tried
    ]
    said = [
        before_after_said(result.records, treatment.before, treatment.after, statistic, surgery.short(treatment.cure))
        for treatment, statistic in zip(tried, statistics, strict=True)
    ]
    st.subheader("Before and after", anchor=False)
    for text in dict.fromkeys(said):
        st.markdown(f"- {text}")
    there = set(curve["variant"])
    choices = [number for number, treatment in enumerate(tried) if treatment.after in there]
    if not choices:
        return [shown_evidence(result, report)]
    chosen = choices[-1]
    if len(choices) > 1:
        chosen = st.selectbox(
            "before and after",
            choices,
            len(choices) - 1,
            key=f"{state.page_for(result.experiment.kind)}.doctor.which.{len(choices)}",
            label_visibility="collapsed",
            format_func=lambda number: f"{tried[number].before} → {tried[number].after}",
        )
    treatment = tried[chosen]
    draw = partial(
        before_after, curve, layers, [treatment.before, treatment.after], statistics[chosen], names=result.order
    )
    return [Picture("before and after", [Kept(partial(draw, room=viewport.width()))], f"{said[chosen]} {LINES}", draw)]


def shown_evidence(result: Result, report: Report) -> Picture:
    """What the first complaint is about, beside variants without one; without a complaint, the signal's gradient."""
    curve, layers = result.records["curve"], result.records["layers"]
    there = set(curve["variant"])
    first = report.complaints[0] if report.complaints else None
    shown = [first.variant] if first else []
    shown += [name for name in (*report.healthy, *report.unseen) if name in there][: BESIDE - len(shown)]
    statistic = telling(first.statistic if first else "", of(layers, *shown))
    draw = partial(before_after, curve, layers, shown, statistic, names=result.order)
    nothing = "Nothing found." if report.healthy else " ".join(report.not_seen())
    note = f"{first.variant}: {first.rule.title.lower()}. {first.evidence}" if first else nothing
    return Picture("evidence", [Kept(partial(draw, room=viewport.width()))], f"{note} {LINES}", draw)


def of(layers: pd.DataFrame, *variants: str) -> pd.DataFrame:
    """The rows of some variants."""
    return layers[layers["variant"].isin(variants)]
