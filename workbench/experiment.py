"""An experiment: plain data that says what is compared with what, on which task, with which seeds.

``Experiment`` is the text as written, ``resolve`` completes it with the registry's defaults and turns
it into runs (one variant x one seed), and the canonical form of what decides numbers has a hash.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from workbench.errors import ExperimentError, UnknownComponent, allowed_names
from workbench.registry import Registry, SettingError

LONGEST = 1_000_000  # bytes of a file; an experiment is a page of text
DEEPEST = 8  # tables within tables
MOST_RUNS = 10_000  # variants x seeds
SCRATCH = "none"  # as the source of a transfer: start from new weights


def as_reference(value: Any) -> Any:
    """``"adam"`` is ``{"use": "adam"}``."""
    return {"use": value} if isinstance(value, str) else value


def check_reference(value: Any) -> Any:
    """A component is named by a text, or by a table with ``use`` and its settings."""
    value = as_reference(value)
    if not isinstance(value, dict) or not isinstance(value.get("use"), str):
        raise ValueError("not the name of a component")
    return value


def check_partial(value: Any) -> Any:
    """In a variant ``use`` may be left out: then the settings change those of the base."""
    value = as_reference(value)
    if not isinstance(value, dict) or not isinstance(value.get("use", ""), str):
        raise ValueError("not the name of a component")
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
        given: dict[str, list[Any]] = {"seeds": self.seeds, "variants": [v.name for v in self.variants]}
        for what, values in given.items():
            if len(set(values)) < len(values):
                twice = next(value for value in values if values.count(value) > 1)
                raise ValueError(f"{what}: {twice!r} is given twice; each must be unique")
        if (count := len(self.seeds) * len(self.shown_variants)) > MOST_RUNS:
            raise ValueError(f"variants x seeds are {count} runs; allowed: at most {MOST_RUNS}")
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

        references = self.references() + (self.source.references() if self.source else [])
        plugins = {registry.owner(kind, ref["use"]).identity for kind, ref in references}
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
    if not isinstance(plain, Mapping):
        raise ExperimentError(f"{where}: an experiment is a table with the key 'kind', not {show(plain)}")
    plain = plain_data(plain, where, ())
    try:
        experiment = Experiment.model_validate(plain)
    except ValidationError as error:
        raise explain(error, Experiment, plain, where) from None
    for part, model in (("task", TASKS[experiment.kind]), ("base", BASES[experiment.kind])):
        given = getattr(experiment, part)
        try:
            complete = model.model_validate(given).model_dump()
        except ValidationError as error:
            raise explain(error, model, given, where, part) from None
        for key in given:  # one spelling of a reference, whoever reads it
            if isinstance(complete[key], dict | list):
                given[key] = complete[key]
    return experiment


def plain_data(value: Any, where: str, path: tuple[int | str, ...]) -> Any:
    """A deep copy in tables, lists, texts, numbers and truth values only; absent is the same as None."""
    key = spell_key(path)
    if len(path) > DEEPEST:
        raise ExperimentError(f"{where}: {key} is nested too deeply; allowed: at most {DEEPEST} levels")
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str) or not unicode(name):
                raise ExperimentError(f"{where}: {show(name)} in {key or 'the experiment'} is no key; keys are texts")
        return {k: plain_data(v, where, (*path, k)) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [plain_data(item, where, (*path, index)) for index, item in enumerate(value) if item is not None]
    if isinstance(value, float) and not math.isfinite(value):
        raise ExperimentError(f"{where}: {key} = {value}: not a finite number; allowed: numbers below 1.8e308")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ExperimentError(f"{where}: {key} is a number of more than 64 bits; allowed: whole numbers below 2^63")
    if isinstance(value, str) and not unicode(value):
        raise ExperimentError(f"{where}: {key} holds half a character; write it anew, in UTF-8")
    if type(value) not in (bool, int, float, str):
        raise ExperimentError(f"{where}: {key} = {show(value)}: allowed: a table, list, text, number, true or false")
    return value


def unicode(text: str) -> bool:
    """Whether a text can be written in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def loads(text: str, where: str = "experiment") -> Experiment:
    """Read an experiment from TOML."""
    if len(text) > LONGEST or len(text.encode(errors="replace")) > LONGEST:
        raise ExperimentError(f"{where}: larger than 1 MB; an experiment is a page of text")
    try:
        plain = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: TOMLDecodeError, or a number of 5,000 digits
        reason = "nested too deeply" if isinstance(error, RecursionError) else tidy(str(error), 200)
        raise ExperimentError(f"{where}: not valid TOML: {reason}") from None
    return parse(plain, where)


def read(path: str | Path) -> Experiment:
    """Read an experiment from a TOML file."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(LONGEST + 1)
        return loads(content.decode("utf-8-sig"), str(path))
    except OSError as error:
        raise ExperimentError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ExperimentError(f"{path}: not a text file in UTF-8; an experiment is a TOML file") from None


def dump(experiment: Experiment) -> dict[str, Any]:
    """Plain data without what is empty or left at its default; components without settings by name alone."""
    plain = experiment.model_dump(exclude_none=True)
    for part in (plain["task"], plain["base"], *plain["variants"], *(v["task"] for v in plain["variants"])):
        part |= {key: short(value) for key, value in part.items()}
    plain["variants"] = [{key: value for key, value in v.items() if value or key != "task"} for v in plain["variants"]]
    return {key: value for key, value in plain.items() if value not in ("", [], {})}


def short(value: Any) -> Any:
    """``{"use": "adam"}`` is ``"adam"``."""
    if isinstance(value, list):
        return [short(item) for item in value]
    return value["use"] if isinstance(value, dict) and list(value) == ["use"] else value


def dumps(experiment: Experiment) -> str:
    """Write an experiment as TOML, one setting a line, as a person would."""
    plain = dump(experiment)
    variants = plain.pop("variants", [])
    tables = [(f"[{key}]", plain.pop(key)) for key in ("task", "base", "sweep") if key in plain]
    blocks = [("", plain), *tables, *(("[[variants]]", variant) for variant in variants)]
    return "\n".join(f"{head}\n{lines(table)}" if head else lines(table) for head, table in blocks)


def lines(table: dict[str, Any]) -> str:
    """``key = value`` lines."""
    return "".join(f"{inline({key: value})}\n" for key, value in table.items())


def inline(table: dict[str, Any]) -> str:
    """``key = value, key = value``, as within one table in one line; a long text over several."""
    return ", ".join(f"{tomli_w.dumps({key: 0})[:-5]} = {literal(value)}" for key, value in table.items())


def literal(value: Any) -> str:
    """A value as it stands behind ``=``."""
    if isinstance(value, dict):
        return f"{{ {inline(value)} }}" if value else "{}"
    if isinstance(value, list):
        return f"[{', '.join(literal(item) for item in value)}]"
    several = isinstance(value, str) and "\n" in value and "\r" not in value
    return tomli_w.dumps({"k": value}, multiline_strings=several)[4:-1]


def explain(
    error: ValidationError, model: type[BaseModel], given: dict[str, Any], where: str, part: str = ""
) -> ExperimentError:
    """Turn pydantic's report into one sentence: file, key, value, and what would be allowed."""
    first = min(error.errors(), key=lambda report: report["type"] != "extra_forbidden")
    steps = [step for step in first["loc"] if not str(step).startswith("function-")]
    owner, inner = model, steps
    if steps[:1] == ["variants"] and len(steps) > 1:
        variant = given["variants"][steps[1]]
        name = variant.get("name") if isinstance(variant, dict) else None
        where += f": variant {show(name)}" if isinstance(name, str) else f": variants[{steps[1]}]"
        owner, inner = Variant, steps[2:]
        steps = inner
    elif steps[:1] == ["sweep"] and len(steps) > 1:
        owner, inner = Sweep, steps[1:]
    key = spell_key([part, *steps] if part else steps)
    more = f" ({error.error_count() - 1} more after this)" if error.error_count() > 1 else ""
    field = owner.model_fields.get(str(inner[0])) if inner else None
    if first["type"] == "extra_forbidden":
        return ExperimentError(f"{where}: unknown key '{key}'; {allowed_names(inner[-1], owner.model_fields)}{more}")
    if first["type"] == "missing" and len(inner) == 1:
        allowed = f"; allowed: {describe(field)}" if field else ""
        return ExperimentError(f"{where}: the key '{key}' is missing{allowed}{more}")
    value = given.get(str(inner[0])) if inner and owner is model and len(steps) == 1 else first["input"]
    shown = f"{key} = {show(value)}: " if key else f"{show(value)}: "
    if first["type"] == "value_error" and "not the name" not in first["msg"]:
        return ExperimentError(f"{where}: {shown if inner else ''}{first['msg'].removeprefix('Value error, ')}{more}")
    if first["type"] == "literal_error" and field:
        return ExperimentError(f"{where}: {shown}{allowed_names(value, map(str, choices(field)))}{more}")
    allowed = describe(field) if field else "a table"
    return ExperimentError(f"{where}: {shown}not allowed; allowed: {allowed}{more}")


def describe(field: FieldInfo) -> str:
    """What a key takes, in words: ``a whole number from 1 to 1000``."""
    rules = {rule: getattr(m, rule) for m in field.metadata for rule in ("ge", "gt", "le", "lt") if hasattr(m, rule)}
    form = str(field.annotation)
    if named := choices(field):
        return ", ".join(map(str, named))
    if "BeforeValidator" in form + str(field.metadata):
        component = 'a name, or a table such as { use = "name", setting = 1 }'
        return f"a list of at most 20 of {component}" if form.startswith("list") else component
    if form.startswith("list[typing.Annotated[int"):
        return "a list of 1 to 1000 whole numbers from 0 to 2147483647, such as [0, 1, 2]"
    if "tuple" in form:
        return "two numbers, as in [1.5, 1.5]"
    if "dict" in form or "list" in form or "Sweep" in form:
        return "a list of at most 500 tables" if "list" in form else "a table"
    if "bool" in form or "str" in form:
        longest = next((m.max_length for m in field.metadata if hasattr(m, "max_length")), None)
        return (
            "true or false" if "bool" in form else "a text" + (f" of at most {longest} characters" if longest else "")
        )
    words = "a whole number" if "int" in form else "a number"
    if "gt" in rules:
        words += f" above {rules['gt']:g}"
    if "ge" in rules:
        words += f" from {rules['ge']} to {rules['le']}" if "le" in rules else f" of at least {rules['ge']}"
    return words


def choices(field: FieldInfo) -> tuple[Any, ...]:
    """The allowed values of a ``Literal``."""
    return get_args(field.annotation) if "Literal" in str(field.annotation) else ()


def spell_key(steps: Iterable[int | str]) -> str:
    """``variants[0].optimizer``, short and in one line whatever the file says."""
    key = ""
    for step in steps:
        key += f"[{step}]" if isinstance(step, int) else f".{step}" if key else step
    return tidy(key, 80)


def show(value: Any) -> str:
    """A value in a message: in one line and short."""
    if isinstance(value, int) and abs(value) >= 2**64:
        return "a number of more than 64 bits"
    if isinstance(value, str | bool | float | int | list | dict) and len(str(value)) <= 2000:
        return tidy(repr(value), 80)
    return f"{str(value)[:60]!r}..." if isinstance(value, str) else f"a {type(value).__name__}"


def tidy(text: str, longest: int) -> str:
    """A text in one line, shortened."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def merge(reference: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """A change that names no component, or the same one, keeps the base's other settings."""
    if change.get("use", reference["use"]) == reference["use"]:
        return reference | change
    return change


def resolve(experiment: Experiment, registry: Registry, where: str = "experiment") -> list[Run]:
    """All runs of an experiment, every setting complete; ``ExperimentError`` names what does not fit."""
    runs = []
    for variant in experiment.shown_variants:
        run = resolve_variant(experiment, variant, experiment.seeds[0], registry, where)
        for seed in experiment.seeds:
            source = replace(run.source, seed=seed) if run.source else None
            runs.append(replace(run, seed=seed, source=source))
    return runs


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
    first = experiment.model_copy(update={"seeds": experiment.seeds[:1]})
    variants = [{"variant": run.variant} | run.content() for run in resolve(first, registry)]
    return {"format": 1, "seeds": experiment.seeds, "variants": variants}


def hash_of(experiment: Experiment, registry: Registry) -> str:
    """Ten characters that stand for the canonical form, shown in every picture's footer."""
    return digest(canonical(experiment, registry))[:10]


def vary(experiment: Experiment, axes: Mapping[str, Iterable[Any]]) -> Experiment:
    """Cross every value of every key into variants: ``vary(e, {"optimizer.lr": [0.01, 0.1]})``.

    A key is one of the base (``activation``), a setting of it (``optimizer.lr``), or one of the task
    (``task.batch_size``, ``task.model.depth``). The variants that were there are replaced. Raises
    ``ExperimentError`` when a key does not exist or a value does not fit it.
    """
    grid = {key: list(values) for key, values in axes.items()}
    if math.prod(len(values) for values in grid.values()) > 500:
        raise ExperimentError("vary: more than 500 variants; take fewer keys or values")
    variants: list[dict[str, Any]] = []
    for values in itertools.product(*grid.values()) if grid else ():
        changes: dict[str, Any] = {}
        for key, value in zip(grid, values, strict=True):
            put(changes, key, value)
        name = ", ".join(f"{key.rsplit('.', 1)[-1]} {spell(value)}" for key, value in zip(grid, values, strict=True))
        variants.append(changes | {"name": unused(name, [variant["name"] for variant in variants])})
    return parse(dump(experiment) | {"variants": [{"name": v.pop("name"), **v} for v in variants]}, "vary")


def put(changes: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key in nested tables."""
    *path, last = key.split(".")
    for step in path:
        changes[step] = as_reference(changes.get(step, {}))
        if not isinstance(changes[step], dict):
            raise ExperimentError(f"vary: {step} in {show(key)} has no settings; name the key alone")
        changes = changes[step]
    changes[last] = deepcopy(value)


def unused(name: str, taken: list[str]) -> str:
    """A variant's name of at most 80 characters that no other one has."""
    short_name, number = tidy(name, 80) or "variant", 1
    while short_name in taken:
        number += 1
        short_name = f"{tidy(name, 72)} ({number})"
    return short_name


def spell(value: Any) -> str:
    """A value as it stands in a variant's name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        settings = [f"{key} {spell(setting)}" for key, setting in value.items() if key != "use"]
        return " ".join([str(value.get("use", "")), *settings]).strip()
    if isinstance(value, list | tuple):
        return " + ".join(spell(item) for item in value) or "none"
    return str(value)
