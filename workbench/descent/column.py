"""Many settings at once: a column of numbers that poses as one float, so that torch.optim runs unmodified.

``Column`` is a ``float`` to whoever checks for one. Arithmetic with it stays a column, a comparison holds
when it holds for every number, and ``Broadcast`` spreads it over the rows wherever torch expects a
scalar (``alpha=``, ``value=``). Its own float value is NaN: whoever reads that instead shows it at once.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

READS = ("allclose", "equal", "is_nonzero", "item", "numpy", "tolist", "__array__")  # out of torch's sight


class MixedError(ValueError):
    """A comparison that holds for some numbers of a column only: ``holds`` (rows,) says for which."""

    def __init__(self, holds: Tensor) -> None:
        super().__init__("the optimizer asks something that has several answers in one column")
        self.holds = holds


class Column(float):
    """Numbers of shape (rows,) that pose as one."""

    rows: Tensor

    def __new__(cls, rows: Tensor) -> Column:
        """Make a column of a tensor of shape (rows,)."""
        made = super().__new__(cls, float("nan"))
        made.rows = rows
        return made

    def __bool__(self) -> bool:
        return decide(self.rows != 0)

    def __float__(self) -> float:
        raise TypeError("a column is many numbers, not one")

    __int__ = __index__ = __round__ = __trunc__ = __floor__ = __ceil__ = __float__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


def decide(holds: Tensor) -> bool:
    """One answer for all rows, or ``MixedError``."""
    with torch._C.DisableTorchFunction():
        answers = holds.numpy()
    if answers.all():
        return True
    if answers.any():
        raise MixedError(holds)
    return False


def plain(value: Any) -> Any:
    """The tensor of a column; anything else as it is."""
    return value.rows if isinstance(value, Column) else value


def arithmetic(function: Callable[..., Any], swap: bool) -> Callable[..., Any]:
    """A method for Column: with numbers a column, with tensors a tensor."""

    def method(self: Column, other: Any) -> Any:
        """Apply the operator to every row."""
        if not isinstance(other, int | float | Tensor):
            return NotImplemented
        left, right = (plain(other), self.rows) if swap else (self.rows, plain(other))
        result = function(left, right)
        return result if isinstance(other, Tensor) else Column(result)

    return method


def comparison(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method for Column that compares every row."""

    def method(self: Column, other: Any) -> Any:
        """Compare every row: with a number one answer for all (``MixedError`` when they differ), with a tensor each."""
        if isinstance(other, Tensor):
            return function(self.rows, other)
        if isinstance(other, int | float):
            return decide(function(self.rows, plain(other)))
        return NotImplemented

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(Column, f"__{_name}__", arithmetic(getattr(operator, _name), swap=False))
    setattr(Column, f"__r{_name}__", arithmetic(getattr(operator, _name), swap=True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Column, f"__{_name}__", comparison(getattr(operator, _name)))
Column.__neg__ = lambda self: self * -1.0  # type: ignore[method-assign]
Column.__pos__ = lambda self: self  # type: ignore[method-assign]
Column.__abs__ = lambda self: Column(plain(self).abs())  # type: ignore[method-assign]


def scaled(name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    """What torch's fused operations with a scalar do, in torch's order of operations, with a column for it."""
    self, *others = arguments
    scale = plain(options.get("alpha", options.get("value")))
    if name in ("add", "sub"):
        return getattr(torch, name)(self, others[0] * scale)
    return self + scale * others[0] * others[1] if name == "addcmul" else self + scale * others[0] / others[1]


class Broadcast(TorchFunctionMode):
    """Inside this mode torch takes columns for scalars and spreads them over the last axis, the rows.

    With ``rows`` it also refuses what puts numbers of several rows together, such as a norm.
    """

    def __init__(self, rows: int = 0) -> None:
        super().__init__()
        self.rows = rows

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Replace columns by tensors that broadcast."""
        for argument in args:
            if type(argument) is Column:
                if func is torch.full_like:
                    return torch.zeros_like(args[0], **(kwargs or {})) + args[1].rows
                args = tuple(plain(argument) for argument in args)
                break
        if kwargs:
            for value in kwargs.values():
                if type(value) is Column:
                    return self._scaled(func, args, kwargs)
            result = func(*args, **kwargs)
        else:
            result = func(*args)
        if self.rows and (type(result) is not Tensor or not result.shape or result.shape[-1] != self.rows):
            self._separate(func, args, result)
        return result

    def _scaled(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """A function with a column for a scalar keyword."""
        if not any(type(kwargs.get(key)) is Column for key in ("alpha", "value")):
            return func(*args, **{key: plain(value) for key, value in kwargs.items()})
        name = func.__name__
        base = name.rstrip("_")
        if base not in ("add", "sub", "addcmul", "addcdiv") or set(kwargs) - {"alpha", "value"}:
            raise TypeError(f"torch.{name} cannot take a column of numbers for a scalar")
        result = scaled(base, list(args), kwargs)
        return args[0].copy_(result) if name.endswith("_") else result

    def _separate(self, func: Any, args: Any, result: Any) -> None:
        """Raise ``TypeError`` when rows went in and something else than rows came out."""
        if isinstance(result, Tensor):
            if result.dim() and result.shape[-1] == self.rows:
                return
        elif isinstance(result, list | tuple):
            made = [item for item in flat(result) if isinstance(item, Tensor)]
            if all(item.dim() and item.shape[-1] == self.rows for item in made):
                return
        elif func.__name__ not in READS:
            return
        if any(isinstance(item, Tensor) and item.dim() and item.shape[-1] == self.rows for item in flat(args)):
            raise TypeError(f"torch.{func.__name__} puts the numbers of several rows together")


def flat(values: Iterable[Any]) -> Iterator[Any]:
    """What is in lists and tuples, too."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from flat(value)
        else:
            yield value
