"""The dispatcher: sends runs that wait to workers, looks after those at work, and ends what does not end by itself."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from distributed import Client, Future

from workbench import house, registry
from workbench.blame import describe
from workbench.errors import WorkbenchError
from workbench.experiment import versions
from workbench.runs import cluster, guest, owners, shelf, store, worker
from workbench.runs.job import Job, Lane
from workbench.runs.queue import FairQueue
from workbench.runs.recorder import WEIGHTS, checkpoints
from workbench.runs.remote import Remote

log = logging.getLogger("workbench.runs")

DEAF = 5.0  # seconds after which a run that does not react to Stop or Pause loses its worker
TICK = 0.5  # seconds between looks at what runs and waits
LEAVE = 10.0  # seconds that runs on a cluster get for a last checkpoint when the bench is closed
ANSWER = 30.0  # seconds for what a worker says at the end of a run
OVERLOOKED = 60.0  # seconds that a run may be over before somebody looks why nothing was said: a last fetch takes long
AHEAD = 2  # runs sent to a cluster beyond its workers, so that an adaptive one knows that it should grow


@dataclass
class Task:
    """A job on its way: in the queue, or at a worker."""

    job: Job
    session: str
    attempt: str  # the workers' scheduler, too, knows it under this name
    future: Future[Any] | None = None
    asked: float = 0.0  # when it was asked to end
    done: float = 0.0  # when it was first seen to be over
    given_up: bool = False  # it did not react, and its worker is being ended
    source: Job | None = field(init=False)  # as it is named now: by and by a plugin may be gone

    def __post_init__(self) -> None:
        self.source = self.job.source()

    def cancel(self) -> None:
        """Tell the scheduler, if it is there, that nobody waits for it any more."""
        try:
            if self.future is not None:
                self.future.cancel()
        except Exception as error:
            log.info("run %s: %s", self.job.id, describe(error))


def environment() -> dict[str, str]:
    """What a worker must know of this process's settings."""
    own = {name: value for name, value in os.environ.items() if name.startswith("WORKBENCH_")}
    return own | {"WORKBENCH_HOME": str(house.home()), "WORKBENCH_DATA": str(house.data())}


def files(run_id: str, *patterns: str) -> dict[str, bytes]:
    """Files of a run, by name; those that are pruned or merged meanwhile are left out."""
    found = {path.name: guest.content(path) for pattern in patterns for path in store.folder(run_id).glob(pattern)}
    return {name: content for name, content in found.items() if content is not None}


class Dispatcher:
    """A queue of tasks and a thread that has them executed: what a bench does behind its counter.

    A run whose worker dies goes on from its last checkpoint on another one, once; if it dies again without having got
    further, it has failed.
    """

    def __init__(self, workers: int | None = None, scheduler: str | None = None, memory_limit: int = 0) -> None:
        self.workers = workers or cluster.default_workers()
        self.memory_limit = memory_limit or cluster.memory_limit(self.workers)
        self.scheduler = os.environ.get("WORKBENCH_SCHEDULER", "") if scheduler is None else scheduler
        self._remote = Remote() if self.scheduler else None
        self._clients: dict[Lane, Client] = {}
        self._lock = threading.RLock()
        self._starting = {lane: threading.Lock() for lane in Lane}
        self._news = threading.Condition(self._lock)
        self._queue: FairQueue[Task] = FairQueue()
        self._at_work: dict[str, Task] = {}
        self._died_at: dict[str, int] = {}  # step of the checkpoint at which a run's worker died
        self._untold: dict[str, store.Status] = {}  # statuses that could not be written
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="bench", daemon=True)

    # -- send ----------------------------------------------------------------------------------------------------

    def _put(self, task: Task, keep: bool) -> None:
        """Write that a run waits, and let it wait."""
        job, before = task.job, self.status(task.job)
        begun = keep and bool(checkpoints(store.folder(job.id)))
        status = store.Status(
            "queued", done=before.done if begun else 0, total=before.total, started=time.time(),
            seconds=before.seconds if begun else 0.0, kind=job.run.kind, title=job.title, variant=job.run.variant,
            seed=job.run.seed, task=job.about, owner=self._owner(), host=store.HOST, attempt=task.attempt,
            message=f"waiting for a worker of {self.scheduler}" if self.scheduler else "",
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
        said = ""
        while not self._closed:
            with self._news:
                idle = not self._queue and not self._at_work
                self._news.wait(None if idle else TICK)
            try:
                self._follow()
                self._dispatch()
                self._give_up()
                self._overlooked()
                said = ""
            except Exception as error:  # nothing may end this thread
                if (news := describe(error)) != said and not self._closed:  # a scheduler that is gone is one warning
                    log.warning("the bench: %s", news)
                said = news

    def _dispatch(self) -> None:
        while not self._closed and self._queue:
            slots = self._slots()  # asks the workers: not while others wait for the lock
            with self._lock:
                if len(self._at_work) >= slots:
                    return
                task = self._queue.take(self._ready)
            if task is None:
                return
            try:
                if not self._send(task):
                    return
            except Exception as error:
                self._end(task, "failed", f"it could not be sent to a worker: {describe(error)}")

    def _slots(self) -> int:
        """How many runs may be at work at once."""
        if self._remote:
            return len(self._remote.workers) + AHEAD
        own: Any = self._client(Lane.TRAINING).cluster
        return min(self.workers, len(own.scheduler.workers))  # while one starts again, nothing lines up behind another

    def _ready(self, task: Task) -> bool:
        """Whether the source it builds on is over, here or in another process."""
        return task.source is None or not self.status(task.source).live

    def _send(self, task: Task) -> bool:
        """Let a worker execute a run; whether others may be sent, too."""
        job, source = task.job, task.source
        attempt, asked = store.read_request(job.id)
        if attempt != task.attempt:  # deleted, or taken over
            return True
        if asked:  # by another process
            self._end(task, asked, f"{asked} before it began")
            return True
        if source is not None and not (status := self.status(source)).ended:
            reason = status.message or status.state
            self._end(task, "failed", f"the training on the source did not finish: {reason}")
            return True
        known = registry.current()
        if job.run.id(known) != job.id:
            self._end(task, "failed", "a plugin or a file of its data was changed while it waited; run it again")
            return True
        plugins = {
            f"{kind} {ref['use']}": known.owner(kind, ref["use"]).identity for kind, ref in job.run.all_references()
        }
        order = worker.Order(
            asdict(job.run), job.id, task.attempt, environment(), plugins, versions(),
            self._remote.mark() if self._remote else "", self._files(task),
        )  # fmt: skip
        try:
            client = self._client(Lane.TRAINING)
            with self._lock:
                future = client.submit(worker.execute, order, key=task.attempt)
                task.future = future
                self._at_work[job.id] = task
        except Exception as error:  # no scheduler: it stays in the queue
            log.warning("run %s waits: %s", job.id, describe(error))
            with self._lock:
                self._queue.put(task.session, job.id, task)
            return False
        future.add_done_callback(lambda done: self._ended(task, done))
        return True

    def _files(self, task: Task) -> dict[str, dict[str, bytes]] | None:
        """What the run builds on, where workers do not see this home."""
        if not self._remote or self._remote.all_share():
            return None
        job, known = task.job, registry.current()
        needed = {job.id: files(job.id, "*.json", "*.parquet", "checkpoint-*")}
        self._remote.send(task.attempt, needed[job.id])
        if job.run.source is not None:
            source = job.run.source.id(known)
            needed[source] = files(source, WEIGHTS)
        fork = job.run.fork
        while fork is not None:
            trunk = fork.run.id(known)
            needed[trunk] = files(trunk, "checkpoint-*")
            fork = fork.run.fork
        return needed

    # -- how it ends ---------------------------------------------------------------------------------------------

    def _ended(self, task: Task, future: Future[Any]) -> None:
        """A task is done; its run has said how it ended, unless its worker could not."""
        run_id = task.job.id
        with self._lock:
            if self._closed or self._at_work.get(run_id) is not task:  # ended, or sent anew, by this bench
                return
        try:
            if future.status == "finished":
                self._finished(task, future)
            elif future.status == "cancelled" and not task.given_up:  # the scheduler is gone, with what the worker did
                self._once_more(task)
            elif task.given_up or type(future.exception()).__name__ == "KilledWorker":
                self._worker_died(task)
            else:
                self._end(task, "failed", f"the worker could not begin: {describe(future.exception())}")
        except Exception as error:
            log.warning("run %s: %s", run_id, describe(error))
            with suppress(Exception):  # whatever cannot be written now, its place must become free
                if self._status(run_id).live and run_id not in self._queue:
                    self._end(task, "failed", describe(error))
        finally:
            self._over(task)
        with suppress(store.StoreError):  # what was set aside comes back at the next try
            shelf.settle(run_id)  # here, too: mostly the worker itself has written how it ended, and no `_end` did
        with self._news:
            self._news.notify()

    def _over(self, task: Task) -> None:
        with self._lock:
            if self._at_work.get(task.job.id) is task:
                del self._at_work[task.job.id]

    def _finished(self, task: Task, future: Future[Any]) -> None:
        """Its worker has nothing more to say; on a cluster there may still be files to fetch, or nobody to ask."""
        run_id = task.job.id
        ended: dict[str, Any] = {"message": "", "again": ""}
        try:
            ended = future.result(timeout=ANSWER)
            if self._remote:
                self._remote.last(self._client(Lane.TRAINING), task.attempt, run_id, ended["address"])
        except store.StoreError as error:
            ended = {"message": str(error), "again": ""}
        except Exception as error:  # the worker is gone, with what has not been fetched
            log.info("run %s: %s", run_id, describe(error))
        status = self._status(run_id)
        if not status.live or status.attempt != task.attempt:
            return
        if ended["message"]:
            self._end(task, "failed", ended["message"])
        elif ended["again"] == "unseen" and self._remote:
            self._remote.unseen(ended["address"])
            self._once_more(task)
        elif self._remote or ended["again"]:
            self._worker_died(task)
        else:
            self._end(task, "failed", "its worker ended without a word; run it again")

    def _worker_died(self, task: Task) -> None:
        """Go on from the last checkpoint, unless the run has died there before: then it is the run that kills."""
        run_id = task.job.id
        step = max(map(store.number_of, checkpoints(store.folder(run_id))), default=0)
        if asked := store.read_request(run_id)[1]:
            why = "it did not react, so its worker was ended" if task.given_up else "its worker died meanwhile"
            self._end(task, asked, f"{asked}; {why}")
        elif step > self._died_at.get(run_id, -1):
            self._died_at[run_id] = step
            log.warning("the worker of run %s died; it goes on from step %d", run_id, step)
            self._once_more(task)
        else:
            limit = 0 if self.scheduler else self.memory_limit
            self._end(task, "failed", cluster.died(limit, "died twice at the same place"))

    def _follow(self) -> None:
        """On a cluster: see how runs get on there, and send those anew whose worker has left."""
        if not self._remote:
            return
        client = self._client(Lane.TRAINING)
        with self._lock:
            tasks = {task.attempt: task for task in self._at_work.values()}
        for attempt in self._remote.follow(client, {attempt: task.job.id for attempt, task in tasks.items()}):
            task = tasks[attempt]
            self._over(task)
            task.cancel()
            self._worker_died(task)

    def _once_more(self, task: Task) -> None:
        """Queue a run that lost its worker, unless it was deleted or taken over meanwhile."""
        with self._lock, shelf.alone():
            if self._status(task.job.id).attempt == task.attempt:
                self._put(Task(task.job, task.session, uuid.uuid4().hex), keep=True)

    def _end(self, task: Task, state: str, message: str) -> None:
        """Write how a run ended that could not do it itself; where that cannot be written, remember it."""
        run_id, before = task.job.id, self._status(task.job.id)
        if before.attempt != task.attempt:  # it was deleted, or taken over
            return
        status = replace(before, state=state, outcome="" if state == "paused" else state, message=message)
        try:
            store.write_status(run_id, status)
            shelf.settle(run_id)
        except store.StoreError:
            with self._lock:
                self._untold[run_id] = status

    # -- what does not end by itself -----------------------------------------------------------------------------

    def _give_up(self) -> None:
        """End the workers of runs that have not reacted for long."""
        with self._lock:
            tasks = list(self._at_work.values())
        for task in tasks:
            if not task.asked and store.read_request(task.job.id)[1]:  # another process has asked
                task.asked = time.monotonic()
            if task.asked and not task.given_up and time.monotonic() - task.asked > DEAF:
                task.given_up = True
                threading.Thread(target=self._end_worker, args=(task,), daemon=True).start()

    def _overlooked(self) -> None:
        """Take up what is done although nobody has said so: a place that stays taken would hold up all that wait."""
        with self._lock:
            tasks = [task for task in self._at_work.values() if task.future is not None and task.future.done()]
        for task in tasks:
            task.done = task.done or time.monotonic()
            if time.monotonic() - task.done > OVERLOOKED and task.future is not None:
                log.info("run %s is over, which went unnoticed", task.job.id)
                self._ended(task, task.future)

    def _end_worker(self, task: Task) -> None:
        try:
            client = self._client(Lane.TRAINING)
            found = [address for address, keys in client.processing().items() if task.attempt in keys]
            if self._remote:  # first of all, or the scheduler would give it to another worker, to hold that one, too
                with self._lock:
                    if self._at_work.get(task.job.id) is not task:
                        return
                    self._over(task)
                task.cancel()
            if found and task.future is not None:
                client.restart_workers(found, timeout=30, raise_for_error=False)
        except Exception as error:  # a cluster's worker without a nanny cannot be ended, or its scheduler is gone
            log.warning("run %s does not react: %s", task.job.id, describe(error))
        if self._remote:
            self._worker_died(task)

    def _leave(self) -> list[Task]:
        """On a cluster, whose workers live on: let runs keep a last checkpoint while somebody fetches it.

        Nothing else would tell them at once; without it they notice that nobody waits, and end where they are.
        """
        with self._lock:
            tasks = list(self._at_work.values()) if self._remote else []
        left = [task for task in tasks if not task.asked and self.status(task.job).live]
        for task in left:
            if self.status(task.job).state == "queued":
                self._over(task)
                task.cancel()
            else:
                with suppress(WorkbenchError):
                    store.request(task.job.id, task.attempt, "paused")
        with self._news:
            self._news.notify()
        deadline = time.monotonic() + LEAVE
        while deaf := [task for task in left if self.status(task.job).state == "running"]:
            if self._clients[Lane.TRAINING].status != "running":
                break
            if time.monotonic() > deadline:  # nobody else could end them
                for task in deaf:
                    self._end_worker(task)
                break
            time.sleep(0.05)
        return left

    # -- workers -------------------------------------------------------------------------------------------------

    def status(self, job: Job) -> store.Status:
        """How one job stands."""
        return self._status(job.id)

    def _status(self, run_id: str) -> store.Status:
        return self._untold.get(run_id) or store.read_status(run_id)

    def _client(self, lane: Lane) -> Client:
        with self._starting[lane]:  # not the lock of all else: a scheduler that is gone takes seconds to be missed
            with self._lock:
                client = self._clients.get(lane)
                if self._closed:
                    raise WorkbenchError("the bench was closed; start the app again")
            if client is None or client.status in ("closed", "closing"):
                if lane is Lane.TRAINING and self.scheduler:
                    client = cluster.connect(self.scheduler)
                else:
                    client = cluster.embedded(1 if lane is Lane.LIGHT else self.workers, self.memory_limit)
                self._keep(lane, client)
            return client

    def _keep(self, lane: Lane, client: Client) -> None:
        with self._lock:
            if not self._closed:
                self._clients[lane] = client
                return
        cluster.end(client)
        raise WorkbenchError("the bench was closed; start the app again")

    def close(self) -> None:
        """Stop the workers; what was running reads as interrupted, and goes on when it is run again."""
        with self._lock:
            tasks, self._queue = list(self._queue), FairQueue()
        left = self._leave()
        with self._news:
            self._closed = True
            self._news.notify_all()
            clients, self._clients = list(self._clients.values()), {}
            tasks += [*self._at_work.values(), *self._queue]
            self._at_work.clear()
        for client in clients:
            cluster.end(client)
        if self._remote:
            self._remote.close()
        for task in [*left, *tasks]:
            status = self.status(task.job)
            if status.attempt == task.attempt and (status.live or (status.state == "paused" and task in left)):
                self._end(task, "interrupted", "the bench was closed; run it again to go on")
            else:
                shelf.settle(task.job.id)
