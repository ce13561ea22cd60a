"""Wait for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], object], what: str = "", seconds: float = 120.0) -> float:
    """Wait until ``condition()`` holds, a failure after ``seconds``; returns the seconds it took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds:.0f} s{': ' if what else ''}{what}")
        time.sleep(0.02)
    return time.monotonic() - began
