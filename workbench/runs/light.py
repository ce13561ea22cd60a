"""Light work: executed at once in a worker of its own, in memory, and remembered."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from distributed import Client, Future

from workbench.experiment import Run
from workbench.records import TABLES, Records, frame
from workbench.runs import cluster, store, worker

log = logging.getLogger("workbench.runs")

KEPT = 300  # results that are remembered
KEPT_ROWS = 3_000_000  # rows of all their tables
PATIENCE = 30.0  # seconds after which a run is given up
GLANCE = 3.0  # seconds that a click waits for a look at what it starts


class LightLane:
    """Executes light runs past the queue; ``client`` connects to the worker that does."""

    def __init__(self, client: Callable[[], Client], memory_limit: int) -> None:
        self._client, self._memory_limit = client, memory_limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, dict[str, pd.DataFrame]] = OrderedDict()

    def measure(self, named: Sequence[tuple[Run, str]], environment: Mapping[str, str]) -> Records:
        """The records of runs, computed now as far as they are not remembered."""
        client = self._client()
        with self._lock:
            kept = {run_id: self._kept[run_id] for _, run_id in named if run_id in self._kept}
        wanted = {run_id: run for run, run_id in named if run_id not in kept}

        def submit() -> dict[str, Future[Any]]:
            """Hand over all that has no result yet."""
            return {
                run_id: client.submit(worker.measure, asdict(run), environment, pure=False)
                for run_id, run in wanted.items()
                if run_id not in results
            }

        results: dict[str, dict[str, pd.DataFrame]] = {}
        futures = submit()
        for run_id in wanted:  # one after the other, as the worker does them
            results[run_id], lost = self._result(futures[run_id])
            if lost:
                futures = submit()  # the worker that had the others is gone
        self._keep(results)
        measured = [(run, kept.get(run_id) or results[run_id]) for run, run_id in named]
        return {  # one that failed has a summary alone
            table: store.joined(table, ((run.variant, run.seed, of[table]) for run, of in measured if table in of))
            for table in TABLES
        }

    def refusal(self, runs: Sequence[Run], environment: Mapping[str, str]) -> str:
        """What speaks against running these; empty, too, when it takes long to find out: the runs will say it."""
        future = self._client().submit(worker.look, [asdict(run) for run in runs], environment, pure=False)
        try:
            return str(future.result(timeout=GLANCE))
        except TimeoutError:
            future.cancel()  # the worker stays: mostly it is at work for somebody else
        except Exception as error:
            log.warning("light work failed: %s", error)
        return ""

    def _keep(self, results: dict[str, dict[str, pd.DataFrame]]) -> None:
        """Remember results, so that a slider that moves one variant computes only that one anew."""
        with self._lock:
            for run_id, tables in results.items():
                if tables["summary"]["outcome"].iloc[0] != "failed":
                    self._kept[run_id] = tables
            while len(self._kept) > KEPT or sum(map(size, self._kept.values())) > KEPT_ROWS:
                self._kept.popitem(last=False)

    def _result(self, future: Future[Any]) -> tuple[dict[str, pd.DataFrame], bool]:
        """The tables of a run, and whether its worker was lost."""
        try:
            return future.result(timeout=PATIENCE), False
        except TimeoutError:
            future.cancel()
            client = self._client()
            client.restart_workers(list(client.scheduler_info()["workers"]), timeout=30, raise_for_error=False)
            message = f"it took longer than {PATIENCE:.0f} s; take fewer steps, or look for a plugin that hangs"
        except Exception as error:
            log.warning("light work failed: %s", error)
            message = cluster.died(self._memory_limit, "died")
        return {"summary": frame("summary", [{"outcome": "failed", "message": message}])}, True


def size(tables: Mapping[str, pd.DataFrame]) -> int:
    """The rows of a result."""
    return sum(map(len, tables.values()))
