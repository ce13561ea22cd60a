"""Compose an experiment: task, base and variants, from whatever the registry holds."""

from __future__ import annotations

from typing import Any

import streamlit as st

from workbench import Param, registry
from workbench.charts.style import variant_colors
from workbench.experiment import BASES, SCRATCH, TASKS, Experiment, dump, merge, parse, spell
from workbench_ui import state, variants
from workbench_ui.param_widget import param_widget

Plain = dict[str, Any]
KINDS = {"source": "dataset"}  # keys whose component is of a kind with another name
FIRST = ("surface", "start", "steps", "dataset", "source", "model", "epochs", "batch_size", "labels_per_class")
HELP = {
    "steps": "how many steps each optimizer takes",
    "start": "where every descent starts",
    "tolerance": "converged means: at most this far above the lowest value at the end",
    "epochs": "times through the training data; 0 only measures the untrained network",
    "batch_size": "samples in one step",
    "normalize": "shift and scale the inputs to mean 0 and standard deviation 1",
    "source": "what the network is trained on first",
    "source_epochs": "epochs of training on the source; 0 takes as many as on the target",
    "labels_per_class": "how many labelled samples of each class the target has; 0 takes all",
}


class Composer:
    """Draws the widgets of one page's experiment and collects what they say."""

    def __init__(self, page: str, experiment: Experiment) -> None:
        self.page = page
        self.kind = experiment.kind
        self.known = registry.current()
        self.prefix = f"{page}.{state.generation(page)}"
        self.task: Plain = TASKS[self.kind].model_validate(experiment.task).model_dump()
        self.base: Plain = BASES[self.kind].model_validate(experiment.base).model_dump()
        self.listed: list[Plain] = dump(experiment).get("variants", [])
        self.colors = variant_colors([v.name for v in experiment.shown_variants]).range

    def reference(self, label: str, kind: str, value: Plain, path: str, like: Plain | None = None) -> Plain:
        """Choose a component and its settings; only settings that differ from ``like`` or the defaults are kept."""
        names = [component.name for component in self.known.all(kind)]
        titles = {component.name: component.title for component in self.known.all(kind)}
        if path.endswith("source"):
            names, titles = [SCRATCH, *names], {SCRATCH: "nothing: from scratch", **titles}
        use = value["use"]
        if use not in names:  # a plugin that is gone: say so where the choice is made
            st.error(f"{kind} {use!r} is not there; choose another, or look at the Plugins page.")
            names, titles = [use, *names], {use: f"{use} (missing)", **titles}
        key = f"{self.prefix}.{path}"
        chosen = st.selectbox(
            label, names, index=names.index(use), format_func=titles.__getitem__, key=key, help=self.about(kind, use)
        )
        if chosen not in self.known.names(kind):
            return {"use": chosen}
        settings = value if chosen == use else {}
        params: list[Param] = self.known.get(kind, chosen).params
        like = like if like is not None and like["use"] == chosen else {}
        made: Plain = {"use": chosen}
        for param in params:
            usual = like.get(param.name, param.default)
            given = param_widget(param, settings.get(param.name, usual), f"{key}.{chosen}.{param.name}")
            if given != usual:
                made[param.name] = given
        return made

    def about(self, kind: str, name: str) -> str | None:
        """What a component is: summary, equation, reference, and the plugin it comes from."""
        if name not in self.known.names(kind):
            return None
        component = self.known.get(kind, name)
        equation = f"$${component.equation}$$" if component.equation else ""
        owner = f"Plugin: {self.known.owner(kind, name).name}"
        return "\n\n".join(part for part in (component.summary, equation, component.reference, owner) if part)

    def remedies(self, value: list[Plain], path: str) -> list[Plain]:
        """Choose remedies and their settings, in the order in which they are applied."""
        usable = [r for r in self.known.all("remedy") if self.kind in ("training", "transfer") or not r.needs_network()]
        given = {reference["use"]: reference for reference in value}
        names = [remedy.name for remedy in usable] + [use for use in given if use not in {r.name for r in usable}]
        key = f"{self.prefix}.{path}"
        chosen = st.multiselect("remedies", names, default=list(given), key=key, placeholder="none")
        made = []
        for name in chosen:
            reference: Plain = {"use": name}
            if name in self.known.names("remedy"):
                for param in self.known.get("remedy", name).params:
                    labelled = f"{key}.{name}.{param.name}"
                    st.caption(f"{name}: {param.name}")
                    setting = param_widget(param, given.get(name, {}).get(param.name, param.default), labelled)
                    if setting != param.default:
                        reference[param.name] = setting
            made.append(reference)
        return made

    def task_value(self, name: str, value: Any, path: str, like: Any = None) -> Any:
        """The widget for one key of the task."""
        key, label, tip = f"{self.prefix}.{path}", name.replace("_", " "), HELP.get(name)
        if isinstance(value, dict):
            return self.reference(label, KINDS.get(name, name), value, path, like)
        if name == "start":
            return self.start(value, key)
        if isinstance(value, bool):
            return st.toggle(label, value, key=key, help=tip)
        if name == "steps" and value <= 500:
            return st.slider(label, 1, 500, value, key=key, help=tip)
        field = TASKS[self.kind].model_fields[name]
        low = next((getattr(m, "ge", None) for m in field.metadata if getattr(m, "ge", None) is not None), None)
        if isinstance(value, float):
            return st.number_input(label, 0.0, None, value, format="%.6g", key=key, help=tip)
        optional = field.default is None
        number = st.number_input(label, 0 if optional else low, None, value or 0, step=1, key=key, help=tip)
        return None if optional and number == 0 else number

    def start(self, value: Any, key: str) -> list[float]:
        """The start point, as two sliders over the part of the surface that is drawn."""
        surface = self.known.get("surface", self.task["surface"]["use"])
        point = value if value is not None else surface.start
        made = []
        for axis, (low, high), at in zip("xy", (surface.x, surface.y), point, strict=True):
            span = (min(low, at), max(high, at))
            made.append(st.slider(f"start {axis}", *span, float(at), (high - low) / 100, key=f"{key}.{axis}",
                                  help=HELP["start"]))  # fmt: skip
        return made

    def draw_task(self) -> Plain:
        """The task: few choices first, the rest under More."""
        made = {}
        for name in (name for name in FIRST if name in self.task):
            made[name] = self.task_value(name, self.task[name], f"task.{name}")
        rest = [name for name in self.task if name not in FIRST]
        if rest:
            with st.expander("More"):
                for name in rest:
                    made[name] = self.task_value(name, self.task[name], f"task.{name}")
        usual = TASKS[self.kind].model_validate({}).model_dump()
        return {key: value for key, value in made.items() if value is not None and value != usual[key]}

    def draw_base(self) -> Plain:
        """What all variants share unless they say otherwise."""
        made: Plain = {}
        for name, value in self.base.items():
            if name == "remedies":
                made[name] = self.remedies(value, "base.remedies")
            else:
                made[name] = self.reference(name, name, value, f"base.{name}")
        return made

    def draw_variant(self, index: int, plain: Plain, color: str, names: list[str]) -> Plain:
        """One variant: its colour, its name and only its differences."""
        path = f"variants.{index}"
        label = f"{dot(color)} {plain['name']}  :small[:gray[{differences(plain)}]]"
        key = f"{self.prefix}.{path}"
        opened = bool(st.session_state.get(key, False))  # a new label makes a new card, which would be closed
        box = st.expander(label, opened, key=key, on_change="rerun")
        with box:
            if not box.open:
                return plain
            overrides = {key: value for key, value in plain.items() if key not in ("name", "task", "fork")}
            overrides |= {f"task.{key}": value for key, value in plain.get("task", {}).items()}
            name = st.text_input("name", plain["name"], key=f"{self.prefix}.{path}.name", max_chars=80).strip()
            base = self.trunk(plain)
            keys = [*self.base, *(f"task.{key}" for key in self.task)]
            if fork := self.draw_fork(plain.get("fork"), names[:index], path):
                keys = [*self.base, "task.epochs"]
            differs = st.multiselect(
                "differs in", keys, default=[key for key in overrides if key in keys], key=f"{self.prefix}.{path}.keys"
            )
            taken = name in names or not name
            if taken:
                st.caption(f":red[{'The name is used by another variant.' if name else 'A variant needs a name.'}]")
            made: Plain = {"name": plain["name"] if taken else name} | ({"fork": fork} if fork else {})
            for key in differs:
                inside = key.removeprefix("task.")
                common: Any = self.task[inside] if key.startswith("task.") else base[inside]
                value: Any = overrides.get(key, common)
                if isinstance(common, dict):
                    value = merge(common, {"use": value} if isinstance(value, str) else value)
                if key == "remedies":
                    made[key] = self.remedies(value, f"{path}.remedies")
                elif key.startswith("task."):
                    setting = self.task_value(inside, value, f"{path}.{key}", common)
                    if setting is not None:
                        made.setdefault("task", {})[inside] = setting
                else:
                    made[key] = self.reference(key, key, value, f"{path}.{key}", common)
            with st.container(horizontal=True):
                st.button(
                    "Duplicate", on_click=variants.duplicate, args=(self.page, index), key=f"{self.prefix}.{path}.copy"
                )
                st.button(
                    "Remove", on_click=variants.remove, args=(self.page, index), key=f"{self.prefix}.{path}.remove"
                )
            return made

    def draw_fork(self, fork: Plain | None, before: list[str], path: str) -> Plain | None:
        """Where the variant branches off another one, if it does."""
        if self.kind not in ("training", "transfer"):
            return None
        key = f"{self.prefix}.{path}.fork"
        tip = "updates made together with its trunk; 0 starts a run of its own"
        step = st.number_input("forked at step", 0, None, fork["step"] if fork else 0, step=1, key=key, help=tip)
        if not step:
            return None
        trunks = [None, *before]
        trunk = (fork or {}).get("variant")
        index = trunks.index(trunk) if trunk in trunks else 0
        of = st.selectbox("from", trunks, index, format_func=lambda name: name or "the base", key=f"{key}.of")
        return {"step": step} | ({"variant": of} if of else {})

    def trunk(self, plain: Plain) -> Plain:
        """What a variant differs from: the base, or the composition of the variant that it branches off."""
        name = plain.get("fork", {}).get("variant")
        if name is None:
            return self.base
        found = next((each for each in self.listed if each["name"] == name), None)
        if found is None:
            return self.base
        base = dict(self.trunk(found))
        for key in self.base.keys() & found.keys():
            value = found[key]
            if key == "remedies":
                base[key] = [{"use": item} if isinstance(item, str) else item for item in value]
            else:
                base[key] = merge(base[key], {"use": value} if isinstance(value, str) else value)
        return base

    def draw_vary(self) -> None:
        """Take one key and several values, and make the variants."""
        with st.popover("Vary a thing", icon=":material/tune:", width="stretch"):
            axes = self.axes()
            key = st.selectbox("What", list(axes), key=f"{self.prefix}.vary.key")
            kind, param = axes[key]
            values: list[Any] | None
            if param is None:
                values = st.multiselect("Values", self.known.names(kind), key=f"{self.prefix}.vary.{key}")
            else:
                text = st.text_input(
                    "Values", key=f"{self.prefix}.vary.{key}", placeholder="0.01, 0.1, 1", help=param.allowed
                )
                values = numbers(text, param)
            st.caption("Makes one variant for each value; the variants there are now can be had back with Undo.")
            st.button(
                "Make the variants",
                disabled=not values,
                on_click=variants.make_variants,
                args=(self.page, key, values),
                key=f"{self.prefix}.vary.make",
                type="primary",
            )

    def axes(self) -> dict[str, tuple[str, Param | None]]:
        """Everything that can be varied: components, their settings, numbers of the task."""
        found: dict[str, tuple[str, Param | None]] = {}
        for prefix, settings in (("", self.base), ("task.", self.task)):
            for name, value in settings.items():
                kind = KINDS.get(name, name)
                if isinstance(value, dict) and value["use"] != SCRATCH:
                    if kind in self.known.names(kind) or value["use"] in self.known.names(kind):
                        found[f"{prefix}{name}"] = (kind, None)
                        for param in self.known.get(kind, value["use"]).params:
                            found[f"{prefix}{name}.{param.name}"] = (kind, param)
                elif isinstance(value, int | float) and not isinstance(value, bool):
                    found[f"{prefix}{name}"] = (name, Param(name, value))
        return found


def compose(page: str, plain: Plain) -> Plain:
    """Draw the whole panel and return the experiment that the widgets describe."""
    experiment = parse(plain, "this experiment")
    composer = Composer(page, experiment)
    made: Plain = {key: plain[key] for key in ("format", "kind", "lesson") if key in plain}
    made["title"] = st.text_input("title", experiment.title, key=f"{composer.prefix}.title", max_chars=200)
    st.subheader("Task", divider="gray")
    made["task"] = composer.draw_task()
    if experiment.sweep:
        made["sweep"] = draw_sweep(composer, experiment)
    made["seeds"] = draw_seeds(composer, experiment)
    st.subheader("Base", divider="gray")
    made["base"] = composer.draw_base()
    st.subheader("Variants", divider="gray")
    listed = plain.get("variants", [])
    drawn = []
    for index, variant in enumerate(listed):
        others = [other["name"] for other in listed if other is not variant]
        color = composer.colors[index % len(composer.colors)]
        drawn.append(composer.draw_variant(index, variant, color, others))
    renamed = {old["name"]: new["name"] for old, new in zip(listed, drawn, strict=True)}
    for variant in drawn:  # a branch follows its trunk's name
        if trunk := variant.get("fork", {}).get("variant"):
            variant["fork"]["variant"] = renamed.get(trunk, trunk)
    if not listed:
        st.caption("None yet: the base alone is run.")
    with st.container(horizontal=True):
        st.button("Add", icon=":material/add:", on_click=variants.add, args=(page,), key=f"{composer.prefix}.add")
        if f"{page}.undo" in st.session_state:
            st.button("Undo", icon=":material/undo:", on_click=state.undo, args=(page,), key=f"{composer.prefix}.undo")
    composer.draw_vary()
    made["variants"] = drawn
    return {key: value for key, value in made.items() if value not in ("", [], {}, None)}


def draw_seeds(composer: Composer, experiment: Experiment) -> list[int]:
    """How many seeds; a single one proves nothing. A list written by hand stays until the number changes."""
    if composer.kind in ("descent", "sweep"):
        return experiment.seeds  # nothing on a surface is drawn by lot
    count = st.number_input(
        "seeds", 1, 1000, len(experiment.seeds), key=f"{composer.prefix}.seeds",
        help="every variant is run with each seed: the same start and the same batches within a seed",
    )  # fmt: skip
    return experiment.seeds if count == len(experiment.seeds) else list(range(count))


def draw_sweep(composer: Composer, experiment: Experiment) -> Plain:
    """Which setting is swept, over which range."""
    sweep = experiment.sweep
    assert sweep
    optimizer = composer.known.get("optimizer", composer.base["optimizer"]["use"])
    numeric = [param.name for param in optimizer.params if isinstance(param.default, float)]
    key = f"{composer.prefix}.sweep"
    parameter = st.selectbox("sweep", numeric, numeric.index(sweep.parameter) if sweep.parameter in numeric else 0,
                             key=f"{key}.parameter", help="the setting that is tried over the range")  # fmt: skip
    left, right = st.columns(2)
    low = left.number_input("from", value=sweep.low, format="%.6g", key=f"{key}.low")
    high = right.number_input("to", value=sweep.high, format="%.6g", key=f"{key}.high")
    scales = ["linear", "log"]
    scale = st.segmented_control("scale", scales, default=sweep.scale, key=f"{key}.scale", required=True)
    count = st.number_input("settings tried", 2, 100_000, sweep.count, step=16, key=f"{key}.count")
    return {"parameter": parameter, "low": low, "high": high, "count": count, "scale": scale}


def numbers(text: str, param: Param) -> list[Any] | None:
    """Values typed as ``0.01, 0.1, 1``, each checked against the Param; None while they are not all right."""
    made: list[Any] = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            if isinstance(param.default, bool):
                value: Any = {"true": True, "false": False}[piece.lower()]
            else:
                value = piece if isinstance(param.default, str) else float(piece)
            made.append(param.check(value))
        except (ValueError, KeyError):
            st.caption(f":red[{spell(piece)} is not allowed; allowed: {param.allowed}]")
            return None
    return list(dict.fromkeys(made))


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
