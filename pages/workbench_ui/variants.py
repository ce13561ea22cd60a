"""What buttons do to the list of variants: each replaces the whole experiment, so that Undo brings it back."""

from __future__ import annotations

import copy
from typing import Any

import streamlit as st

from workbench.errors import WorkbenchError
from workbench.experiment import dump, parse, vary
from workbench.words import listed, unused
from workbench_ui import state

Plain = dict[str, Any]


def add(page: str) -> None:
    """Add a variant that does not differ yet."""
    plain = copy.deepcopy(st.session_state[f"{page}.plain"])
    variants = plain.setdefault("variants", [])
    variants.append({"name": free_name(f"variant {len(variants) + 1}", variants)})
    state.replace(page, plain)
    st.session_state[f"{page}.{state.generation(page)}.variants.{len(variants) - 1}"] = True


def add_fork(page: str, variant: str, step: int) -> None:
    """Add a branch of a variant; where there is none yet, the base becomes one, so that both are drawn."""
    plain = copy.deepcopy(st.session_state[f"{page}.plain"])
    variants = plain.setdefault("variants", [{"name": variant}])
    if variant not in [each["name"] for each in variants]:
        st.session_state[f"{page}.notice"] = f"The composition has no variant {variant!r} any more: run it first."
        return
    fork = {"step": step, "variant": variant}
    variants.append({"name": free_name(f"{variant[:60]} from step {step}", variants), "fork": fork})
    state.replace(page, plain)
    st.session_state[f"{page}.{state.generation(page)}.variants.{len(variants) - 1}"] = True


def duplicate(page: str, index: int) -> None:
    """Add a copy of a variant behind it."""
    plain = copy.deepcopy(st.session_state[f"{page}.plain"])
    made = copy.deepcopy(plain["variants"][index])
    made["name"] = free_name(made["name"][:70] + " copy", plain["variants"])
    plain["variants"].insert(index + 1, made)
    state.replace(page, plain)


def remove(page: str, index: int) -> None:
    """Take a variant away."""
    plain = copy.deepcopy(st.session_state[f"{page}.plain"])
    gone = plain["variants"][index]["name"]
    branches = [each["name"] for each in plain["variants"] if each.get("fork", {}).get("variant") == gone]
    if branches:
        st.session_state[f"{page}.notice"] = f"{listed(branches)} branches off {gone}: remove that first."
        return
    del plain["variants"][index]
    state.replace(page, plain)


def make_variants(page: str, axes: dict[str, list[Any]]) -> None:
    """Replace the variants by one for each combination of values."""
    try:
        state.replace(page, dump(vary(parse(st.session_state[f"{page}.plain"]), axes)))
    except WorkbenchError as error:
        st.session_state[f"{page}.notice"] = str(error)


def free_name(wanted: str, variants: list[Plain]) -> str:
    """A name that no variant has yet."""
    return unused(wanted, {variant["name"] for variant in variants})
