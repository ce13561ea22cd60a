"""The worker processes: embedded ones that start by themselves, or those of an existing cluster."""

from __future__ import annotations

import logging
import os
import uuid
from pathlib import Path
from typing import Any

import dask
import psutil
from distributed import Client, LocalCluster

from workbench import house
from workbench.errors import WorkbenchError
from workbench.runs import store, worker

# A task that killed its worker is not tried on the next one behind our back: the bench decides that.
QUIET = ("distributed", "distributed.worker", "distributed.nanny", "distributed.scheduler", "distributed.core")
dask.config.set(
    {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.worker.memory.target": False,  # runs hold their own data: there is nothing to spill
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": 0.95,
    }
)
for name in QUIET:
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
        return Client(address, set_as_default=False, timeout=TIMEOUT)
    except (OSError, TimeoutError, ValueError) as error:
        raise WorkbenchError(
            f"WORKBENCH_SCHEDULER = {address}: no scheduler answers ({type(error).__name__}); start it "
            "(`dask scheduler`), or unset WORKBENCH_SCHEDULER to use this machine"
        ) from None


def died(limit: int, how: str) -> str:
    """What is known when a worker process has died of its run; ``limit``: its memory in bytes, 0 where unknown."""
    memory = f"more than {limit * 0.95 / 1e9:.1f} GB of memory" if limit else "too much memory"
    return f"its worker process {how}: a crash in native code, os._exit, or {memory}"


class Remote:
    """What is different on a cluster: its workers come and go, and may not see this machine's folders."""

    def __init__(self) -> None:
        self.token = f".seen-{uuid.uuid4().hex}"
        self._shared: dict[str, bool] = {}  # by worker
        self._marks: set[Path] = set()

    def mark(self) -> str:
        """The name of a file that is in this home and in no other."""
        path = store.runs() / self.token
        if path not in self._marks:
            store.write(path, b"")
            self._marks.add(path)
        return self.token

    def close(self) -> None:
        """Remove the marks."""
        for path in self._marks:
            path.unlink(missing_ok=True)

    def look(self, client: Client) -> None:
        """Ask workers that are new whether they see this home."""
        workers = client.scheduler_info(n_workers=-1)["workers"]
        if new := [address for address in workers if address not in self._shared]:
            self._shared |= client.run(worker.sees, str(house.home()), self.mark(), workers=new, on_error="ignore")

    def shares(self, address: str) -> bool:
        """Whether a worker writes into this home by itself."""
        return self._shared.get(address, False)

    def all_share(self, client: Client) -> bool:
        """Whether every worker does."""
        return all(self.shares(address) for address in client.scheduler_info(n_workers=-1)["workers"])

    def places(self, client: Client, keys: dict[str, str]) -> dict[str, list[str]]:
        """Which runs (key -> id) are where: address -> ids."""
        return {
            address: [keys[key] for key in working if key in keys] for address, working in client.processing().items()
        }

    def fetch(self, client: Client, keys: dict[str, str]) -> None:
        """Copy what workers that do not share this home have written since the last time."""
        self.look(client)
        for address, ids in self.places(client, keys).items():
            if ids and not self.shares(address):
                known = {run_id: worker.listing(store.folder(run_id)) for run_id in ids}
                for found in client.run(worker.changes, known, workers=[address], on_error="ignore").values():
                    self.take(found or {})

    def take(self, found: dict[str, Any]) -> None:
        """Put files of runs into this home: the status last, so that it never promises what is not there yet."""
        for run_id, (there, files) in found.items():
            for name in sorted(files, key=lambda name: name == "status.json"):
                store.write(store.folder(run_id) / Path(name).name, files[name])
            for name in worker.listing(store.folder(run_id)):
                if name not in there and name.endswith((".parquet", ".safetensors")):
                    (store.folder(run_id) / name).unlink(missing_ok=True)

    def relay(self, client: Client, keys: dict[str, str], run_id: str) -> None:
        """Pass on what is asked of a run."""
        for address, ids in self.places(client, keys).items():
            if run_id in ids and not self.shares(address):
                client.run(worker.relay, run_id, *store.read_request(run_id), workers=[address], on_error="ignore")
