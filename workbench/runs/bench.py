"""The bench: a queue in front of worker processes, with a lane of its own for light work.

Trainings wait in a queue that serves sessions in turns, and run one to a worker and one thread each; light work
(a descent, a sweep, an untrained network) never waits for them. A run whose worker dies goes on from its last
checkpoint on another one, once; if it dies again without having got further, it has failed.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from functools import partial
from typing import Any

from distributed import Client, Future

from workbench import house, registry
from workbench.blame import describe
from workbench.errors import WorkbenchError
from workbench.experiment import Experiment, Run, resolve, versions
from workbench.records import TABLES, Records
from workbench.runs import cluster, owners, shelf, store, worker
from workbench.runs.light import LightLane
from workbench.runs.queue import FairQueue
from workbench.runs.recorder import checkpoints

log = logging.getLogger("workbench.runs")

LIGHT_STEPS = 5_000  # steps of a descent that still answer while a person waits
LIGHT_SETTINGS = 500_000  # settings x steps of a sweep that do
DEAF = 5.0  # seconds after which a run that does not react to Stop or Pause loses its worker
TICK = 0.5  # seconds between looks at what runs and waits
AHEAD = 2  # runs sent to a cluster beyond its workers, so that an adaptive one knows that it should grow


class Lane(Enum):
    """Where a run is executed."""

    LIGHT = "light"
    TRAINING = "training"


@dataclass(frozen=True)
class Job:
    """A run and its id, which is also the name of its folder."""

    run: Run
    id: str
    title: str = ""  # of the experiment that it belongs to

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

    def source(self) -> Job | None:
        """The job that has to be finished first."""
        run = self.run.source
        return None if run is None else Job(run, run.id(registry.current()), self.title)


@dataclass
class Task:
    """A job on its way: in the queue, or at a worker."""

    job: Job
    session: str
    attempt: str
    future: Future[Any] | None = None
    asked: float = 0.0  # when it was asked to end
    given_up: bool = False  # it did not react, and its worker is being ended
    key: str = field(default_factory=lambda: uuid.uuid4().hex)


def plan(experiment: Experiment, where: str = "experiment") -> list[Job]:
    """All jobs of an experiment with the plugins that are loaded now."""
    known = registry.current()
    return [Job(run, run.id(known), experiment.title) for run in resolve(experiment, known, where)]


def environment() -> dict[str, str]:
    """What a worker must know of this process's settings."""
    own = {name: value for name, value in os.environ.items() if name.startswith("WORKBENCH_")}
    return own | {"WORKBENCH_HOME": str(house.home()), "WORKBENCH_DATA": str(house.data())}


class Bench:
    """Takes experiments, has them executed, and tells how they stand. A context manager, or ``close()`` it.

    Trainings go to ``scheduler`` (default: ``WORKBENCH_SCHEDULER``), or to ``workers`` processes of its own.
    """

    def __init__(self, workers: int | None = None, scheduler: str | None = None) -> None:
        self.workers = workers or cluster.default_workers()
        self.memory_limit = cluster.memory_limit(self.workers)  # bytes of one worker
        self.scheduler = os.environ.get("WORKBENCH_SCHEDULER", "") if scheduler is None else scheduler
        self.warmed = False  # the light lane has everything imported
        self._remote = cluster.Remote() if self.scheduler else None
        self._clients: dict[Lane, Client] = {}
        self._lock = threading.RLock()
        self._news = threading.Condition(self._lock)
        self._queue: FairQueue[Task] = FairQueue()
        self._at_work: dict[str, Task] = {}
        self._died_at: dict[str, int] = {}  # step of the checkpoint at which a run's worker died
        self._untold: dict[str, store.Status] = {}  # statuses that could not be written
        self._light = LightLane(partial(self._client, Lane.LIGHT), self.memory_limit)
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="bench", daemon=True)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm(self) -> None:
        """Start both lanes and let the workers import torch and the plugins, without waiting for it."""
        threading.Thread(target=self._warm, name="warm the bench", daemon=True).start()

    def _warm(self) -> None:
        for lane in Lane:  # the light lane first: somebody looks at its page
            try:
                self._client(lane).run(worker.warm, environment(), wait=lane is Lane.LIGHT, on_error="ignore")
            except WorkbenchError as error:
                log.warning("%s", error)
        self.warmed = True
        shelf.tidy()

    # -- the queue -------------------------------------------------------------------------------------------

    def submit(self, jobs: Iterable[Job], session: str = "", again: bool = False) -> None:
        """Queue what is not finished, sources first; what was begun goes on where it was. Sessions are served in turns.

        ``again`` starts from the beginning, also what is finished; its records stay until the new ones are complete.
        Raises ``WorkbenchError`` when the disk is full or read-only, or no scheduler answers.
        """
        jobs = list(jobs)
        todo = [job for job in jobs if again or not self._complete(job)]
        if not todo:
            return
        store.check_room()
        if self.scheduler:
            self._client(Lane.TRAINING)
        for job in todo:
            source = job.source()
            if source is not None and not self._complete(source):
                self._enqueue(source, session, again=False)
            self._enqueue(job, session, again)

    def _complete(self, job: Job) -> bool:
        status = self.status(job)
        return status.ended and store.intact(job.id, status)

    def _enqueue(self, job: Job, session: str, again: bool) -> None:
        with self._lock:
            status = self.status(job)
            if status.live:
                return
            if again and status.ended:
                shelf.set_aside(job.id)
            self._died_at.pop(job.id, None)
            self._put(Task(job, session, uuid.uuid4().hex), keep=not again)

    def _put(self, task: Task, keep: bool) -> None:
        """Write that a run waits, and let it wait."""
        job, before = task.job, self.status(task.job)
        begun = keep and bool(checkpoints(store.folder(job.id)))
        status = store.Status(
            "queued", done=before.done if begun else 0, total=before.total, started=time.time(),
            seconds=before.seconds if begun else 0.0, kind=job.run.kind, title=job.title, variant=job.run.variant,
            seed=job.run.seed, task=about(job.run), owner=self._owner(), host=store.HOST, attempt=task.attempt,
        )  # fmt: skip
        store.create(job.id, job.run, status, keep=begun)
        with self._lock:
            self._untold.pop(job.id, None)
            self._queue.put(task.session, job.id, task)
            if not self._thread.is_alive() and not self._closed:
                self._thread.start()
            self._news.notify()

    def _owner(self) -> str:
        with store.explained(owners.folder()):
            return owners.claim()

    def _serve(self) -> None:
        """In a thread: send runs to workers as these become free, and look after those that are at work."""
        while not self._closed:
            with self._news:
                idle = not self._queue and not self._at_work
                self._news.wait(None if idle else TICK)
            try:
                self._dispatch()
                if self._remote and self._at_work:
                    self._remote.fetch(self._client(Lane.TRAINING), self._keys())
                self._give_up()
            except Exception as error:  # nothing may end this thread
                log.warning("the bench: %s", describe(error))

    def _dispatch(self) -> None:
        while not self._closed:
            with self._lock:
                if not self._queue or len(self._at_work) >= self._slots():
                    return
                task = self._queue.take(self._ready)
            if task is None:
                return
            self._send(task)

    def _slots(self) -> int:
        """How many runs may be at work at once."""
        if not self._remote:
            return self.workers
        client = self._client(Lane.TRAINING)
        self._remote.look(client)
        return len(client.scheduler_info(n_workers=-1)["workers"]) + AHEAD

    def _ready(self, task: Task) -> bool:
        """Whether the source it builds on is over, here or in another process."""
        source = task.job.source()
        return source is None or not self.status(source).live

    def _send(self, task: Task) -> None:
        job, source = task.job, task.job.source()
        attempt, asked = store.read_request(job.id)
        if attempt != task.attempt:  # deleted, or taken over
            return
        if asked:  # by another process
            self._end(job.id, asked, f"{asked} before it began")
            return
        if source is not None and not (status := self.status(source)).ended:
            reason = status.message or status.state
            self._end(job.id, "failed", f"the training on the source did not finish: {reason}")
            return
        known = registry.current()
        plugins = {
            f"{kind} {ref['use']}": known.owner(kind, ref["use"]).identity for kind, ref in job.run.all_references()
        }
        order = worker.Order(
            asdict(job.run), job.id, task.attempt, environment(), plugins, versions(),
            self._remote.mark() if self._remote else "", self._files(job),
        )  # fmt: skip
        try:
            with self._lock:
                future = self._client(Lane.TRAINING).submit(worker.execute, order, key=task.key)
                task.future = future
                self._at_work[job.id] = task
        except Exception as error:  # no scheduler: it stays in the queue
            log.warning("run %s waits: %s", job.id, describe(error))
            with self._lock:
                self._queue.put(task.session, job.id, task)
            return
        future.add_done_callback(lambda done: self._ended(task, done))

    def _files(self, job: Job) -> dict[str, dict[str, bytes]]:
        """What the run builds on, for workers that do not see this home."""
        if not self._remote or self._remote.all_share(self._client(Lane.TRAINING)):
            return {}
        needed = {job.id: ["*.json", "*.parquet", "checkpoint-*"]}
        known = registry.current()
        if job.run.source is not None:
            needed[job.run.source.id(known)] = ["weights.safetensors"]
        fork = job.run.fork
        while fork is not None:
            needed[fork.run.id(known)] = ["checkpoint-*"]
            fork = fork.run.fork
        return {
            run_id: {
                path.name: path.read_bytes() for pattern in patterns for path in store.folder(run_id).glob(pattern)
            }
            for run_id, patterns in needed.items()
        }

    def _ended(self, task: Task, future: Future[Any]) -> None:
        """A task is done; its run has said how it ended, unless its worker could not."""
        run_id = task.job.id
        with self._lock:
            if self._at_work.get(run_id) is task:
                del self._at_work[run_id]
        if self._closed:
            return
        try:
            if future.status == "finished":
                self._finished(run_id, future.result())
            elif task.given_up:
                asked = store.read_request(run_id)[1] or "stopped"
                self._end(run_id, asked, f"{asked}; it did not react, so its worker was ended")
            elif future.status == "cancelled":  # the scheduler is gone, and with it what the worker did
                self._put(replace_attempt(task), keep=True)
            else:
                self._worker_died(task, future.exception())
            shelf.settle(run_id)
        except Exception as error:
            log.warning("run %s: %s", run_id, describe(error))
        with self._news:
            self._news.notify()

    def _finished(self, run_id: str, ended: dict[str, Any]) -> None:
        if self._remote and not self._remote.shares(ended["address"]):
            known = {run_id: worker.listing(store.folder(run_id))}
            found = self._client(Lane.TRAINING).run(
                worker.changes, known, workers=[ended["address"]], on_error="ignore"
            )
            for changed in found.values():
                self._remote.take(changed or {})
        if ended["message"] or self._status(run_id).live:
            self._end(run_id, "failed", ended["message"] or "its worker ended without a word; run it again")

    def _worker_died(self, task: Task, error: BaseException | None) -> None:
        """Go on from the last checkpoint, unless the run has died there before: then it is the run that kills."""
        run_id = task.job.id
        if type(error).__name__ != "KilledWorker":
            self._end(run_id, "failed", f"the worker could not begin: {describe(error or RuntimeError())}")
            return
        step = max(map(store.number_of, checkpoints(store.folder(run_id))), default=0)
        if asked := store.read_request(run_id)[1]:
            self._end(run_id, asked, f"{asked}; its worker died meanwhile")
        elif step > self._died_at.get(run_id, -1):
            self._died_at[run_id] = step
            log.warning("the worker of run %s died; it goes on from step %d", run_id, step)
            self._put(replace_attempt(task), keep=True)
        else:
            limit = 0 if self.scheduler else self.memory_limit
            self._end(run_id, "failed", cluster.died(limit, "died twice at the same place"))

    def _end(self, run_id: str, state: str, message: str) -> None:
        """Write how a run ended that could not do it itself; where that cannot be written, remember it."""
        status = replace(self._status(run_id), state=state, outcome="" if state == "paused" else state, message=message)
        try:
            store.write_status(run_id, status)
        except store.StoreError:
            with self._lock:
                self._untold[run_id] = status

    # -- stop and pause --------------------------------------------------------------------------------------

    def stop(self, jobs: Iterable[Job], outcome: str = "stopped") -> None:
        """End what runs within half a second, and what waits at once; ``outcome`` is "stopped" or "paused"."""
        jobs = list(jobs)
        sources = [source for job in jobs if (source := job.source()) is not None]
        for job in [*jobs, *sources]:
            status = self.status(job)
            if not status.live:
                continue
            store.request(job.id, status.attempt, outcome)
            with self._lock:
                waiting = self._queue.remove(job.id)
                task = self._at_work.get(job.id)
            if waiting or (status.state == "queued" and task is None):
                self._end(job.id, outcome, f"{outcome} before it began")
                shelf.settle(job.id)
            elif task is not None:
                task.asked = task.asked or time.monotonic()
                if self._remote:
                    self._remote.relay(self._client(Lane.TRAINING), self._keys(), job.id)

    def pause(self, jobs: Iterable[Job]) -> None:
        """Like ``stop``, but meant to go on: there is no summary yet."""
        self.stop(jobs, "paused")

    def _give_up(self) -> None:
        """End the workers of runs that have not reacted for long."""
        with self._lock:
            tasks = list(self._at_work.values())
        for task in tasks:
            if task.asked and not task.given_up and time.monotonic() - task.asked > DEAF:
                task.given_up = True
                threading.Thread(target=self._end_worker, args=(task,), daemon=True).start()

    def _end_worker(self, task: Task) -> None:
        client = self._client(Lane.TRAINING)
        found = [address for address, keys in client.processing().items() if task.key in keys]
        if found and task.future is not None:
            client.restart_workers(found, timeout=30, raise_for_error=False)

    def _keys(self) -> dict[str, str]:
        with self._lock:
            return {task.key: run_id for run_id, task in self._at_work.items()}

    # -- how things stand ------------------------------------------------------------------------------------

    def status(self, job: Job) -> store.Status:
        """How one job stands."""
        return self._status(job.id)

    def _status(self, run_id: str) -> store.Status:
        return self._untold.get(run_id) or store.read_status(run_id)

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
        return self._light.measure([(job.run, job.id) for job in jobs], environment())

    # -- workers ---------------------------------------------------------------------------------------------

    def _client(self, lane: Lane) -> Client:
        with self._lock:
            client = self._clients.get(lane)
            if client is None or client.status in ("closed", "closing"):
                if lane is Lane.TRAINING and self.scheduler:
                    client = cluster.connect(self.scheduler)
                else:
                    client = cluster.embedded(1 if lane is Lane.LIGHT else self.workers, self.memory_limit)
                self._clients[lane] = client
            return client

    def close(self) -> None:
        """Stop the workers; what was running reads as interrupted, and goes on when it is run again."""
        with self._news:
            self._closed = True
            self._news.notify_all()
            clients, self._clients = list(self._clients.values()), {}
            tasks = [*self._at_work.values(), *self._queue]
            self._at_work.clear()
        for client in clients:
            own = client.cluster
            client.close(timeout=2)
            if own is not None:
                own.close(timeout=5)
        if self._remote:
            self._remote.close()
        for task in tasks:
            if self.status(task.job).live:
                self._end(task.job.id, "interrupted", "the bench was closed; run it again to go on")
            shelf.settle(task.job.id)


def replace_attempt(task: Task) -> Task:
    """The same job once more."""
    return Task(task.job, task.session, uuid.uuid4().hex)


def about(run: Run) -> str:
    """What a run is about, in a few words."""
    task: Sequence[str] = [run.task[key]["use"] for key in ("surface", "dataset", "model") if key in run.task]
    return ", ".join(task)
