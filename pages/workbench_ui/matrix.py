"""The matrix tab: an experiment's factors as small multiples, as a table and as effects with their verdicts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import pandas as pd
import streamlit as st

from workbench import registry
from workbench.charts import effects as charts
from workbench.training.findings.effects import effects_by, interactions, main_effects, pairs, simple_effects
from workbench.training.findings.effects_finding import effects_finding
from workbench.training.findings.factors import Design, Factor
from workbench.training.findings.matrix import Matrix
from workbench.training.findings.matrix import matrix as matrix_of
from workbench.training.findings.scores import Scores
from workbench_ui import viewport
from workbench_ui.body import Picture, Result
from workbench_ui.kept import Kept

ALL_PAIRS = 15  # variants up to which all pairs are listed
ALL = "all others"
COLORS = 10  # lines in one cell that colours tell apart
HOW = (
    "Paired over seeds: every variant of one seed starts from the same weights and sees the same batches. Intervals "
    "are Student's, 95 %, each for itself; verdicts are adjusted for the number of comparisons (Holm), and “likely” "
    "means: it would hold if this were the only comparison."
)


def has_matrix(result: Result) -> bool:
    """Whether there is anything to cross: more than one variant."""
    return len(result.order) > 1


def matrix(result: Result) -> list[Picture]:
    """Draw the tab: the design, the finding, and one of four views; returns the view's picture."""
    records = result.records
    if not len(records["summary"]) and not len(records["curve"]):
        return []
    found = matrix_of(result.experiment, registry.current(), records["summary"], records["curve"])
    if not found.design.factors:
        st.info("The variants differ in nothing, so there is nothing to cross. “Vary a thing” makes a matrix.")
        return []
    st.caption(found.design.describe())
    st.markdown(effects_finding(found))
    views: dict[str, Callable[[Result, Matrix], list[Picture]]] = {
        "Curves": curves, "Table": table, "Effects": effects, "Pairs": variant_pairs,
    }  # fmt: skip
    name = st.segmented_control("show", list(views), default="Curves", key="matrix.view", required=True)
    return views[name](result, found)


def curves(result: Result, found: Matrix) -> list[Picture]:
    """Small multiples: two factors across and down, the others as colours or averaged."""
    curve, design = result.records["curve"], found.design
    if not len(curve):
        return []
    metric: Literal["accuracy", "loss"] = "accuracy" if found.scores.metric.share else "loss"
    row, column, others = arrangement(design)
    lines = lines_of(design, others)
    how = "averaged"
    if others and len(lines) <= COLORS:
        how = st.segmented_control(
            f"{' x '.join(factor.title for factor in others)}", ("as colours", "averaged"), default="as colours",
            key="matrix.others", required=True,
        )  # fmt: skip
    coloured = bool(others) and how == "as colours"
    rows = list(row.levels) if row else [""]
    columns = list(column.levels)
    places = places_of(design, row, column, others if coloured else [])
    best, reference = best_of(found.scores), reference_of(design)
    summary = result.records["summary"]
    gone = summary[summary["outcome"] == "diverged"]
    lost = list(zip(gone["variant"], gone["seed"], strict=True))
    least, header = 90, charts.HEADER + 100 if row else 84
    size, wrap = viewport.panels(least, len(columns) if row else min(4, len(columns)), axis=header)
    if row:  # a grid cannot wrap: its panels share the width there is
        size = min(260, (viewport.width() - header) // len(columns) - 12)
    titles = (row.title if row else "", column.title)
    if row and size < least:  # no room for a grid: one panel after the other, each with its row in its title
        places = places.assign(column=places["row"] + ", " + places["column"], row="")
        rows, columns, titles = [""], list(dict.fromkeys(places["column"])), ("", f"{row.title} x {column.title}")
        size, wrap = viewport.panels(130)
    draw = partial(
        charts.small_multiples, curve, places, rows, columns, metric=metric, lines=lines if coloured else (),
        titles=(*titles, " x ".join(factor.title for factor in others)),
        finals=found.scores.table.mean().dropna().to_dict(), diverged=lost,
        best=best, reference=reference, log=metric == "loss",
    )  # fmt: skip
    note = f"The test split by epoch. Dashed in every panel: {reference or 'nothing'}. Star: the best cell"
    note += f" ({best})." if best else "."
    if lost:
        note += " Cross: a run diverged there; the line goes on with those that are left, the number counts all."
    if others:
        named = " and ".join(factor.title for factor in others)
        note += f" Colours: {named}." if coloured else f" Averaged over {named}."
    return [Picture("matrix", [Kept(partial(draw, size=size, wrap=wrap))], note, partial(draw, size=170, wrap=4))]


def arrangement(design: Design) -> tuple[Factor | None, Factor, list[Factor]]:
    """Which factor goes down, which across, and the others, as the person chooses."""
    names = [factor.name for factor in design.factors]
    titles = {factor.name: factor.title for factor in design.factors}
    if len(names) == 1:
        return None, design.factors[0], []
    key = ".".join(names)  # other factors, other widgets
    with st.container(horizontal=True):
        row = st.selectbox("down", names, 0, format_func=titles.__getitem__, key=f"matrix.row.{key}")
        left = [name for name in names if name != row]
        column = st.selectbox(
            "across", left, len(left) - 1, format_func=titles.__getitem__, key=f"matrix.col.{key}.{row}"
        )
    others = [factor for factor in design.factors if factor.name not in (row, column)]
    return design.factor(row), design.factor(column), others


def lines_of(design: Design, others: list[Factor]) -> list[str]:
    """The combinations of the other factors that there are, in order."""
    indices = [design.index(factor) for factor in others]
    return list(dict.fromkeys(", ".join(place[index] for index in indices) for place in design.places.values()))


def places_of(design: Design, row: Factor | None, column: Factor, others: list[Factor]) -> pd.DataFrame:
    """Where each variant stands in the picture."""
    down, across = (design.index(row) if row else None), design.index(column)
    indices = [design.index(factor) for factor in others]
    return pd.DataFrame(
        [
            {
                "variant": variant,
                "row": place[down] if down is not None else "",
                "column": place[across],
                "line": ", ".join(place[index] for index in indices),
            }
            for place, variant in design.cells.items()
        ]
    )


def best_of(scores: Scores) -> str:
    """The variant with the best mean, or an empty text."""
    means = scores.table.mean().dropna()
    if not len(means):
        return ""
    return str(means.idxmax() if scores.metric.higher else means.idxmin())


def reference_of(design: Design) -> str:
    """The variant with the reference level of every factor, or an empty text."""
    return design.cells.get(tuple(factor.reference for factor in design.factors), "")


def table(result: Result, found: Matrix) -> list[Picture]:
    """Final values of all cells, each with its verdict against the reference level in its row."""
    design, scores = found.design, found.scores
    names = {factor.name: factor.title for factor in design.factors}
    chosen = next(iter(names))
    if len(names) > 1:
        key = f"matrix.table.{'.'.join(names)}"
        chosen = st.selectbox("across", list(names), len(names) - 1, format_func=names.__getitem__, key=key)
    column = design.factor(chosen)
    others = [factor for factor in design.factors if factor != column]
    places = places_of(design, None, column, others)
    verdicts = simple_effects(design, scores, column).set_index(["level", "where"])
    rows, best = [], best_of(scores)
    for place in places.itertuples():
        values = scores.of(str(place.variant))
        if not len(values):
            continue
        at = (place.column, place.line or "everywhere")
        word, text = ("reference", "") if place.column == column.reference else ("", "")
        if at in verdicts.index:
            word, text = verdicts.loc[at, ["verdict", "text"]]
        rows.append({"row": place.line or scores.metric.title, "column": place.column, "value": values.mean(),
                     "spread": values.std(ddof=1), "seeds": len(values), "verdict": word, "text": text,
                     "best": place.variant == best})  # fmt: skip
    if not rows:
        return []
    down = list(dict.fromkeys(place or scores.metric.title for place in places["line"]))
    draw = partial(
        charts.cell_table, pd.DataFrame(rows), down, column.levels, title=scores.metric.title,
        share=scores.metric.share, higher=scores.metric.higher,
        titles=(" x ".join(factor.title for factor in others), column.title),
    )  # fmt: skip
    unit = "percent, " if scores.metric.share else ""
    note = f"The {scores.metric.title} ({unit}mean ± standard deviation over the seeds), and what {column.title} does "
    note += f"there, against {column.reference}. Star: the best cell. {HOW}"
    return [Picture("matrix table", [draw(width=viewport.width() - 160)], note, draw)]


def effects(result: Result, found: Matrix) -> list[Picture]:
    """Effects of one factor, or main effects and interactions of all, with intervals and verdicts."""
    design, scores = found.design, found.scores
    kinds = ["where", "on average", "interactions"] if len(design.factors) > 1 else ["where"]
    kind = "where"
    names = {factor.name: factor.title for factor in design.factors}
    with st.container(horizontal=True):
        if len(kinds) > 1:
            kind = st.segmented_control("effects", kinds, default="where", key="matrix.effects", required=True)
            chosen = None
        if kind == "where" and len(names) > 1:
            key = f"matrix.of.{'.'.join(names)}"
            chosen = st.selectbox("of", list(names), len(names) - 1, format_func=names.__getitem__, key=key)
            others = [name for name in names if name != chosen]
            given = [ALL, *others] if len(others) > 1 else [ALL]
            by = ALL
            if len(given) > 1:
                by = st.selectbox("at each level of", given, format_func=lambda name: names.get(name, name),
                                  key=f"{key}.{chosen}.by")  # fmt: skip
    if kind == "interactions":
        rows = interactions(design, scores)
        rows = rows.assign(group=rows["with"] + " x " + rows["factor"], where=rows["other"] + ", " + rows["level"])
        title = "more than the sum of both effects"
    elif kind == "on average":
        rows = main_effects(design, scores)
        rows = rows.assign(group=rows["factor"].map(names), where=rows["level"] + " instead of " + rows["reference"])
        title = "mean difference"
    else:
        factor = design.factor(chosen) if len(names) > 1 and chosen else design.factors[0]
        if len(names) > 1 and by != ALL:
            rows = effects_by(design, scores, factor, design.factor(by))
        else:
            rows = simple_effects(design, scores, factor)
        rows = rows.assign(group=rows["level"] + " instead of " + rows["reference"])
        title = "difference"
    if not len(rows):
        st.info("No two cells that can be compared have finished with the same seed yet.")
        return []
    listing(rows, scores)
    return [picture("effects", rows, scores, f"{title} in the {scores.metric.title}")]


def variant_pairs(result: Result, found: Matrix) -> list[Picture]:
    """Variants against each other, crossed or not."""
    scores = found.scores
    order = [name for name in result.order if name in scores.table]
    if len(order) < 2:
        st.info("Fewer than two variants have finished.")
        return []
    reference = reference_of(found.design)
    index = order.index(reference) if reference in order else 0
    against = st.selectbox("compare with", order, index, key=f"matrix.against.{'.'.join(order)[:200]}")
    rows = pairs(scores, order, against).assign(group="", where=lambda table: table["variant"])
    if not len(rows):
        st.info(f"No variant has finished with a seed of {against} yet.")
        return []
    rows["group"] = f"instead of {against}"
    if len(order) <= ALL_PAIRS:
        with st.expander(f"All {len(order) * (len(order) - 1) // 2} pairs"):
            listing(pairs(scores, order), scores)
    return [picture("pairs", rows, scores, f"difference in the {scores.metric.title}")]


def picture(name: str, rows: pd.DataFrame, scores: Scores, title: str) -> Picture:
    """Effects with their intervals."""
    draw = partial(charts.forest, rows, title=title, share=scores.metric.share)
    note = f"{len(rows)} {'comparison' if len(rows) == 1 else 'comparisons'}. {HOW}"
    if not scores.metric.higher:
        note += f" Less is better: what lowers the {scores.metric.title} helps."
    return Picture(name, [draw(width=max(200, min(700, viewport.width() - 300)))], note, draw)


def listing(rows: pd.DataFrame, scores: Scores) -> None:
    """Effects as a table."""
    factor, unit = (100.0, " (points)") if scores.metric.share else (1.0, "")
    shown: dict[str, Any] = {
        name: rows[name]
        for name in ("variant", "against", "level", "reference", "where", "with", "other", "cells", "seeds")
        if name in rows
    }
    if "with" in rows:
        del shown["where"]
    sizes = {name: rows[name].astype("float64") * factor for name in ("effect", "low", "high")}
    made = pd.DataFrame({"verdict": rows["verdict"], **shown, **sizes, "p": rows["p"], "adjusted": rows["adjusted"]})
    number = st.column_config.NumberColumn
    digits = "%+.1f" if scores.metric.share else "%+.3g"
    st.dataframe(
        made,
        column_config={
            "effect": number(f"difference{unit}", format=digits),
            "low": number("from", format=digits, help="lower end of the 95 % interval"),
            "high": number("to", format=digits, help="upper end of the 95 % interval"),
            "cells": number(help="cells of the other factors that it is averaged over"),
            "p": number(format="%.3g", help="how likely such a difference is without any effect (Student's t)"),
            "adjusted": number("p, adjusted", format="%.3g", help=f"for the {len(rows)} comparisons here (Holm 1979)"),
        },
        hide_index=True,
        alt="Every comparison with its difference, interval and verdict.",
    )
