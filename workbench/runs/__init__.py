"""Runs: where they live on disk, how they are queued, executed in worker processes, and stopped."""

from workbench.runs.bench import Bench, Job, Lane
from workbench.runs.store import Status

__all__ = ["Bench", "Job", "Lane", "Status"]
