"""The bench: takes experiments, has them executed, and tells how they stand.

Trainings wait in a queue that serves sessions in turns, and run one to a worker and one thread each; light work
(a descent, a sweep, an untrained network) never waits for them.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterable
from functools import partial

from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.records import TABLES, Records
from workbench.runs import shelf, store, worker
from workbench.runs.dispatcher import Dispatcher, Task, environment
from workbench.runs.job import Job, Lane
from workbench.runs.light import LightLane

log = logging.getLogger("workbench.runs")


class Bench(Dispatcher):
    """Takes experiments, has them executed, and tells how they stand. A context manager, or ``close()`` it.

    Trainings go to ``scheduler`` (default: ``WORKBENCH_SCHEDULER``), or to ``workers`` processes of its own, each of
    which may use ``memory_limit`` bytes.
    """

    def __init__(self, workers: int | None = None, scheduler: str | None = None, memory_limit: int = 0) -> None:
        super().__init__(workers, scheduler, memory_limit)
        self.warmed = False  # the light lane has everything imported
        self._light = LightLane(partial(self._client, Lane.LIGHT), self.memory_limit)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm(self) -> None:
        """Start both lanes and let the workers import torch and the plugins, without waiting for it."""
        threading.Thread(target=self._warm, name="warm the bench", daemon=True).start()

    def _warm(self) -> None:
        for lane in Lane:  # the light lane first: somebody looks at its page
            if lane is Lane.TRAINING and self.scheduler:
                continue  # they may be at work for others, with settings of their own
            try:
                self._client(lane).run(worker.warm, environment(), wait=lane is Lane.LIGHT, on_error="ignore")
            except WorkbenchError as error:
                log.warning("%s", error)
        self.warmed = True
        try:
            shelf.tidy()
        except WorkbenchError as error:
            log.warning("%s", error)

    def check(self, jobs: Iterable[Job], here: bool = False) -> None:
        """Raise ``WorkbenchError`` with what speaks against running jobs, as far as it can be known beforehand.

        One run of each variant is looked at, by the light lane or, with ``here``, in this process. The runs themselves
        say it on a cluster, whose machines have other data and devices, and while the light lane still starts.
        """
        if self.scheduler or not (here or self.warmed):
            return
        first: dict[str, Run] = {}
        for job in jobs:
            if job.run.kind in worker.REFUSALS:
                first.setdefault(job.run.variant, job.run)
        runs = list(first.values())
        look = worker.refusal_here if here else self._light.refusal
        if runs and (why := look(runs, environment())):
            raise WorkbenchError(why)

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
            if (source := job.source()) is not None:
                self._enqueue(source, session, again=False)
            self._enqueue(job, session, again)

    def _complete(self, job: Job) -> bool:
        shelf.settle(job.id)  # a repetition that died in its middle left the complete records aside
        status = self.status(job)
        return status.ended and store.intact(job.id, status)

    def _enqueue(self, job: Job, session: str, again: bool) -> None:
        with self._lock, shelf.alone():
            if self.status(job).live or (not again and self._complete(job)):  # by now: another process, too, submits
                return
            if again and self.status(job).ended:
                shelf.set_aside(job.id)
            self._died_at.pop(job.id, None)
            try:
                self._put(Task(job, session, uuid.uuid4().hex), keep=not again)
            except BaseException:
                shelf.settle(job.id)
                raise

    def stop(self, jobs: Iterable[Job], outcome: str = "stopped") -> None:
        """End what runs within half a second, and what waits at once; ``outcome`` is "stopped" or "paused"."""
        jobs = list(jobs)
        for job in [*jobs, *self._sources(jobs)]:
            status = self.status(job)
            if not status.live:
                continue
            store.request(job.id, status.attempt, outcome)
            with self._news:
                waiting = self._queue.remove(job.id)
                task = self._at_work.get(job.id)
                self._news.notify()  # a cluster is told at the next look
            if task is not None and status.state == "queued":  # its worker still starts, or has not looked yet
                self._over(task)
                task.cancel()
                task = None
            if waiting or (status.state == "queued" and task is None):
                self._end(waiting or Task(job, "", status.attempt), outcome, f"{outcome} before it began")
            elif task is not None:
                task.asked = task.asked or time.monotonic()

    def _sources(self, jobs: Iterable[Job]) -> list[Job]:
        """What runs wait for, as it was when they were queued: the plugin of a source may be gone by now."""
        ids = {job.id for job in jobs}
        with self._lock:
            tasks = [*self._queue, *self._at_work.values()]
        return [task.source for task in tasks if task.job.id in ids and task.source is not None]

    def pause(self, jobs: Iterable[Job]) -> None:
        """Like ``stop``, but meant to go on: there is no summary yet."""
        self.stop(jobs, "paused")

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
