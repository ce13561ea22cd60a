"""An experiment: plain data that says what is compared with what, on which task, with which seeds.

``Experiment`` is the text as written, ``resolve`` completes it with the registry's defaults and turns
it into runs (one variant x one seed), and the canonical form of what decides numbers has a hash.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import ExperimentError, UnknownComponent, allowed_names
from workbench.registry import Registry, SettingError

LONGEST = 1_000_000  # bytes of a file; an experiment is a page of text
SCRATCH = "none"  # as the source of a transfer: start from new weights


def as_reference(value: Any) -> Any:
    """``"adam"`` is ``{"use": "adam"}``."""
    return {"use": value} if isinstance(value, str) else value


def check_reference(value: Any) -> Any:
    """A component is named by a text, or by a table with ``use`` and its settings."""
    value = as_reference(value)
    if not isinstance(value, dict) or not isinstance(value.get("use"), str):
        raise ValueError('give a name, or a table such as { use = "name", setting = 1 }')
    return value


def check_partial(value: Any) -> Any:
    """In a variant ``use`` may be left out: then the settings change those of the base."""
    value = as_reference(value)
    if not isinstance(value, dict) or not isinstance(value.get("use", ""), str):
        raise ValueError('give a name, or a table such as { use = "name", setting = 1 }')
    return value


Reference = Annotated[dict[str, Any], BeforeValidator(check_reference)]
Partial = Annotated[dict[str, Any], BeforeValidator(check_partial)]
Point = tuple[Annotated[float, Field(allow_inf_nan=False)], Annotated[float, Field(allow_inf_nan=False)]]


class Strict(BaseModel):
    """No key that is not known, no number that is a text."""

    model_config = ConfigDict(extra="forbid", strict=True, validate_default=True)


class DescentTask(Strict):
    """A surface, where to start and how many steps to take."""

    surface: Reference = Field({"use": "quadratic"})
    start: Annotated[Point | None, Field(strict=False)] = None  # None: where the surface says
    steps: int = Field(100, ge=1, le=100_000)
    tolerance: float = Field(0.01, gt=0, allow_inf_nan=False)


class TrainingTask(Strict):
    """Data, a model and how long to train."""

    dataset: Reference = Field({"use": "digits"})
    model: Reference = Field({"use": "mlp"})
    epochs: int = Field(3, ge=0, le=10_000)
    batch_size: int = Field(128, ge=1, le=1_000_000)
    normalize: bool = False


class TransferTask(TrainingTask):
    """Besides: what to train on before, and how many labels of each class the target has."""

    source: Reference = Field({"use": SCRATCH})
    source_epochs: int | None = Field(None, ge=1, le=10_000)  # None: as many as epochs
    labels_per_class: int | None = Field(None, ge=1)


class DescentBase(Strict):
    """What moves on the surface."""

    optimizer: Reference = Field({"use": "sgd"})
    schedule: Reference = Field({"use": "constant"})
    remedies: list[Reference] = Field(default_factory=list, max_length=20)


class TrainingBase(Strict):
    """What the network is made of and trained with."""

    optimizer: Reference = Field({"use": "adam"})
    activation: Reference = Field({"use": "relu"})
    initializer: Reference = Field({"use": "torch_default"})
    schedule: Reference = Field({"use": "constant"})
    remedies: list[Reference] = Field(default_factory=list, max_length=20)


class Sweep(Strict):
    """One setting of the optimizer, tried over a range."""

    parameter: str = "lr"
    low: float = Field(0.0, allow_inf_nan=False)
    high: float = Field(0.5, allow_inf_nan=False)
    count: int = Field(256, ge=2, le=100_000)
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _ordered(self) -> Sweep:
        if self.low >= self.high:
            raise ValueError(f"low = {self.low:g} must be below high = {self.high:g}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError("on a log scale low must be above 0")
        return self


class Variant(Strict):
    """Only how it differs from the base."""

    name: str = Field(min_length=1, max_length=80)
    task: dict[str, Any] = Field(default_factory=dict)
    optimizer: Partial | None = None
    activation: Partial | None = None
    initializer: Partial | None = None
    schedule: Partial | None = None
    remedies: list[Reference] | None = Field(None, max_length=20)

    def overrides(self) -> dict[str, Any]:
        """The keys of the base that this variant changes."""
        return self.model_dump(exclude={"name", "task"}, exclude_none=True)


TASKS: dict[str, type[DescentTask] | type[TrainingTask]] = {
    "descent": DescentTask,
    "sweep": DescentTask,
    "training": TrainingTask,
    "transfer": TransferTask,
}
BASES: dict[str, type[DescentBase] | type[TrainingBase]] = {
    "descent": DescentBase,
    "sweep": DescentBase,
    "training": TrainingBase,
    "transfer": TrainingBase,
}
Kind = Literal["descent", "sweep", "training", "transfer"]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Experiment(Strict):
    """Format 1. ``task`` and ``base`` are checked against the models of their kind."""

    format: Literal[1] = 1
    kind: Kind
    title: str = Field("", max_length=200)
    lesson: str = Field("", max_length=20_000)  # what to look at; decides no number
    seeds: list[Seed] = Field(default_factory=lambda: [0], min_length=1, max_length=1000)
    task: dict[str, Any] = Field(default_factory=dict)
    base: dict[str, Any] = Field(default_factory=dict)
    sweep: Sweep | None = None
    variants: list[Variant] = Field(default_factory=list, max_length=500)

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        if self.kind == "sweep" and self.sweep is None:
            self.sweep = Sweep()
        if self.kind != "sweep" and self.sweep is not None:
            raise ValueError(f'[sweep] belongs to kind = "sweep", not {self.kind!r}; remove it')
        for what, values in (("seeds", self.seeds), ("variants", [v.name for v in self.variants])):
            if len(set(values)) < len(values):
                twice = next(value for value in values if values.count(value) > 1)
                raise ValueError(f"{what}: {twice!r} is given twice; each must be unique")
        return self

    @property
    def shown_variants(self) -> list[Variant]:
        """The variants, or the base alone."""
        return self.variants or [Variant(name="base")]


@dataclass(frozen=True)
class Run:
    """One variant with one seed, complete: every setting has its value. Plain data all through."""

    kind: Kind
    variant: str
    seed: int
    task: dict[str, Any]
    base: dict[str, Any]
    sweep: dict[str, Any] | None = None
    source: Run | None = None  # what has to be trained first

    def references(self) -> list[tuple[str, dict[str, Any]]]:
        """Every component it uses, as (kind, reference)."""
        found = [(key, ref) for key, ref in (self.task | self.base).items() if isinstance(ref, dict) and "use" in ref]
        found = [("dataset" if key == "source" else key, ref) for key, ref in found if ref["use"] != SCRATCH]
        return found + [("remedy", ref) for ref in self.base["remedies"]]

    def id(self, registry: Registry) -> str:
        """Equal spec, plugins and versions give an equal id; variant names and titles do not matter."""
        import torch

        from workbench import __version__

        plugins = {registry.owner(kind, ref["use"]).identity for kind, ref in self.references()}
        content = self.content() | {
            "plugins": sorted(plugins),
            "versions": {"workbench": __version__, "torch": torch.__version__},
        }
        return digest(content)[:16]

    def content(self) -> dict[str, Any]:
        """What decides its numbers, as far as the experiment says."""
        return {key: value for key, value in asdict(self).items() if key not in ("variant", "source")} | {
            "source": self.source.content() if self.source else None
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Run:
        """The inverse of ``dataclasses.asdict``."""
        source = plain.get("source")
        return cls(**{**plain, "source": cls.from_dict(source) if source else None})


def digest(content: Any) -> str:
    """SHA-256 of plain data in one canonical spelling."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def parse(plain: Any, where: str = "experiment") -> Experiment:
    """Check plain data for its form; ``ExperimentError`` says where and what would be allowed."""
    if not isinstance(plain, dict):
        raise ExperimentError(f"{where}: an experiment is a table with the key 'kind', not {type(plain).__name__}")
    try:
        experiment = Experiment.model_validate(plain)
        TASKS[experiment.kind].model_validate(experiment.task)
    except ValidationError as error:
        prefix = "task" if error.title.endswith("Task") else ""
        raise explain(error, where, prefix) from None
    try:
        BASES[experiment.kind].model_validate(experiment.base)
    except ValidationError as error:
        raise explain(error, where, "base") from None
    return experiment


def loads(text: str, where: str = "experiment") -> Experiment:
    """Read an experiment from TOML."""
    if len(text.encode()) > LONGEST:
        raise ExperimentError(f"{where}: larger than 1 MB; an experiment is a page of text")
    try:
        plain = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ExperimentError(f"{where}: not valid TOML: {error or 'nested too deeply'}") from None
    return parse(plain, where)


def read(path: str | Path) -> Experiment:
    """Read an experiment from a TOML file."""
    try:
        with open(path, "rb") as file:
            content = file.read(LONGEST + 1)
        return loads(content.decode("utf-8"), str(path))
    except OSError as error:
        raise ExperimentError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ExperimentError(f"{path}: not a text file in UTF-8; an experiment is a TOML file") from None


def dump(experiment: Experiment) -> dict[str, Any]:
    """Plain data without what is empty or left at its default."""
    plain = experiment.model_dump(exclude_none=True)
    plain["variants"] = [{key: value for key, value in v.items() if value or key != "task"} for v in plain["variants"]]
    return {key: value for key, value in plain.items() if value not in ("", [], {}, None)}


def dumps(experiment: Experiment) -> str:
    """Write an experiment as TOML, short components in one line each."""
    return tomli_w.dumps(dump(experiment), multiline_strings=True)


def explain(error: ValidationError, where: str, prefix: str) -> ExperimentError:
    """Turn pydantic's report into one sentence: file, key, value, and what would be allowed."""
    first = error.errors()[0]
    steps = [str(step) for step in first["loc"] if not str(step).startswith("function-")]
    key = ".".join([prefix, *steps] if prefix else steps)
    context = first.get("ctx", {})
    more = f" ({len(error.errors()) - 1} more after this)" if len(error.errors()) > 1 else ""
    if first["type"] == "extra_forbidden":
        owner: Any = {"task": TASKS, "base": BASES}.get(prefix)
        fields: Iterable[str]
        if owner:
            model = next(m for m in (*owner.values(), Sweep) if m.__name__ == error.title)
            fields = model.model_fields
        elif len(steps) > 1 and steps[0] in ("variants", "sweep"):
            fields = (Variant if steps[0] == "variants" else Sweep).model_fields
        else:
            fields = Experiment.model_fields
        return ExperimentError(f"{where}: unknown key '{key}'; {allowed_names(steps[-1], fields)}{more}")
    if first["type"] == "missing":
        kinds = f"; allowed: {', '.join(TASKS)}" if key == "kind" else ""
        return ExperimentError(f"{where}: the key '{key}' is missing{kinds}{more}")
    if first["type"] == "literal_error":
        names = [name.strip(" '") for name in str(context["expected"]).replace(" or ", ", ").split(",")]
        return ExperimentError(f"{where}: {key} = {first['input']!r}; {allowed_names(first['input'], names)}{more}")
    reason = first["msg"].removeprefix("Value error, ")
    shown = f"{key} = {first['input']!r:.80}: " if key else ""
    return ExperimentError(f"{where}: {shown}{reason[:1].lower()}{reason[1:]}{more}")


def merge(reference: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """A change that names no component, or the same one, keeps the base's other settings."""
    if change.get("use", reference["use"]) == reference["use"]:
        return reference | change
    return change


def resolve(experiment: Experiment, registry: Registry, where: str = "experiment") -> list[Run]:
    """All runs of an experiment, every setting complete; ``ExperimentError`` names what does not fit."""
    return [
        resolve_variant(experiment, variant, seed, registry, where)
        for variant in experiment.shown_variants
        for seed in experiment.seeds
    ]


def resolve_variant(experiment: Experiment, variant: Variant, seed: int, registry: Registry, where: str) -> Run:
    """One variant with one seed, complete."""
    kind = experiment.kind
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
    if kind in ("descent", "sweep"):
        if task["start"] is None:
            task["start"] = registry.get("surface", task["surface"]["use"]).start
        task["start"] = [float(number) for number in task["start"]]
    check_remedies(base["remedies"], registry, kind, place)
    sweep = complete_sweep(experiment, base, registry, place) if experiment.sweep else None
    run = Run(kind, variant.name, seed, task, base, sweep)
    if kind == "transfer" and task["source"]["use"] != SCRATCH:
        original = {key: complete(registry, key, common[key], place) for key in ("optimizer", "schedule")}
        kept = [ref for ref in base["remedies"] if registry.get("remedy", ref["use"]).pretraining]
        source_task = {key: task[key] for key in ("model", "batch_size", "normalize")}
        source_task |= {"dataset": task["source"], "epochs": task["source_epochs"] or task["epochs"]}
        source = Run("training", "source", seed, source_task, base | original | {"remedies": kept})
        run = Run(kind, variant.name, seed, task, base, sweep, source)
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
        raise explain(error, place, "task") from None


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
        raise ExperimentError(f"{place}: {key}.{error.key}: {error}") from None


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
        if kind in ("descent", "sweep") and remedy.needs_network():
            raise ExperimentError(
                f"{place}: remedies: {name!r} changes a network, and a surface has none; remove it or train"
            )


def complete_sweep(experiment: Experiment, base: dict[str, Any], registry: Registry, place: str) -> dict[str, Any]:
    """The sweep, after a look whether the optimizer has that setting as a number."""
    assert experiment.sweep
    optimizer = registry.get("optimizer", base["optimizer"]["use"])
    numbers = [param.name for param in optimizer.params if type(param.default) is float]
    if experiment.sweep.parameter not in numbers:
        raise ExperimentError(
            f"{place}: sweep.parameter = {experiment.sweep.parameter!r}: optimizer {optimizer.name!r} has no such "
            f"number; {allowed_names(experiment.sweep.parameter, numbers)}"
        )
    return experiment.sweep.model_dump()


def canonical(experiment: Experiment, registry: Registry) -> dict[str, Any]:
    """What decides the numbers, complete: equal experiments have equal canonical forms."""
    runs = resolve(experiment, registry)
    return {"format": 1, "runs": [{"variant": run.variant} | run.content() for run in runs]}


def hash_of(experiment: Experiment, registry: Registry) -> str:
    """Ten characters that stand for the canonical form, shown in every picture's footer."""
    return digest(canonical(experiment, registry))[:10]


def vary(experiment: Experiment, axes: Mapping[str, Iterable[Any]]) -> Experiment:
    """Cross every value of every key into variants: ``vary(e, {"optimizer.lr": [0.01, 0.1]})``.

    A key is one of the base (``activation``), a setting of it (``optimizer.lr``), or one of the task
    (``task.batch_size``, ``task.model.depth``). The variants that were there are replaced.
    """
    keys = list(axes)
    variants = []
    for values in itertools.product(*(list(axes[key]) for key in keys)):
        changes: dict[str, Any] = {}
        for key, value in zip(keys, values, strict=True):
            place = changes
            *path, last = key.split(".")
            for step in path:
                place = place.setdefault(step, {})
            place[last] = value
        name = ", ".join(f"{key.rsplit('.', 1)[-1]} {spell(v)}" for key, v in zip(keys, values, strict=True))
        variants.append({"name": name, **changes})
    return parse(dump(experiment) | {"variants": variants}, "vary")


def spell(value: Any) -> str:
    """A value as it stands in a variant's name."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return str(value.get("use", value))
    if isinstance(value, list):
        return " + ".join(spell(item) for item in value) or "none"
    return str(value)
