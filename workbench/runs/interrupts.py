"""Loaded into every worker process as it starts: Ctrl-C is for the process that owns the workers.

A terminal sends it to all processes of its group. Workers that died of it could not stop their runs
and write what they have; their owner ends them when it ends.
"""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Called by dask.distributed in the worker's main thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
