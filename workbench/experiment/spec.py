"""The experiment as written: what keys there are and what they take (format 1)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

SCRATCH = "none"  # as the source of a transfer: start from new weights
MOST_RUNS = 10_000  # variants x seeds
MOST_CELLS = 1_048_576  # of a map: 1024 x 1024


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
    # None: where the surface says; "random": drawn anew from the domain for each seed
    start: Annotated[Point, Field(strict=False)] | Literal["random"] | None = None
    steps: int = Field(100, ge=1, le=100_000)
    tolerance: float = Field(0.01, gt=0, allow_inf_nan=False)


class TrainingTask(Strict):
    """Data, a model and how long to train."""

    dataset: Reference = Field({"use": "digits"})
    model: Reference = Field({"use": "mlp"})
    epochs: int = Field(3, ge=0, le=10_000)
    batch_size: int = Field(128, ge=1, le=1_000_000)
    normalize: bool = False
    probes: Literal["off", "light", "full"] = "light"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"


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


class Axis(Strict):
    """One setting, tried over a range: ``lr`` or another number of the optimizer, ``surface.NAME``,
    ``schedule.NAME``, ``REMEDY.NAME``, or the start, ``start.x`` and ``start.y``.
    """

    parameter: str = "lr"
    low: float | None = Field(None, allow_inf_nan=False)  # None: where trying it begins to make sense
    high: float | None = Field(None, allow_inf_nan=False)
    count: int = Field(256, ge=2, le=100_000)
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _ordered(self) -> Axis:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low = {self.low:g} must be below high = {self.high:g}")
        if self.scale == "log" and self.low is not None and self.low <= 0:
            raise ValueError("on a log scale low must be above 0")
        return self


class Sweep(Axis):
    """One setting tried over a range; with ``second`` every pair of two, as a map."""

    second: Axis | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Sweep:
        if self.second is not None:
            if self.second.parameter == self.parameter:
                raise ValueError(f"second.parameter = {self.parameter!r} is the first one again; choose another")
            if (cells := self.count * self.second.count) > MOST_CELLS:
                raise ValueError(f"count x second.count are {cells} cells; allowed: at most {MOST_CELLS}")
        return self


class Tune(Strict):
    """How many settings of its own each optimizer is given to try; they are drawn at random."""

    trials: int = Field(32, ge=2, le=10_000)


class Fork(Strict):
    """Where a variant branches off: equal to another one, or to the base alone, up to a step."""

    step: int = Field(ge=1)  # updates made when it branches off
    variant: str | None = None  # None: the base


def check_name(name: str) -> str:
    """A name that can be read: it stands in tables, legends and terminals."""
    if not name.isprintable() or not name.strip():
        raise ValueError("not a name that can be read: leave out control characters and line breaks")
    return name


class Variant(Strict):
    """Only how it differs from the base, or from the variant that it is a fork of."""

    name: Annotated[str, Field(min_length=1, max_length=80), AfterValidator(check_name)]
    fork: Fork | None = None
    task: dict[str, Any] = Field(default_factory=dict)
    optimizer: Partial | None = None
    activation: Partial | None = None
    initializer: Partial | None = None
    schedule: Partial | None = None
    remedies: list[Reference] | None = Field(None, max_length=20)

    def overrides(self) -> dict[str, Any]:
        """The keys of the base that this variant changes."""
        return self.model_dump(exclude={"name", "task", "fork"}, exclude_none=True)


TASKS: dict[str, type[DescentTask] | type[TrainingTask]] = {
    "descent": DescentTask,
    "sweep": DescentTask,
    "tune": DescentTask,
    "training": TrainingTask,
    "transfer": TransferTask,
}


BASES: dict[str, type[DescentBase] | type[TrainingBase]] = {
    "descent": DescentBase,
    "sweep": DescentBase,
    "tune": DescentBase,
    "training": TrainingBase,
    "transfer": TrainingBase,
}


Kind = Literal["descent", "sweep", "tune", "training", "transfer"]
SURFACES = ("descent", "sweep", "tune")  # the kinds that descend on a surface
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
    tune: Tune | None = None
    variants: list[Variant] = Field(default_factory=list, max_length=500)

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        if self.kind == "sweep" and self.sweep is None:
            self.sweep = Sweep()
        if self.kind == "tune" and self.tune is None:
            self.tune = Tune()
        for key in ("sweep", "tune"):
            if self.kind != key and getattr(self, key) is not None:
                raise ValueError(f'[{key}] belongs to kind = "{key}", not {self.kind!r}; remove it')
        given: dict[str, list[Any]] = {"seeds": self.seeds, "variants": [v.name for v in self.variants]}
        for what, values in given.items():
            if len(set(values)) < len(values):
                twice = next(value for value in values if values.count(value) > 1)
                raise ValueError(f"{what}: {twice!r} is given twice; each must be unique")
        check_forks(self)
        if (count := len(self.seeds) * len(self.shown_variants)) > MOST_RUNS:
            raise ValueError(f"variants x seeds are {count} runs; allowed: at most {MOST_RUNS}")
        return self

    @property
    def shown_variants(self) -> list[Variant]:
        """The variants, or the base alone."""
        return self.variants or [Variant(name="base")]


def check_forks(experiment: Experiment) -> None:
    """Raise ``ValueError`` unless every fork is of a variant that stands before it, in a training."""
    before: list[str] = []
    for variant in experiment.variants:
        if fork := variant.fork:
            place = f"variant {variant.name!r}: fork"
            if experiment.kind not in ("training", "transfer"):
                raise ValueError(f"{place} belongs to trainings; a descent of kind {experiment.kind!r} is over at once")
            if fork.variant is not None and fork.variant not in before:
                known = ", ".join(map(repr, before)) or "none"
                raise ValueError(
                    f"{place}.variant = {fork.variant!r} is no variant that stands before it; allowed: {known}, "
                    "or leave it out to branch off the base"
                )
            if others := sorted(set(variant.task) - {"epochs"}):
                raise ValueError(f"{place}: task.{others[0]} cannot change at a fork; only task.epochs can")
        before.append(variant.name)
