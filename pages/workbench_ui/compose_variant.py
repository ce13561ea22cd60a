"""A variant's card: its colour, its name, and what it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from workbench.experiment import merge, spell
from workbench_ui import variants

if TYPE_CHECKING:
    from workbench_ui.compose import Composer

Plain = dict[str, Any]


def draw_variant(composer: Composer, index: int, plain: Plain, color: str, names: list[str]) -> Plain:
    """One variant: its colour, its name and only its differences."""
    path = f"variants.{index}"
    label = f"{dot(color)} {plain['name']}  :small[:gray[{differences(plain)}]]"
    key = f"{composer.prefix}.{path}"
    opened = bool(st.session_state.get(key, False))  # a new label makes a new card, which would be closed
    box = st.expander(label, opened, key=key, on_change="rerun")
    with box:
        if not box.open:
            return plain
        overrides = {key: value for key, value in plain.items() if key not in ("name", "task", "fork")}
        overrides |= {f"task.{key}": value for key, value in plain.get("task", {}).items()}
        name = st.text_input("name", plain["name"], key=f"{composer.prefix}.{path}.name", max_chars=80).strip()
        base = trunk(composer, plain)
        keys = [*composer.base, *(f"task.{key}" for key in composer.task)]
        if fork := draw_fork(composer, plain.get("fork"), names[:index], path):
            keys = [*composer.base, "task.epochs"]
        differs = st.multiselect(
            "differs in", keys, default=[key for key in overrides if key in keys], key=f"{composer.prefix}.{path}.keys"
        )
        taken = name in names or not name
        if taken:
            st.caption(f":red[{'The name is used by another variant.' if name else 'A variant needs a name.'}]")
        made: Plain = {"name": plain["name"] if taken else name} | ({"fork": fork} if fork else {})
        for key in differs:
            inside = key.removeprefix("task.")
            common: Any = composer.task[inside] if key.startswith("task.") else base[inside]
            value: Any = overrides.get(key, common)
            if isinstance(common, dict):
                value = merge(common, {"use": value} if isinstance(value, str) else value)
            if key == "remedies":
                made[key] = composer.remedies(value, f"{path}.remedies")
            elif key.startswith("task."):
                setting = composer.task_value(inside, value, f"{path}.{key}", common)
                if setting is not None:
                    made.setdefault("task", {})[inside] = setting
            else:
                made[key] = composer.reference(key, key, value, f"{path}.{key}", common)
        with st.container(horizontal=True):
            st.button(
                "Duplicate",
                on_click=variants.duplicate,
                args=(composer.page, index),
                key=f"{composer.prefix}.{path}.copy",
            )
            st.button(
                "Remove", on_click=variants.remove, args=(composer.page, index), key=f"{composer.prefix}.{path}.remove"
            )
        return made


def draw_fork(composer: Composer, fork: Plain | None, before: list[str], path: str) -> Plain | None:
    """Where the variant branches off another one, if it does."""
    if composer.kind not in ("training", "transfer"):
        return None
    key = f"{composer.prefix}.{path}.fork"
    tip = "updates made together with its trunk; 0 starts a run of its own"
    step = st.number_input("forked at step", 0, None, fork["step"] if fork else 0, step=1, key=key, help=tip)
    if not step:
        return None
    trunks = [None, *before]
    trunk = (fork or {}).get("variant")
    index = trunks.index(trunk) if trunk in trunks else 0
    of = st.selectbox("from", trunks, index, format_func=lambda name: name or "the base", key=f"{key}.of")
    return {"step": step} | ({"variant": of} if of else {})


def trunk(composer: Composer, plain: Plain) -> Plain:
    """What a variant differs from: the base, or the composition of the variant that it branches off."""
    name = plain.get("fork", {}).get("variant")
    if name is None:
        return composer.base
    found = next((each for each in composer.listed if each["name"] == name), None)
    if found is None:
        return composer.base
    base = dict(trunk(composer, found))
    for key in composer.base.keys() & found.keys():
        value = found[key]
        if key == "remedies":
            base[key] = [{"use": item} if isinstance(item, str) else item for item in value]
        else:
            base[key] = merge(base[key], {"use": value} if isinstance(value, str) else value)
    return base


def differences(variant: Plain) -> str:
    """What a variant changes, short enough for its card: ``sgd, lr 0.02, momentum 0.9``."""
    found = []
    for key, value in ({**variant, **variant.get("task", {})}).items():
        if key in ("name", "task"):
            continue
        if key == "fork":
            found.append(f"from step {value['step']} of {value.get('variant', 'the base')}")
            continue
        if key == "remedies":
            found += [spell(item) for item in value] or ["no remedies"]
        elif isinstance(value, dict):
            found += [str(value["use"])] if "use" in value else []
            found += [f"{name} {spell(setting)}" for name, setting in value.items() if name != "use"]
        else:
            found.append(spell(value) if isinstance(value, str) else f"{key.replace('_', ' ')} {spell(value)}")
    text = ", ".join(found) or "no difference yet"
    return text.replace("[", "(").replace("]", ")") if len(text) < 80 else text[:77] + "..."


def dot(color: str) -> str:
    """A filled circle in the variant's colour, as Streamlit's Markdown spells it."""
    return f':color[⬤]{{foreground="{color}"}}'
