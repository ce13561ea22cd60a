"""What a plugin hands over: plain, frozen descriptions with one schema for their settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.param import Interval, Param, Value, pair, plain

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

FAR = 1e100  # how far from 0 a surface can be drawn


@dataclass(frozen=True)
class Component:
    """What all components have in common.

    ``factory`` makes the thing from the settings (keyword arguments, one per Param). ``title`` is the
    name people read, ``equation`` is LaTeX, ``reference`` says author, year and arXiv number.
    """

    kind: ClassVar[str] = "component"
    hosted: ClassVar[Sequence[str]] = ()  # settings that the bench itself obeys; the factory is not given them

    name: str
    factory: Callable[..., Any]
    params: Sequence[Param] = ()
    title: str = ""
    summary: str = ""
    equation: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        check_texts(self.name, self)
        object.__setattr__(self, "params", check_params(self.name, self.params))
        object.__setattr__(self, "title", self.title or self.name.replace("_", " "))
        if not callable(self.factory):
            raise TypeError(f"{self.kind} {self.name!r}: {self.factory!r} cannot be called")


def check_name(name: Any) -> None:
    """Raise ``ValueError`` unless ``name`` is lower case, as torch spells its functions."""
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        raise ValueError(f"the name {name!r} is not lower-case letters, digits and _ (at most 64)")


def check_texts(owner: str, described: Any) -> None:
    """Raise ``TypeError`` unless what people read is text: one that is not would break every page that lists it."""
    for key in ("title", "summary", "equation", "reference"):
        if not isinstance(text := getattr(described, key), str):
            raise TypeError(f"{owner!r}: its {key} is {text!r:.80}; write a text")


def check_params(owner: str, params: Any) -> tuple[Param, ...]:
    """Return ``params`` as a tuple, or raise when one is no Param or a name comes twice."""
    checked: tuple[Any, ...] = tuple(params)
    for param in checked:
        if not isinstance(param, Param):
            raise TypeError(f"{owner!r}: {param!r} in params is not a Param")
    names = [param.name for param in checked]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{owner!r}: the Param {sorted(twice)[0]!r} is given twice")
    return checked


@dataclass(frozen=True)
class Optimizer(Component):
    """``factory(params, **settings) -> torch.optim.Optimizer``; any subclass of torch's does.

    ``critical_rate(curvature, **settings)``, where a closed form is known, gives the learning rate above
    which a descent on a quadratic with that largest Hessian eigenvalue diverges.

    What it asks for: ``needs_closure``, its step evaluates the loss itself; ``least_dim``, the fewest
    dimensions that a tensor of parameters may have (a point on a surface has 1); ``modes``, it has
    ``train()`` and ``eval()``, and the weights to judge are those after ``eval()``. ``keeps(**settings)``, the
    numbers that it keeps for each weight, where these are more than two as in Adam: memory is asked for before it
    is taken. ``licence`` is named where it is not a permissive one.
    """

    kind: ClassVar[str] = "optimizer"

    critical_rate: Callable[..., float] | None = None
    needs_closure: bool = False
    least_dim: int = 0
    modes: bool = False
    keeps: Callable[..., float] | None = None
    licence: str = ""

    @property
    def off_surface(self) -> str:
        """Why it cannot descend on a surface, or an empty text."""
        if self.least_dim > 1:
            return f"it works on tensors of at least {self.least_dim} dimensions, and a point on a surface has 1"
        return ""


@dataclass(frozen=True)
class Activation(Component):
    """``factory(**settings) -> nn.Module`` that works element by element on any shape."""

    kind: ClassVar[str] = "activation"


@dataclass(frozen=True)
class Initializer(Component):
    """``factory(weight, **settings)`` fills ``weight`` (outputs, inputs, ...) in place.

    Biases start at zero unless ``fill_bias(bias, weight)`` says otherwise. ``finish(network, inputs, **settings)``,
    where there is one, is called once when every layer is filled: for what depends on the other layers or on the
    first training batch.
    """

    kind: ClassVar[str] = "initializer"

    fill_bias: Callable[[Tensor, Tensor], Any] | None = None
    finish: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Clock:
    """Where a run is: ``step`` of ``steps``, and ``time`` of ``total`` (epochs in trainings, steps in descents).

    ``losses`` are the mean training losses of the epochs that are over; a descent has none.
    """

    step: int
    steps: int
    time: float
    total: float
    losses: tuple[float, ...] = ()


@dataclass(frozen=True)
class Schedule(Component):
    """``factory(clock, **settings) -> float``: what the learning rate is multiplied by at that time.

    ``needs_losses``: it follows ``clock.losses``, so it has nothing to go by on a surface.
    """

    kind: ClassVar[str] = "schedule"

    needs_losses: bool = False

    @property
    def off_surface(self) -> str:
        """Why it cannot be used on a surface, or an empty text."""
        return "it follows the loss from epoch to epoch, and a descent has no epochs" if self.needs_losses else ""


@dataclass(frozen=True)
class Surface(Component):
    """``factory(x, y, **settings) -> value``: torch tensors of one shape in, the same shape out.

    ``x`` and ``y`` are the intervals to draw, ``start`` the usual start, ``minima`` the known minima,
    the lowest first: points, or ``minima(**settings)`` that gives them.

    Every surface has the settings ``x``, ``y`` (another part of the plane) and ``noise`` (the standard
    deviation of what is added to each gradient) besides its own; the factory is not given them.
    """

    kind: ClassVar[str] = "surface"
    hosted: ClassVar[Sequence[str]] = ("x", "y", "noise")

    x: Interval = (-2.0, 2.0)
    y: Interval = (-2.0, 2.0)
    start: tuple[float, float] = (1.0, 1.0)
    minima: Sequence[tuple[float, float]] | Callable[..., Sequence[tuple[float, float]]] = ()

    def __post_init__(self) -> None:
        for key in ("x", "y", "start"):
            object.__setattr__(self, key, pair(f"surface {self.name!r}", key, getattr(self, key)))
        for key, (low, high) in (("x", self.x), ("y", self.y)):
            if low >= high:
                raise ValueError(
                    f"surface {self.name!r}: {key} = [{plain(low)}, {plain(high)}] must begin below its end"
                )
        if not callable(self.minima):
            object.__setattr__(self, "minima", self.checked(self.minima))
        help = "the part of the plane that is drawn, and in which a minimum is looked for"
        own = (
            Param("x", self.x, help=help, rule=near),
            Param("y", self.y, help=help, rule=near),
            Param("noise", 0.0, low=0.0, high=1e6, help="standard deviation of the noise in each gradient"),
        )
        object.__setattr__(self, "params", (*tuple(self.params), *own))
        super().__post_init__()

    def minima_of(self, settings: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
        """The known minima with these settings, the lowest first."""
        if not callable(self.minima):
            return tuple(self.minima)
        given = {key: value for key, value in settings.items() if key not in ("use", *self.hosted)}
        return self.checked(self.minima(**given))

    def checked(self, minima: Any) -> tuple[tuple[float, float], ...]:
        """Points, or an error that says whose they are."""
        if not isinstance(minima, Iterable):
            raise TypeError(f"surface {self.name!r}: minima = {minima!r:.80} is not a list of points")
        return tuple(pair(f"surface {self.name!r}", "minima", point) for point in minima)


def near(interval: Interval) -> None:
    """Raise ``ValueError`` for a part of the plane that numbers could not measure."""
    if max(map(abs, interval)) > FAR:
        raise ValueError(f"[{plain(interval[0])}, {plain(interval[1])}] is too far out; allowed: up to {plain(FAR)}")


@dataclass(frozen=True)
class Data:
    """A data set in memory: inputs (samples, ...) as floats, targets (samples,) as class numbers."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Dataset(Component):
    """``factory(folder, **settings) -> Data``; ``folder`` holds data sets in torchvision's layout.

    Every data set has the setting ``classes`` besides its own: the bench keeps just those classes and
    numbers them anew from 0. One that makes its classes up declares a whole number ``classes`` itself.

    ``fingerprint(folder, **settings) -> str``, for one that reads files which people change: a short text that
    is another one when the files hold something else. Then they are read anew, and a run is another run.
    ``size(**settings) -> bytes``, for one that can become large: it is refused before it takes what is not there.
    """

    kind: ClassVar[str] = "dataset"

    fingerprint: Callable[..., str] | None = None
    size: Callable[..., float] | None = None

    def __post_init__(self) -> None:
        every = Param("classes", "", help="keep only these classes, like 0-4 or 1,3,5; empty keeps all", rule=several)
        if "classes" not in [getattr(param, "name", None) for param in self.params]:
            object.__setattr__(self, "params", (*self.params, every))
        super().__post_init__()

    def held(self, folder: Path, reference: Mapping[str, Any]) -> str:
        """The fingerprint of its files with these settings; empty for one whose files nobody changes."""
        settings = {key: value for key, value in reference.items() if key != "use"}
        return self.fingerprint(folder, **settings) if self.fingerprint is not None else ""


def several(classes: str) -> None:
    """Raise ``ValueError`` for a text that names one number."""
    if classes.strip().isdecimal():
        raise ValueError(
            f"{classes!r:.40}: one class leaves nothing to tell apart; name two or more, like 0-4 or 1,3,5"
        )


@dataclass
class Block:
    """One weight layer and what surrounds it, in forward order: before, layer, norm, activation, after.

    ``residual`` adds the block's input to its output where both have the same shape. ``skip`` = k adds, before the
    activation, the input of the block k - 1 places before this one, so that the shortcut spans k weight layers;
    it passes through ``shortcut`` if there is one. ``branch`` is what the block's own share passes through before
    either sum, and is left out where nothing is added. The last block has no activation.
    """

    layer: nn.Module
    activation: nn.Module | None = None
    before: list[nn.Module] = field(default_factory=list)
    norm: list[nn.Module] = field(default_factory=list)
    after: list[nn.Module] = field(default_factory=list)
    residual: bool = False
    branch: list[nn.Module] = field(default_factory=list)
    skip: int = 0
    shortcut: nn.Module | None = None

    def modules(self) -> list[nn.Module]:
        """All that it is made of, in forward order."""
        parts = (*self.before, self.layer, *self.norm, self.shortcut, self.activation, *self.after, *self.branch)
        return [part for part in parts if part is not None]


@dataclass(frozen=True)
class Model(Component):
    """``factory(shape, classes, activation, **settings) -> list[Block]``, nearest the input first.

    ``shape`` is that of one input without the batch, ``classes`` the number of outputs, and
    ``activation()`` makes a new activation module. One that ``reconstructs`` gives back its own input as
    (batch, numbers in an input) and is trained on the mean squared error; it has no accuracy.
    """

    kind: ClassVar[str] = "model"

    reconstructs: bool = False


class Remedy:
    """Something that may help a network to learn. Override what it needs; the rest does nothing.

    The methods are called in the order in which they stand here. Settings arrive as attributes.
    """

    kind: ClassVar[str] = "remedy"

    name: ClassVar[str]
    params: ClassVar[Sequence[Param]] = ()
    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    equation: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    clashes: ClassVar[Sequence[str]] = ()  # names of remedies it cannot be used with
    pretraining: ClassVar[bool] = True  # False: only the target of a transfer gets it

    def __init__(self, **settings: Value) -> None:
        self.__dict__.update(settings)

    def edit_blocks(self, blocks: list[Block]) -> list[Block]:
        """Add to the network while it is built."""
        return blocks

    def after_init(self, network: nn.Module, inputs: Tensor) -> None:
        """Change the initialised (or loaded) network; ``inputs`` is the first training batch."""

    def edit_param_groups(self, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Change what the optimizer is given, for example a rate for each layer."""
        return groups

    def wrap_optimizer(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """Put another optimizer around the chosen one."""
        return optimizer

    def edit_schedule(self, factor: Callable[[Clock], float]) -> Callable[[Clock], float]:
        """Change what the learning rate is multiplied by."""
        return factor

    def edit_loss(self, loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        """Change the loss of (logits, targets) that is trained on."""
        return loss

    def before_step(self, parameters: Sequence[Tensor], clock: Clock) -> None:
        """Change the gradients after ``backward()``, before the optimizer's step."""

    def after_step(self, parameters: Sequence[Tensor], clock: Clock) -> None:
        """Look at or change the parameters after the optimizer's step."""

    def on_epoch(self, network: nn.Module, epoch: int) -> None:
        """Act at the start of an epoch; the first is 0."""

    def state_dict(self) -> dict[str, Any]:
        """What a run that goes on later, or branches off, has to give back: by default the attributes it has made.

        What belongs to the network (modules, parameters), and functions, are left out: they are there again after
        ``after_init``. Override both methods where attributes hold anything but numbers, texts, tensors, lists,
        tuples and dicts of them: a run whose state cannot be kept starts over.
        """
        settings = {param.name for param in self.params}
        return {key: value for key, value in vars(self).items() if key not in settings and not rebuilt(value)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""
        for key, value in state.items():
            setattr(self, key, value)

    @classmethod
    def needs_network(cls) -> bool:
        """Whether it only makes sense on a network, not on a surface."""
        names = ("edit_blocks", "after_init", "edit_param_groups", "edit_loss", "on_epoch")
        return any(getattr(cls, name) is not getattr(Remedy, name) for name in names)


def rebuilt(value: Any) -> bool:
    """Whether an attribute of a remedy is, or lists, what is made anew with the network."""
    import torch

    if isinstance(value, list | tuple):
        return any(rebuilt(item) for item in value)
    if isinstance(value, dict):
        return any(rebuilt(item) for item in value.values())
    return isinstance(value, torch.nn.Module | torch.nn.Parameter | torch.optim.Optimizer) or callable(value)


@dataclass(frozen=True)
class Rule(Component):
    """``factory(case, **settings)`` looks at one training and returns what it finds: ``Diagnosis`` or several, or None.

    A rule of the doctor: see ``workbench.Case`` for what it is shown.
    """

    kind: ClassVar[str] = "rule"


@dataclass(frozen=True)
class Page(Component):
    """A Streamlit script shown in the navigation; ``factory`` is its path, ``order`` its place."""

    kind: ClassVar[str] = "page"

    factory: Path  # type: ignore[assignment]
    icon: str = ":material/science:"
    order: int = 100

    def __post_init__(self) -> None:
        check_name(self.name)
        check_texts(self.name, self)
        object.__setattr__(self, "title", self.title or self.name.replace("_", " ").capitalize())
        if not Path(self.factory).is_file():
            raise ValueError(f"page {self.name!r}: there is no file {self.factory}")


AnyComponent = Component | type[Remedy]
KINDS: dict[str, type] = {
    c.kind: c for c in (Optimizer, Activation, Initializer, Remedy, Schedule, Surface, Dataset, Model, Rule, Page)
}


def hook_names(kinds: Iterable[str] = KINDS) -> dict[str, str]:
    """The hook that registers each kind: ``{"optimizer": "register_optimizers", ...}``."""
    return {kind: f"register_{kind[:-1]}ies" if kind.endswith("y") else f"register_{kind}s" for kind in kinds}
