"""A constructor's arguments as Params: numbers, truth values and choices; a pair of betas becomes beta1 and beta2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from workbench import Param

from .reading import Argument

# How it is computed, not what: the same numbers, or none that the bench could use.
ENGINE = frozenset({"foreach", "fused", "capturable", "differentiable", "maximize", "check_numerics"})
EDGE = 1e-6  # how near to a bound that is not allowed itself
SMALLEST = 1e-30


def params_of(arguments: Sequence[Argument]) -> tuple[list[Param], dict[str, list[str]], list[str]]:
    """The Params, which of them make up each tuple, and the arguments that stay at their defaults."""
    params: list[Param] = []
    tuples: dict[str, list[str]] = {}
    fixed: list[str] = []
    for argument in arguments:
        if argument.name in ENGINE:
            continue
        given = argument.default
        if isinstance(given, tuple) and all(type(value) is float for value in given):
            tuples[argument.name] = numbered(argument.name, len(given))
            first = replace(argument, open_low=argument.open_low or argument.first_open)
            each = [first, *[argument] * (len(given) - 1)]
            made = [param_of(*one) for one in zip(tuples[argument.name], given, each, strict=True)]
        else:
            made = [param_of(argument.name, given, argument)]
        if None in made:
            fixed.append(argument.name)
        params += [param for param in made if param is not None]
    return params, tuples, fixed


def numbered(name: str, count: int) -> list[str]:
    """``betas`` to beta1, beta2; ``betas_1d`` to beta1_1d, beta2_1d; ``nus`` to nu1, nu2."""
    for plural in ("betas", "nus"):
        if plural in name:
            return [name.replace(plural, f"{plural[:-1]}{number}") for number in range(1, count + 1)]
    return [f"{name}{number}" for number in range(1, count + 1)]


def param_of(name: str, value: Any, argument: Argument) -> Param | None:
    """One Param, or None where the value is of a kind that no Param can have."""
    help = (argument.help or f"{argument.name}, as pytorch_optimizer calls it").rstrip(".")
    if isinstance(value, bool):
        return Param(name, value, help=help)
    if isinstance(value, str):
        return Param(name, value, choices=argument.choices, help=help) if argument.choices else None
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    whole = isinstance(value, int) and "float" not in argument.annotation
    number: int | float = value if whole else float(value)
    low, high = bounds(argument, number, whole)
    log = low is not None and low >= 0 and is_rate(name) and not whole
    search = ((1e-4, 1.0) if number < 1 else (1e-2, 10.0)) if name == "lr" else None
    return Param(name, number, low=low, high=high, scale="log" if log else "linear", help=help, search=search)


def is_rate(name: str) -> bool:
    """Whether powers of ten are its natural steps."""
    parts = name.split("_")
    return "lr" in parts or parts[0] in ("eps", "eps1", "eps2") or parts[-1] in ("eps", "wd") or "weight_decay" in name


def bounds(argument: Argument, value: float, whole: bool) -> tuple[float | None, float | None]:
    """The inclusive bounds; a decay rate of 1 would never forget, so 1 is in only where the default is 1."""
    low, high, open_high = argument.low, argument.high, argument.open_high
    if low is None and "betas" in argument.name:  # some are checked together with others
        low, high, open_high = 0.0, 1.0, True
    if low is None and argument.name == "lr":
        low = 0.0
    if low is not None and argument.open_low:
        low = low + 1 if whole else low + (EDGE if high is not None else SMALLEST)
    if high is not None and open_high and value < high:
        high = high - 1 if whole else high - EDGE
    return low, high
