"""One setting of a component: the schema from which widgets, command line, checks and docs are derived."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

LONGEST = 10_000  # characters of a setting that is a text
Interval = tuple[float, float]
Value = bool | int | float | str | Interval
type_names = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "two numbers, the lower first",
}


def plain(number: float) -> str:
    """Write a number as a person would: 0.001, not 1e-03; 1e-08, not 0.00000001."""
    return f"{number:.12g}"


@dataclass(frozen=True)
class Param:
    """One setting of a component; widgets, command line, checks and docs are all derived from it.

    The type of ``default`` (bool, int, float, str, or a pair of floats for an interval) is the type of
    the setting. ``low`` and ``high`` are inclusive bounds, ``scale`` tells widgets how to step ("log" for
    rates), ``choices`` lists all allowed values. ``search`` is the range that is worth trying, within the
    bounds: tuning draws from it, sweeps begin with it. ``rule`` raises ``ValueError`` for a value that is
    not allowed although it has the right type and lies within the bounds. ``long``: a text that may take several
    lines, such as a formula.
    Raises ``ValueError`` when the default itself is not allowed.
    """

    name: str
    default: Value
    low: float | None = None
    high: float | None = None
    scale: Literal["linear", "log"] = "linear"
    choices: Sequence[Value] = ()
    help: str = ""
    search: Interval | None = None
    rule: Callable[[Any], Any] | None = None
    long: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", tuple(self.choices))
        if not isinstance(self.name, str) or not self.name.isidentifier() or self.name == "use":
            raise ValueError(f"Param name {self.name!r} is not a usable name: use letters, digits and _")
        if type(self.default) not in type_names:
            raise ValueError(
                f"Param {self.name!r}: the default {self.default!r} is not a bool, int, float, str or pair"
            )
        if self.scale not in ("linear", "log"):
            raise ValueError(f"Param {self.name!r}: scale {self.scale!r} is neither 'linear' nor 'log'")
        if self.scale == "log" and (self.low is None or self.low < 0):
            raise ValueError(f"Param {self.name!r}: a log scale needs low >= 0")
        if self.search is not None:
            self._check_search(self.search)
        try:
            self.check(self.default)
        except ValueError as error:
            raise ValueError(f"Param {self.name!r}: the default {error}") from None

    def _check_search(self, search: Any) -> None:
        if type(self.default) not in (int, float):
            raise ValueError(f"Param {self.name!r}: search is for numbers only")
        for bound in pair(f"Param {self.name!r}", "search", search):
            if (self.low is not None and bound < self.low) or (self.high is not None and bound > self.high):
                raise ValueError(f"Param {self.name!r}: search = {search} goes beyond {self.allowed}")
        if search[0] >= search[1] or (self.scale == "log" and search[0] <= 0):
            raise ValueError(f"Param {self.name!r}: search = {search} must begin below its end, on a log scale above 0")

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.choices:
            return "one of " + ", ".join(str(choice) for choice in self.choices)
        kind = type_names[type(self.default)]
        if self.low is not None and self.high is not None:
            return f"{kind} from {plain(self.low)} to {plain(self.high)}"
        if self.low is not None:
            return f"{kind} of at least {plain(self.low)}"
        if self.high is not None:
            return f"{kind} of at most {plain(self.high)}"
        return kind

    def check(self, value: Any) -> Value:
        """Return ``value`` in the Param's own type, or raise ``ValueError`` that says what is allowed."""
        wanted = type(self.default)
        if wanted is float and type(value) is int:
            value = float(value) if abs(value) < 2**1000 else math.inf
        if wanted is int and type(value) is float and value.is_integer():
            value = int(value)
        if wanted is tuple and isinstance(value, list | tuple):
            value = tuple(float(v) if type(v) is int and abs(v) < 2**1000 else v for v in value)
        right = type(value) is wanted and (not isinstance(value, tuple) or is_pair(value))
        if right and self.choices:
            right = value in self.choices
        if right and isinstance(value, int | float) and not isinstance(value, bool):
            right = math.isfinite(value)
            right = right and (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        if isinstance(value, str) and len(value) > LONGEST:
            raise ValueError(f"a text of {len(value)} characters is not allowed; allowed: at most {LONGEST}")
        if right and isinstance(value, tuple):
            right = value[0] < value[1]
        if not right:
            raise ValueError(f"{value!r:.80} is not allowed; allowed: {self.allowed}")
        if self.rule is not None:
            self.rule(value)
        return value  # type: ignore[no-any-return]


def is_pair(value: Sequence[Any]) -> bool:
    """Whether it is two finite numbers."""
    return len(value) == 2 and all(type(number) is float and math.isfinite(number) for number in value)


def pair(owner: str, key: str, given: Any) -> tuple[float, float]:
    """Two finite numbers, or ``ValueError`` that says whose they are."""
    try:
        first, second = (float(number) for number in given)
        right = not isinstance(given, str) and math.isfinite(first) and math.isfinite(second)
    except (TypeError, ValueError):
        right = False
    if not right:
        raise ValueError(f"{owner}: {given!r:.80} in {key} is not two finite numbers")
    return first, second
