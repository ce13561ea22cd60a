"""The worker processes: embedded ones that start by themselves, or those of an existing cluster."""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import dask
import psutil
from distributed import Client, LocalCluster
from distributed.comm.core import connect as comm_connect
from distributed.security import Security

from workbench.blame import describe
from workbench.errors import WorkbenchError

# A task that killed its worker is not tried on the next one behind our back: the bench decides that.
QUIET = ("worker", "nanny", "scheduler", "core", "client", "utils", "comm.tcp")
dask.config.set(
    {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.worker.memory.target": False,  # runs hold their own data: there is nothing to spill
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": 0.95,
        # Dask's own setting gives memory back after every free: a training would ask for the same pages at every step.
        "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**27,
        "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 2**25,
        "distributed.worker.profile.enabled": False,  # nobody reads it, and it takes turns with the training's thread
        "distributed.admin.large-graph-warning-threshold": "10GB",  # an order may bring checkpoints with it
    }
)
for name in ("distributed", *(f"distributed.{part}" for part in QUIET)):
    logging.getLogger(name).setLevel(logging.CRITICAL)

LEAST_MEMORY = 2_000_000_000  # bytes that a worker needs: torch alone takes a quarter of it
TIMEOUT = 5.0  # seconds to wait for a scheduler


def default_workers() -> int:
    """One for each core, up to eight, as far as the memory goes."""
    memory = psutil.virtual_memory().total // LEAST_MEMORY - 1
    return int(max(1, min(os.cpu_count() or 1, 8, memory)))


def memory_limit(workers: int) -> int:
    """Bytes that one worker may use before it is ended: its share of four fifths of the machine."""
    return max(LEAST_MEMORY, int(psutil.virtual_memory().total * 0.8 / (workers + 1)))


def embedded(workers: int, limit: int) -> Client:
    """Start worker processes on this machine, reachable from this machine only."""
    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        memory_limit=limit,
        preload=["workbench.runs.interrupts"],
    )
    return Client(cluster, set_as_default=False)


def connect(address: str) -> Client:
    """Join an existing cluster; ``WorkbenchError`` when no scheduler answers."""
    try:
        with dask.config.set({"distributed.comm.timeouts.connect": TIMEOUT}):
            with ThreadPoolExecutor(1) as other:  # this thread may have an event loop already
                other.submit(asyncio.run, greet(address)).result()
            try:
                return Client(address, set_as_default=False, timeout=TIMEOUT)
            except AssertionError:  # dask's own: a busy scheduler's first two messages came as one
                return Client(address, set_as_default=False, timeout=TIMEOUT)
    except Exception as error:  # whatever comes of talking to something else
        raise WorkbenchError(
            f"WORKBENCH_SCHEDULER = {address}: no scheduler answers ({describe(error)}); start it "
            "(`dask scheduler`), or unset WORKBENCH_SCHEDULER to use this machine"
        ) from None


async def greet(address: str) -> None:
    """Connect and leave: a client that met something else would wait for long, and again when it is closed."""
    arguments = Security().get_connection_args("client")
    comm = await asyncio.wait_for(comm_connect(address, timeout=TIMEOUT, **arguments), TIMEOUT + 1)
    await comm.close()


def end(client: Client) -> None:
    """Leave a cluster; one of our own ends with it."""
    own = client.cluster
    with suppress(TimeoutError):  # a machine with much to do: its workers end by themselves
        client.close(timeout=5)
    with suppress(TimeoutError):
        if own is not None:
            own.close(timeout=15)


def died(limit: int, how: str) -> str:
    """What is known when a worker process has died of its run; ``limit``: its memory in bytes, 0 where unknown."""
    memory = f"more than {limit * 0.95 / 1e9:.1f} GB of memory" if limit else "too much memory"
    return f"its worker process {how}: a crash in native code, os._exit, or {memory}"
