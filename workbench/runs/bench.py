"""The bench: a queue in front of worker processes, with a lane of its own for light work.

Both lanes are local clusters of dask.distributed that start by themselves. Trainings run one to a
worker and one thread each; light work (a descent, a sweep, an untrained network) never waits for them.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

import dask
import pandas as pd
import psutil
from distributed import Client, Future, LocalCluster

from workbench import house, registry
from workbench.errors import WorkbenchError
from workbench.experiment import Experiment, Run, resolve
from workbench.records import TABLES, Records, frame, label
from workbench.runs import store, worker

log = logging.getLogger("workbench.runs")

LIGHT_STEPS = 5_000  # steps of a descent that still answer while a person waits
LIGHT_SETTINGS = 500_000  # settings x steps of a sweep that do
KEPT = 300  # light results that are remembered
PATIENCE = 60.0  # seconds after which light work is given up
DIED = "its worker process died: a crash in native code, os._exit, or too little memory"

# A task that killed its worker is not tried on the next one: it would only kill that, too.
dask.config.set({"distributed.scheduler.allowed-failures": 0})
for name in ("distributed", "distributed.worker", "distributed.nanny", "distributed.scheduler", "distributed.core"):
    logging.getLogger(name).setLevel(logging.CRITICAL)


class Lane(Enum):
    """Where a run is executed."""

    LIGHT = "light"
    TRAINING = "training"


@dataclass(frozen=True)
class Job:
    """A run and its id, which is also the name of its folder."""

    run: Run
    id: str

    @property
    def lane(self) -> Lane:
        """Light work is what answers within a breath."""
        task = self.run.task
        if self.run.kind == "descent":
            light = task["steps"] <= LIGHT_STEPS
        elif self.run.sweep:
            light = task["steps"] * self.run.sweep["count"] <= LIGHT_SETTINGS
        else:
            light = task["epochs"] == 0 and self.run.source is None
        return Lane.LIGHT if light else Lane.TRAINING


def plan(experiment: Experiment, where: str = "experiment") -> list[Job]:
    """All jobs of an experiment with the plugins that are loaded now."""
    known = registry.current()
    return [Job(run, run.id(known)) for run in resolve(experiment, known, where)]


def environment() -> dict[str, str]:
    """What a worker must know of this process's settings."""
    own = {name: value for name, value in os.environ.items() if name.startswith("WORKBENCH_")}
    return own | {"WORKBENCH_HOME": str(house.home()), "WORKBENCH_DATA": str(house.data())}


class Bench:
    """Takes experiments, has them executed, and tells how they stand. A context manager, or ``close()`` it."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or max(1, min(os.cpu_count() or 1, 8))
        self._clients: dict[Lane, Client] = {}
        self._futures: dict[str, Future[Any]] = {}
        self._lock = threading.RLock()
        process = psutil.Process()
        self.warmed = False  # the light lane has everything imported
        self._kept: OrderedDict[str, dict[str, pd.DataFrame]] = OrderedDict()
        self._owner = {"owner": process.pid, "owner_started": process.create_time()}

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm(self) -> None:
        """Start both lanes and let the workers import torch and the plugins, without waiting for it."""
        threading.Thread(target=self._warm, name="warm the bench", daemon=True).start()

    def _warm(self) -> None:
        for lane in Lane:  # the light lane first: somebody looks at its page
            self._client(lane).run(worker.warm, environment(), wait=lane is Lane.LIGHT, on_error="ignore")
        self.warmed = True

    def submit(self, jobs: Iterable[Job], again: bool = False) -> None:
        """Queue every job that has no finished records yet (``again``: those, too), sources first."""
        for job in jobs:
            status = self.status(job)
            if status.live or (not again and status.state == "finished"):
                continue
            self._queue(job)

    def _queue(self, job: Job) -> Future[Any] | None:
        waits_for = []
        if job.run.source is not None:
            source = Job(job.run.source, job.run.source.id(registry.current()))
            status = store.read_status(source.id)
            elsewhere = status.live and status.owner != self._owner["owner"]  # its folder is not ours: the run waits
            if status.state != "finished" and not elsewhere:
                with self._lock:
                    future = self._futures.get(source.id)
                if future is None or not status.live:
                    future = self._queue(source)
                waits_for.append(future)
        try:
            store.create(job.id, job.run, store.Status("queued", started=time.time(), **self._owner))
        except OSError as error:
            raise WorkbenchError(f"{store.folder(job.id)}: cannot be written: {error.strerror}") from None
        future = self._client(Lane.TRAINING).submit(
            worker.execute, asdict(job.run), job.id, environment(), *waits_for, key=f"{job.id}-{time.monotonic_ns()}"
        )
        with self._lock:
            self._futures[job.id] = future
        future.add_done_callback(lambda done: self._ended(job.id, done))
        return future

    def _ended(self, run_id: str, future: Future[Any]) -> None:
        """A run whose worker died could not write how it ended; do it for it."""
        with self._lock:
            if self._futures.get(run_id) is future:
                del self._futures[run_id]
        status = store.read_status(run_id)
        if future.status == "error" and status.live:
            store.write_status(run_id, replace(status, state="failed", outcome="failed", message=DIED))

    def stop(self, jobs: Iterable[Job]) -> None:
        """Stop what runs within half a second, and what waits at once."""
        jobs = list(jobs)
        for job in [*jobs, *self._sources(jobs)]:
            status = self.status(job)
            if not status.live:
                continue
            store.request_stop(job.id)
            with self._lock:
                future = self._futures.get(job.id)
            if status.state == "queued" and future is not None and not future.done():
                future.cancel()
                with self._lock:
                    self._futures.pop(job.id, None)
                stopped = replace(status, state="stopped", outcome="stopped", message="stopped before it began")
                store.write_status(job.id, stopped)

    def _sources(self, jobs: Sequence[Job]) -> list[Job]:
        known = registry.current()
        return [Job(job.run.source, job.run.source.id(known)) for job in jobs if job.run.source is not None]

    def status(self, job: Job) -> store.Status:
        """How one job stands."""
        return store.read_status(job.id)

    def records(self, jobs: Iterable[Job], tables: Iterable[str] = TABLES) -> Records:
        """What was recorded so far."""
        return store.records([(job.run, job.id) for job in jobs], tables)

    def wait(self, jobs: Iterable[Job], poll: float = 0.1) -> None:
        """Return when none of the jobs waits or works any more."""
        jobs = list(jobs)
        while any(self.status(job).live for job in jobs):
            time.sleep(poll)

    def measure(self, jobs: Iterable[Job]) -> Records:
        """Execute light jobs now, past the queue, and return their records."""
        jobs = list(jobs)
        client = self._client(Lane.LIGHT)
        settings = environment()
        with self._lock:
            kept = {job.id: self._kept[job.id] for job in jobs if job.id in self._kept}
        new = {job.id: job for job in jobs if job.id not in kept}
        futures = {
            run_id: client.submit(worker.measure, asdict(job.run), settings, pure=False) for run_id, job in new.items()
        }
        deadline = time.monotonic() + PATIENCE
        results = {
            run_id: self._result(future, max(deadline - time.monotonic(), 0.1)) for run_id, future in futures.items()
        }
        gathered: dict[str, list[pd.DataFrame]] = {table: [] for table in TABLES}
        for job in jobs:
            for table, rows in (kept.get(job.id) or results[job.id]).items():
                if len(rows):
                    gathered[table].append(label(table, rows, job.run.variant, job.run.seed))
        self._keep(results)
        return {
            table: pd.concat(rows, ignore_index=True) if rows else store.empty(table, who=True)
            for table, rows in gathered.items()
        }

    def _keep(self, results: dict[str, dict[str, pd.DataFrame]]) -> None:
        """Remember light results, so that a slider that moves one variant computes only that one anew."""
        with self._lock:
            for run_id, tables in results.items():
                if tables["summary"]["outcome"].iloc[0] != "failed":
                    self._kept[run_id] = tables
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def _result(self, future: Future[Any], seconds: float) -> dict[str, Any]:
        try:
            return future.result(timeout=seconds)  # type: ignore[no-any-return]
        except TimeoutError:
            future.cancel()
            self._client(Lane.LIGHT).restart_workers(
                list(self._client(Lane.LIGHT).scheduler_info()["workers"]), timeout=30, raise_for_error=False
            )
            message = f"it took longer than {PATIENCE:.0f} s; take fewer steps, or look for a plugin that hangs"
        except Exception as error:
            log.warning("light work failed: %s", error)
            message = DIED
        return {"summary": frame("summary", [{"outcome": "failed", "message": message}])}

    def _client(self, lane: Lane) -> Client:
        with self._lock:
            client = self._clients.get(lane)
            if client is None or client.status in ("closed", "closing"):
                cluster = LocalCluster(
                    n_workers=1 if lane is Lane.LIGHT else self.workers,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                    memory_limit=0,
                    preload=["workbench.runs.interrupts"],
                )
                client = self._clients[lane] = Client(cluster, set_as_default=False)
            return client

    def close(self) -> None:
        """Stop the workers; what was running reads as interrupted."""
        with self._lock:
            for client in self._clients.values():
                cluster = client.cluster
                client.close(timeout=2)
                if cluster is not None:
                    cluster.close(timeout=5)
            self._clients.clear()
            self._futures.clear()
