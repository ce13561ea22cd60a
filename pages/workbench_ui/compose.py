"""Compose an experiment: task, base and variants, from whatever the registry holds."""

from __future__ import annotations

from typing import Any, get_args

import streamlit as st

from workbench import registry
from workbench.capabilities import capabilities
from workbench.charts.style import variant_colors
from workbench.experiment import BASES, SCRATCH, SURFACES, TASKS, Experiment, dump, parse
from workbench_ui import state, variants
from workbench_ui.compose_axes import draw_sweep, draw_tune
from workbench_ui.compose_surface import by_lot, draw_hosted, draw_seeds, draw_start, usual_start
from workbench_ui.compose_variant import draw_variant
from workbench_ui.compose_vary import KINDS, draw_vary
from workbench_ui.param_widget import param_widget

Plain = dict[str, Any]
HOSTED = {"surface": "Domain and noise"}  # what the settings are called that the bench itself obeys
FIRST = ("surface", "start", "steps", "dataset", "source", "model", "epochs", "batch_size", "labels_per_class")
HELP = {
    "steps": "how many steps each optimizer takes",
    "tolerance": "converged means: at most this far above the lowest value at the end",
    "epochs": "times through the training data; 0 only measures the untrained network",
    "batch_size": "samples in one step",
    "normalize": "shift and scale the inputs to mean 0 and standard deviation 1",
    "probes": "what is measured in every layer while it trains: nothing, the statistics, or all, which costs most",
    "device": "where it is trained; auto takes the fastest there is",
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
        self.varied: list[str] = []  # the axes of a sweep

    def reference(self, label: str, kind: str, value: Plain, path: str, like: Plain | None = None) -> Plain:
        """Choose a component and its settings; only settings that differ from ``like`` or the defaults are kept."""
        usable = [component for component in self.known.all(kind) if not self.unusable(component)]
        names = [component.name for component in usable]
        titles = {component.name: component.title for component in usable}
        if path.endswith("source"):
            names, titles = [SCRATCH, *names], {SCRATCH: "nothing: from scratch", **titles}
        use = value["use"]
        if use in self.known.names(kind) and use not in names:
            st.error(f"{kind} {use!r} cannot be used here: {self.unusable(self.known.get(kind, use))}")
            names, titles = [use, *names], {use: f"{use} (not on surfaces)", **titles}
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
        component = self.known.get(kind, chosen)
        hosted = getattr(component, "hosted", ())
        like = like if like is not None and like["use"] == chosen else {}
        made: Plain = {"use": chosen}
        for param in (param for param in component.params if param.name not in hosted):
            usual = like.get(param.name, param.default)
            given = param_widget(param, settings.get(param.name, usual), f"{key}.{chosen}.{param.name}")
            if given != usual:
                made[param.name] = given
        if hosted:
            own = [param for param in component.params if param.name in hosted]
            made |= draw_hosted(HOSTED.get(kind, "More"), own, settings, like, f"{key}.{chosen}")
        return made

    def unusable(self, component: Any) -> str:
        """Why a component cannot be used in an experiment of this kind, or an empty text."""
        return getattr(component, "off_surface", "") if self.kind in SURFACES else ""

    def about(self, kind: str, name: str) -> str | None:
        """What a component is: summary, equation, reference, and the plugin it comes from."""
        if name not in self.known.names(kind):
            return None
        component = self.known.get(kind, name)
        equation = f"$${component.equation}$$" if component.equation else ""
        owner = f"Plugin: {self.known.owner(kind, name).name}"
        asks = f"**{'; '.join(said)}**" if (said := capabilities(component)) else ""
        without = sum(bool(self.unusable(each)) for each in self.known.all(kind))
        left = f"{without} more only train networks: see the Plugins page." if without else ""
        parts = (component.summary, equation, asks, component.reference, owner, left)
        return "\n\n".join(part for part in parts if part)

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
            surface = self.task["surface"]
            if surface["use"] not in self.known.names("surface"):
                return value
            return draw_start(value, self.known.get("surface", surface["use"]), surface, key, self.varied)
        if isinstance(value, bool):
            return st.toggle(label, value, key=key, help=tip)
        if name == "steps" and value <= 500:
            return st.slider(label, 1, 500, value, key=key, help=tip)
        field = TASKS[self.kind].model_fields[name]
        if choices := get_args(field.annotation) if isinstance(value, str) else ():
            return st.selectbox(label, choices, choices.index(value), key=key, help=tip)
        low = next((getattr(m, "ge", None) for m in field.metadata if getattr(m, "ge", None) is not None), None)
        if isinstance(value, float):
            return st.number_input(label, 0.0, None, value, format="%.6g", key=key, help=tip)
        optional = field.default is None
        number = st.number_input(label, 0 if optional else low, None, value or 0, step=1, key=key, help=tip)
        return None if optional and number == 0 else number

    def draw_task(self) -> Plain:
        """The task: few choices first, the rest under More."""
        made: Plain = {}
        for name in (name for name in FIRST if name in self.task):
            value = self.task[name]
            if name == "start" and made["surface"]["use"] != self.task["surface"]["use"]:
                value = None  # another surface has a start of its own
            if name == "start":
                self.task["surface"] = made["surface"]
            made[name] = self.task_value(name, value, f"task.{name}")
        if made.get("start") is not None and made["surface"]["use"] in self.known.names("surface"):
            surface = self.known.get("surface", made["surface"]["use"])
            if made["start"] == usual_start(surface, made["surface"]):
                made["start"] = None
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


def compose(page: str, plain: Plain) -> Plain:
    """Draw the whole panel and return the experiment that the widgets describe."""
    experiment = parse(plain, "this experiment")
    composer = Composer(page, experiment)
    made: Plain = {key: plain[key] for key in ("format", "kind", "lesson") if key in plain}
    made["title"] = st.text_input("title", experiment.title, key=f"{composer.prefix}.title", max_chars=200)
    st.subheader("Task", divider="gray")
    task = st.container()  # what is varied is drawn below, and decides what the task asks for
    key = composer.prefix
    if experiment.sweep:
        made["sweep"] = draw_sweep(experiment, composer.known, f"{key}.sweep")
        axes = (made["sweep"], made["sweep"].get("second"))
        composer.varied = [axis["parameter"] for axis in axes if axis]
    if experiment.tune:
        made["tune"] = draw_tune(experiment, f"{key}.tune")
    with task:
        made["task"] = composer.draw_task()
    listed = plain.get("variants", [])
    made["seeds"] = draw_seeds(experiment, by_lot(made["task"], listed), f"{key}.seeds")
    st.subheader("Base", divider="gray")
    made["base"] = composer.draw_base()
    st.subheader("Variants", divider="gray")
    drawn = []
    for index, variant in enumerate(listed):
        others = [other["name"] for other in listed if other is not variant]
        color = composer.colors[index % len(composer.colors)]
        drawn.append(draw_variant(composer, index, variant, color, others))
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
    draw_vary(composer)
    made["variants"] = drawn
    return {key: value for key, value in made.items() if value not in ("", [], {}, None)}
