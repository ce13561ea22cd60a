"""What goes wrong in a way the person at the bench can put right."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LISTED = 40  # names in one message


class WorkbenchError(Exception):
    """One sentence for the person: what is wrong, where, and what to do about it."""


class ExperimentError(WorkbenchError):
    """An experiment that cannot be run as written: names file, key, value and what is allowed."""


class UnknownComponent(WorkbenchError):
    """A component that no loaded plugin registered."""


class Unavailable(WorkbenchError):
    """A plugin raises it while it is imported when something that it builds on is missing: no error of its own.

    The text says what is missing and how to get it; the plugin is listed as not available.
    """


class Refused(ValueError):
    """A component raises it for settings or data that cannot be used: nothing in it is broken.

    The text says what is wrong and what is allowed. The person reads it behind the component's name, as a
    ``WorkbenchError``.
    """


def allowed_names(name: object, names: Iterable[str]) -> str:
    """Say which names are allowed, the nearest one first: ``did you mean 'adam'? Allowed: ...``.

    Of a long list only the first names are written out: a sentence is read, a hundred names are not.
    """
    known = sorted(names)
    near = get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near and near[0] != name else ""
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return f"{hint}allowed: {', '.join(known[:LISTED]) if known else 'nothing yet'}{more}"
