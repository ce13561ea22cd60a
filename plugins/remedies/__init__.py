"""Remedies: what may help a network that does not learn. One file each."""

from __future__ import annotations

from collections.abc import Callable

from workbench import Remedy, hookimpl

from .batch_norm import BatchNorm
from .clip_norm import ClipNorm
from .freeze import Freeze
from .lookahead import Lookahead
from .residual import Residual
from .sam import SAM
from .warmup import Warmup


@hookimpl
def register_remedies(register: Callable[[type[Remedy]], None]) -> None:
    """Register the built-in remedies."""
    for remedy in (BatchNorm, Residual, ClipNorm, Warmup, Freeze, SAM, Lookahead):
        register(remedy)
