"""Words that sentences about results share."""

from __future__ import annotations

from collections.abc import Iterable


def listed(items: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; there must be one at least."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last
