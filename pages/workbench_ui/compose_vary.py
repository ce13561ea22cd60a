"""Vary things: up to three keys, each over several values, crossed into variants."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import streamlit as st

from workbench import Param, registry
from workbench.errors import WorkbenchError
from workbench.experiment import SCRATCH, SURFACES, Experiment, parse, resolve, spell, vary
from workbench.words import runs as counted
from workbench_ui import variants
from workbench_ui.param_widget import complain

if TYPE_CHECKING:
    from workbench_ui.compose import Composer

Plain = dict[str, Any]
Axis = tuple[str, Param | None]  # the kind of component, and the Param where it is a number
KINDS = {"source": "dataset"}  # keys whose component is of a kind with another name
MOST_KEYS = 3
NOTHING = "nothing else"
DECIMAL_COMMA = re.compile(r"(?<![\d.eE+-])[-+]?\d+,\d+(?![\d.eE])")
REMEDIES = "remedies"
NO_REMEDIES = "no remedies"


def draw_vary(composer: Composer) -> None:
    """Take up to three keys and several values of each, and make every combination a variant."""
    with st.popover("Vary a thing", icon=":material/tune:", width="stretch"):
        offered = axes(composer)
        chosen: dict[str, list[Any]] = {}
        complete = True
        for number in range(MOST_KEYS):
            left = [key for key in offered if key not in chosen]
            if not left:
                break
            place = f"{composer.prefix}.vary" + (f".{number}" if number else "")
            words = [NOTHING, *left] if number else left
            key = st.selectbox("and" if number else "What", words, key=f"{place}.key", format_func=spoken)
            if key == NOTHING:
                break
            values = draw_values(composer, key, *offered[key], f"{place}.{key}")
            complete = complete and bool(values)
            chosen[key] = values or []
        ready = complete and announce(composer, chosen)
        st.button(
            "Make the variants",
            disabled=not ready,
            on_click=variants.make_variants,
            args=(composer.page, chosen),
            key=f"{composer.prefix}.vary.make",
            type="primary",
        )


def announce(composer: Composer, chosen: dict[str, list[Any]]) -> bool:
    """Say how many variants and runs the values make, or why they cannot be run; returns whether they can."""
    plain = st.session_state[f"{composer.page}.plain"]
    count = math.prod(len(values) for values in chosen.values())
    seeds = len(parse(plain).seeds)
    sizes = " x ".join(str(len(values)) for values in chosen.values())
    made = f"{sizes} = {count} variants" if len(chosen) > 1 else f"{count} variant{'s' if count > 1 else ''}"
    if seeds > 1:
        made += f" x {seeds} seeds"
    try:
        resolve(first_seed(vary(parse(plain), chosen)), registry.current(), "")
    except WorkbenchError as error:
        complain(str(error).lstrip(": "))
        return False
    st.caption(f"{made} = {counted(count * seeds)}. The variants there are now can be had back with Undo.")
    return True


def first_seed(experiment: Experiment) -> Experiment:
    """The same experiment with one seed: enough to see whether it can be run."""
    return experiment.model_copy(update={"seeds": experiment.seeds[:1]})


def draw_values(composer: Composer, key: str, kind: str, param: Param | None, place: str) -> list[Any] | None:
    """The values of one key; None while what is typed is not all right."""
    if key == REMEDIES:
        return draw_sets(composer, place)
    if param is None:
        usable = [component.name for component in composer.known.all(kind) if not composer.unusable(component)]
        chosen: list[Any] = st.multiselect("Values", usable, key=place)
        return chosen
    words = separated_by_semicolons(param)
    hint = f"{param.default or 'one'}; another" if words else "0.01, 0.1, 1"
    tip = f"{param.allowed}; values are separated by a {'semicolon' if words else 'comma and a space, or a semicolon'}"
    return typed(st.text_input("Values", key=place, placeholder=hint, help=tip), param)


def draw_sets(composer: Composer, place: str) -> list[Any] | None:
    """Sets of remedies: none, each alone, and those that are typed as ``batch_norm + clip_norm``."""
    usable = [remedy.name for remedy in composer.known.all("remedy") if allowed(composer.kind, remedy)]
    chosen = st.multiselect(
        "Values", [NO_REMEDIES, *usable], key=place, accept_new_options=True,
        help="each is a set of its own; type several joined by +, as in batch_norm + clip_norm",
    )  # fmt: skip
    made = []
    for text in chosen:
        names = [] if text == NO_REMEDIES else [piece.strip() for piece in text.split("+") if piece.strip()]
        if unknown := [name for name in names if name not in usable]:
            complain(f"{unknown[0]!r} is no remedy that can be used here; join names by +: batch_norm + clip_norm")
            return None
        if names not in made:
            made.append(names)
    return made


def allowed(kind: str, remedy: Any) -> bool:
    """Whether a remedy can be used in an experiment of this kind."""
    return kind not in SURFACES or not remedy.needs_network()


def axes(composer: Composer) -> dict[str, Axis]:
    """Everything that can be varied: components, their settings, sets of remedies, numbers of the task."""
    found: dict[str, Axis] = {}
    for prefix, settings in (("", composer.base), ("task.", composer.task)):
        for name, value in settings.items():
            kind = KINDS.get(name, name)
            if isinstance(value, dict) and value["use"] != SCRATCH:
                if kind in composer.known.names(kind) or value["use"] in composer.known.names(kind):
                    found[f"{prefix}{name}"] = (kind, None)
                    params = composer.known.get(kind, value["use"]).params
                    for param in (each for each in params if not isinstance(each.default, tuple)):
                        found[f"{prefix}{name}.{param.name}"] = (kind, param)
            elif isinstance(value, int | float):
                found[f"{prefix}{name}"] = (name, Param(name, value))
            elif name == "labels_per_class":  # None: all of them
                found[f"{prefix}{name}"] = (name, Param(name, 1, low=1))
            elif name == REMEDIES:
                found[name] = ("remedy", None)
    return found


def spoken(key: str) -> str:
    """A key as it is offered: without the table that it stands in."""
    return key.removeprefix("task.").replace(".", " ").replace("_", " ")


def separated_by_semicolons(param: Param) -> bool:
    """Whether a value may hold commas itself: any text that is not chosen from a list."""
    return isinstance(param.default, str) and not param.choices


def pieces(text: str, param: Param) -> list[str]:
    """What is typed, cut at semicolons, else (not where commas belong to the values) at commas.

    Raises ``ValueError`` where a comma may stand for a decimal point, as in ``0,01, 0,1``: two whole numbers with
    nothing but a comma between them. A setting that is a whole number has no decimals, so there it stands for none.
    """
    if separated_by_semicolons(param):
        found = text.split(";")
    else:
        if isinstance(param.default, float) and (comma := DECIMAL_COMMA.search(text)):
            point = comma[0].replace(",", ".")
            raise ValueError(
                f"{comma[0]} is not clear. Decimals take a point: {point}; "
                f"two values are separated by a comma and a space: {comma[0].replace(',', ', ')}"
            )
        found = text.replace(";", ",").split(",")
    return [piece.strip() for piece in found if piece.strip()]


def typed(text: str, param: Param) -> list[Any] | None:
    """Values typed as ``0.01, 0.1, 1``, each checked against the Param; None while they are not all right."""
    made: list[Any] = []
    try:
        found = pieces(text, param)
    except ValueError as error:
        complain(str(error))
        return None
    for piece in found:
        try:
            if isinstance(param.default, bool):
                value: Any = {"true": True, "false": False}[piece.lower()]
            else:
                value = piece if isinstance(param.default, str) else float(piece)
            made.append(param.check(value))
        except (ValueError, KeyError):
            complain(f"{spell(piece)} is not allowed; allowed: {param.allowed}")
            return None
    return list(dict.fromkeys(made))
