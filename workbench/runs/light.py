"""Light work: executed at once in a worker of its own, in memory, and remembered."""

from __future__ import annotations

import logging
import threading
import time
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
PATIENCE = 60.0  # seconds after which light work is given up


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
        futures = {
            run_id: client.submit(worker.measure, asdict(run), environment, pure=False)
            for run_id, run in {run_id: run for run, run_id in named if run_id not in kept}.items()
        }
        deadline = time.monotonic() + PATIENCE
        results = {
            run_id: self._result(future, max(deadline - time.monotonic(), 0.1)) for run_id, future in futures.items()
        }
        self._keep(results)
        measured = [(run, kept.get(run_id) or results[run_id]) for run, run_id in named]
        return {  # one that failed has a summary alone
            table: store.joined(table, ((run.variant, run.seed, of[table]) for run, of in measured if table in of))
            for table in TABLES
        }

    def _keep(self, results: dict[str, dict[str, pd.DataFrame]]) -> None:
        """Remember results, so that a slider that moves one variant computes only that one anew."""
        with self._lock:
            for run_id, tables in results.items():
                if tables["summary"]["outcome"].iloc[0] != "failed":
                    self._kept[run_id] = tables
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def _result(self, future: Future[Any], seconds: float) -> dict[str, pd.DataFrame]:
        try:
            return future.result(timeout=seconds)  # type: ignore[no-any-return]
        except TimeoutError:
            future.cancel()
            client = self._client()
            client.restart_workers(list(client.scheduler_info()["workers"]), timeout=30, raise_for_error=False)
            message = f"it took longer than {PATIENCE:.0f} s; take fewer steps, or look for a plugin that hangs"
        except Exception as error:
            log.warning("light work failed: %s", error)
            message = cluster.died(self._memory_limit, "died")
        return {"summary": frame("summary", [{"outcome": "failed", "message": message}])}
