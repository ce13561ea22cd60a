"""Whose fault it is: any exception out of a plugin becomes one sentence with the plugin's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.components import (
    Clock,
    Remedy,
)
from workbench.errors import Refused, WorkbenchError

if TYPE_CHECKING:
    from workbench.registry import Registry


class blame:
    """``with blame(registry, kind, name):`` turns any exception into one that names the plugin.

    What a component refuses on purpose (``Refused``) is told behind the component's name alone.
    """

    def __init__(self, registry: Registry, kind: str, name: str) -> None:
        self.registry, self.kind, self.name = registry, kind, name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Refused):
            raise WorkbenchError(f"{self.kind} {self.name!r}: {one_line(error, 1000)}") from error
        if isinstance(error, Exception | SystemExit) and not isinstance(error, WorkbenchError):
            owner = self.registry.owner(self.kind, self.name)
            raise WorkbenchError(
                f"{self.kind} {self.name!r} of plugin {owner.name!r} failed: {describe(error, owner.path)}"
            ) from error


def rate_factor(
    registry: Registry, reference: dict[str, Any], remedies: Sequence[tuple[str, Remedy]]
) -> Callable[[Clock], float]:
    """What the learning rate is multiplied by: the schedule, then the remedies' changes to it, each to blame."""

    def blamed(factor: Callable[[Clock], Any], kind: str, name: str) -> Callable[[Clock], float]:
        def number(clock: Clock) -> float:
            with blame(registry, kind, name):
                made = factor(clock)
                return made if isinstance(made, float) else float(made)

        return number

    settings = {key: value for key, value in reference.items() if key != "use"}
    schedule = partial(registry.get("schedule", reference["use"]).factory, **settings)
    factor = blamed(schedule, "schedule", reference["use"])
    for name, remedy in remedies:
        with blame(registry, "remedy", name):
            edited = remedy.edit_schedule(factor)
            returned("edit_schedule", edited, callable(edited))
        factor = factor if edited is factor else blamed(edited, "remedy", name)
    return factor


def returned(method: str, value: Any, usable: bool) -> None:
    """Raise ``TypeError`` when what a remedy's method gave back is of no use: mostly a forgotten ``return``."""
    if not usable:
        raise TypeError(f"{method} returned {value!r:.80}; return what it was given, changed or not")


def describe(error: BaseException, path: str = "") -> str:
    """One line for an exception: its type, its message, and the line under ``path`` that it came from."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({Path(error.filename or '?').name}, line {error.lineno})"
    text = one_line(error, 300)
    if isinstance(error, ModuleNotFoundError) and error.name:
        text += f" (if it is a package: pip install {error.name.split('.')[0]})"
    name = type(error).__name__
    return (f"{name}: {text}" if text else name) + (origin(error, Path(path)) if path else "")


def one_line(error: BaseException, most: int) -> str:
    """The message of an exception in one line of at most ``most`` characters."""
    try:
        text = " ".join(str(error).split())
    except Exception as second:
        return f"(no message: {type(second).__name__} while writing it)"
    return text if len(text) <= most else f"{text[: most - 1]}…"


def origin(error: BaseException, path: Path) -> str:
    """The innermost line of code under ``path``, as `` (file.py, line 3)``; empty when there is none."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file == path or path in file.parents:
            place = f" ({file.name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return place
