"""Runs: where they live on disk, how they are queued, executed in worker processes, and stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.runs.bench import Bench
    from workbench.runs.job import Job, Lane
    from workbench.runs.store import Status

__all__ = ["Bench", "Job", "Lane", "Status"]


def __getattr__(name: str) -> Any:
    """Import on first use: who only lists runs needs no workers, and those take a second to import."""
    if name == "Status":
        from workbench.runs import store

        return store.Status
    if name in __all__:
        from workbench.runs import bench, job

        return getattr(bench if name == "Bench" else job, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
