"""From what is written to what is run: every setting complete, every variant and seed a run with a hash."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import ValidationError

from workbench import house
from workbench.components import Dataset
from workbench.errors import ExperimentError, UnknownComponent, allowed_names
from workbench.experiment.axes import complete_axis, tuned
from workbench.experiment.explain import explain, spell_key
from workbench.experiment.spec import (
    BASES,
    SCRATCH,
    SURFACES,
    TASKS,
    Experiment,
    Kind,
    Sweep,
    Tune,
    Variant,
    as_reference,
)
from workbench.experiment.spec import Fork as ForkSpec
from workbench.registry import Registry, SettingError

_held: dict[str, tuple[float, str]] = {}


def held(reference: Mapping[str, Any], registry: Registry) -> str:
    """What the files of a data set hold; empty where nobody changes them, or when they are not there: the run says so.

    Looked at once a second at most, since a page asks for the ids of a hundred runs at a time.
    """
    component: Dataset = registry.get("dataset", reference["use"])
    if component.fingerprint is None:
        return ""
    key, now = repr((str(house.data()), sorted(reference.items()))), time.monotonic()
    if key not in _held or now - _held[key][0] > 1:
        try:
            _held[key] = (now, component.held(house.data(), reference))
        except Exception:  # a plugin's, or a file that is not there
            _held[key] = (now, "")
    return _held[key][1]


@dataclass(frozen=True)
class Fork:
    """The trunk of a branch, and the number of updates after which the branch begins."""

    run: Run
    step: int

    @property
    def content(self) -> dict[str, Any]:
        """What decides its numbers."""
        return {"run": self.run.content(), "step": self.step}


@dataclass(frozen=True)
class Run:
    """One variant with one seed, complete: every setting has its value. Plain data all through."""

    kind: Kind
    variant: str
    seed: int
    task: dict[str, Any]
    base: dict[str, Any]
    sweep: dict[str, Any] | None = None
    tune: dict[str, Any] | None = None
    source: Run | None = None  # what has to be trained first
    fork: Fork | None = None  # what it is a branch of

    def references(self) -> list[tuple[str, dict[str, Any]]]:
        """Every component it uses, as (kind, reference)."""
        found = [(key, ref) for key, ref in (self.task | self.base).items() if isinstance(ref, dict) and "use" in ref]
        found = [("dataset" if key == "source" else key, ref) for key, ref in found if ref["use"] != SCRATCH]
        return found + [("remedy", ref) for ref in self.base["remedies"]]

    def all_references(self) -> list[tuple[str, dict[str, Any]]]:
        """Besides, those of the runs that it builds on."""
        others = [run for run in (self.source, self.fork.run if self.fork else None) if run is not None]
        return self.references() + [reference for other in others for reference in other.all_references()]

    def id(self, registry: Registry) -> str:
        """Equal spec, plugins and versions give an equal id; variant names and titles do not matter."""
        plugins = {registry.owner(kind, ref["use"]).identity for kind, ref in self.all_references()}
        content = self.content() | {
            "plugins": sorted(plugins),
            "versions": versions(),
        }
        if data := sorted(
            filter(None, (held(ref, registry) for kind, ref in self.all_references() if kind == "dataset"))
        ):
            content["data"] = data
        return digest(content)[:16]

    def content(self) -> dict[str, Any]:
        """What decides its numbers, as far as the experiment says."""
        decisive = {"kind", "seed", "task", "base", "sweep"}
        content = {key: value for key, value in asdict(self).items() if key in decisive}
        content["source"] = self.source.content() if self.source else None
        content |= {"tune": self.tune} if self.tune else {}
        return content | ({"fork": self.fork.content} if self.fork else {})

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Run:
        """The inverse of ``dataclasses.asdict``."""
        source, fork = plain.get("source"), plain.get("fork")
        made_source = cls.from_dict(source) if source else None
        made_fork = Fork(cls.from_dict(fork["run"]), fork["step"]) if fork else None
        return cls(**{**plain, "source": made_source, "fork": made_fork})

    def with_seed(self, seed: int) -> Run:
        """The same run, and all that it builds on, with another seed."""
        source = self.source.with_seed(seed) if self.source else None
        fork = Fork(self.fork.run.with_seed(seed), self.fork.step) if self.fork else None
        return replace(self, seed=seed, source=source, fork=fork)


def versions() -> dict[str, str]:
    """What decides numbers besides the experiment and the plugins."""
    import torch

    from workbench import __version__

    return {"workbench": __version__, "torch": str(torch.__version__)}


def digest(content: Any) -> str:
    """SHA-256 of plain data in one canonical spelling."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def merge(reference: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """A change that names no component, or the same one, keeps the base's other settings."""
    if change.get("use", reference["use"]) == reference["use"]:
        return reference | change
    return change


def resolve(experiment: Experiment, registry: Registry, where: str = "experiment") -> list[Run]:
    """All runs of an experiment, every setting complete; ``ExperimentError`` names what does not fit."""
    found: dict[str, Run] = {}
    for variant in experiment.shown_variants:
        if variant.fork is None:
            found[variant.name] = resolve_variant(experiment, variant, registry, where)
        else:
            found[variant.name] = resolve_fork(experiment, variant, variant.fork, found, registry, where)
    return [run.with_seed(seed) for run in found.values() for seed in experiment.seeds]


def resolve_fork(
    experiment: Experiment, variant: Variant, fork: ForkSpec, found: Mapping[str, Run], registry: Registry, where: str
) -> Run:
    """A branch: the trunk's composition with the variant's changes, from the trunk's state at a step."""
    if fork.variant is None:
        trunk = resolve_variant(experiment, Variant(name="base"), registry, where)
    else:
        trunk = found[fork.variant]
    if trunk.fork is not None and fork.step < trunk.fork.step:
        raise ExperimentError(
            f"{where}: variant {variant.name!r}: fork.step = {fork.step}: {fork.variant!r} itself branches off at step "
            f"{trunk.fork.step}; fork there or later, or fork what it branches off"
        )
    task = {key: value for key, value in trunk.task.items() if value is not None}
    # The trunk as an experiment of its own, so that the branch differs from it as a variant does from a base.
    alone = experiment.model_copy(update={"base": trunk.base, "task": task, "variants": [variant]})
    branch = resolve_variant(alone, variant, registry, where)
    return replace(branch, source=trunk.source, fork=Fork(trunk, fork.step))


def resolve_variant(experiment: Experiment, variant: Variant, registry: Registry, where: str) -> Run:
    """One variant with the first seed, complete."""
    kind, seed = experiment.kind, experiment.seeds[0]
    place = f"{where}: variant {variant.name!r}" if experiment.variants else where
    common = BASES[kind].model_validate(experiment.base).model_dump()
    base = dict(common)
    for key, change in variant.overrides().items():
        if key not in base:
            raise ExperimentError(f"{place}: {key} plays no part in kind = {kind!r}; {allowed_names(key, base)}")
        base[key] = change if key == "remedies" else merge(base[key], change)
    task = complete_task(experiment, variant, place)
    base = {key: complete(registry, key, value, place) for key, value in base.items()}
    for key in ("surface", "dataset", "model", "source"):
        if key in task and task[key]["use"] != SCRATCH:
            task[key] = complete(registry, key, task[key], place)
    if kind in SURFACES:
        task["start"] = complete_start(task, registry, place)
        for key in ("optimizer", "schedule"):
            if reason := registry.get(key, base[key]["use"]).off_surface:
                raise ExperimentError(
                    f"{place}: {key} {base[key]['use']!r} does not work on a surface: {reason}; choose another, or "
                    "train a network with it"
                )
    check_remedies(base["remedies"], registry, kind, place)
    sweep = complete_sweep(experiment.sweep, base, task, registry, place) if experiment.sweep else None
    tune = complete_tune(experiment.tune, base, registry, place) if experiment.tune else None
    run = Run(kind, variant.name, seed, task, base, sweep, tune)
    if kind == "transfer" and task["source"]["use"] != SCRATCH:
        original = {key: complete(registry, key, common[key], place) for key in ("optimizer", "schedule")}
        kept = [ref for ref in base["remedies"] if registry.get("remedy", ref["use"]).pretraining]
        source_task = {key: task[key] for key in ("model", "batch_size", "normalize", "probes", "device")}
        source_task |= {"dataset": task["source"], "epochs": task["source_epochs"] or task["epochs"]}
        source = Run("training", "source", seed, source_task, base | original | {"remedies": kept})
        run = replace(run, source=source)
    return run


def complete_task(experiment: Experiment, variant: Variant, place: str) -> dict[str, Any]:
    """The task with the variant's changes and all defaults."""
    model = TASKS[experiment.kind]
    task = model.model_validate(experiment.task).model_dump()
    for key, change in variant.task.items():
        current = task.get(key)
        change = as_reference(change) if isinstance(current, dict) else change
        task[key] = merge(current, change) if isinstance(current, dict) and isinstance(change, dict) else change
    try:
        return model.model_validate(task).model_dump()
    except ValidationError as error:
        raise explain(error, model, task, place, "task") from None


def complete(registry: Registry, key: str, value: Any, place: str) -> Any:
    """A reference (or the list of remedies) with every setting at its value."""
    if key == "remedies":
        return [complete(registry, "remedy", reference, place) for reference in value]
    kind = "dataset" if key == "source" else key
    given = {name: setting for name, setting in value.items() if name != "use"}
    try:
        return {"use": value["use"]} | registry.settings(kind, value["use"], given)
    except UnknownComponent as error:
        raise ExperimentError(f"{place}: {key}: {error}") from None
    except SettingError as error:
        raise ExperimentError(f"{place}: {spell_key([key, error.key])}: {error}") from None


def check_remedies(remedies: list[dict[str, Any]], registry: Registry, kind: str, place: str) -> None:
    """Refuse remedies that clash, come twice, or need a network where there is none."""
    names = [reference["use"] for reference in remedies]
    for index, name in enumerate(names):
        remedy = registry.get("remedy", name)
        if name in names[:index]:
            raise ExperimentError(f"{place}: remedies: {name!r} is given twice; give it once")
        for other in names:
            if other in remedy.clashes:
                raise ExperimentError(f"{place}: remedies: {name!r} and {other!r} clash; use one of them")
        if kind in SURFACES and remedy.needs_network():
            raise ExperimentError(
                f"{place}: remedies: {name!r} needs a network, and a surface has none; remove it or train"
            )


def complete_start(task: dict[str, Any], registry: Registry, place: str) -> list[float] | str:
    """Where a descent starts, after a look whether that can be seen; "random" stays."""
    surface, start = task["surface"], task["start"]
    if start == "random":
        return "random"
    if start is None:
        start = registry.get("surface", surface["use"]).start
        start = [min(max(at, surface[axis][0]), surface[axis][1]) for axis, at in zip("xy", start, strict=True)]
    for axis, at in zip("xy", start, strict=True):
        low, high = surface[axis]
        if not low <= at <= high:
            wider = f"{axis} = [{min(low, at):g}, {max(high, at):g}]"
            raise ExperimentError(
                f"{place}: task.start = [{start[0]:g}, {start[1]:g}] lies outside the part of the surface that is "
                f"drawn; allowed: {axis} from {low:g} to {high:g}, or draw more of it: surface = "
                f'{{ use = "{surface["use"]}", {wider} }}'
            )
    return [float(number) for number in start]


def complete_sweep(
    sweep: Sweep, base: dict[str, Any], task: dict[str, Any], registry: Registry, place: str
) -> dict[str, Any]:
    """The sweep with all ends, after a look whether there are such numbers."""
    axes = [(sweep, "sweep"), *([(sweep.second, "sweep.second")] if sweep.second else [])]
    if task["start"] == "random" and any(axis.parameter.startswith("start.") for axis, _ in axes):
        raise ExperimentError(f'{place}: task.start = "random" and a sweep over starts exclude each other; choose one')
    first, *second = (complete_axis(axis, registry, base, task, place, key) for axis, key in axes)
    return first | ({"second": second[0]} if second else {})


def complete_tune(tune: Tune, base: dict[str, Any], registry: Registry, place: str) -> dict[str, Any]:
    """The tuning, after a look whether the optimizer has anything to tune."""
    optimizer = base["optimizer"]["use"]
    if not tuned(registry, optimizer):
        raise ExperimentError(
            f"{place}: no setting of optimizer {optimizer!r} says which range is worth trying, so it cannot be "
            "tuned; its plugin can say so with Param(..., search=(low, high))"
        )
    return tune.model_dump()


def canonical(experiment: Experiment, registry: Registry) -> dict[str, Any]:
    """What decides the numbers, complete: equal experiments have equal canonical forms."""
    first = experiment.model_copy(update={"seeds": experiment.seeds[:1]})
    variants = [{"variant": run.variant} | run.content() for run in resolve(first, registry)]
    return {"format": 1, "seeds": experiment.seeds, "variants": variants}


def hash_of(experiment: Experiment, registry: Registry) -> str:
    """Ten characters that stand for the canonical form, shown in every picture's footer."""
    return digest(canonical(experiment, registry))[:10]
