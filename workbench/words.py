"""Words that sentences about results share."""

from __future__ import annotations

from collections.abc import Collection, Iterable


def listed(items: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; there must be one at least."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def runs(count: int, which: str = "") -> str:
    """``1 run``, ``3 runs``, ``3 more runs``."""
    return f"{count:,} {which} {'run' if count == 1 else 'runs'}".replace("  ", " ")


def amount(count: float) -> str:
    """A number of bytes: ``640 B``, ``12 MB``, ``12.4 GB``."""
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def percent(share: float) -> str:
    """A share in percent, to a tenth: ``97.1 %``."""
    return f"{100 * share:.1f} %"


def ago(seconds: float) -> str:
    """How long since: ``just now``, ``5 min ago``, ``3 h ago``, ``12 days ago``."""
    if seconds < 60:
        return "just now"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min ago"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.0f} h ago"
    return f"{seconds / 86400:.0f} days ago"


def unused(wanted: str, taken: Collection[str]) -> str:
    """A name that is not taken yet: ``wanted``, or with a number behind it."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted} {number}", number + 1
    return name
