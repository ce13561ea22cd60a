"""What a worker process does with one run. Nothing that goes wrong in a run leaves this file."""

from __future__ import annotations

import importlib
import logging
import os
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from workbench import registry
from workbench.blame import describe
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.records import TABLES, MemoryRecorder, Recorder
from workbench.runs import store
from workbench.runs.recorder import FolderRecorder

log = logging.getLogger("workbench.runs")

POLL = 0.2  # seconds between looks at a source that another process trains
ENGINES = {
    "descent": "workbench.descent.simulate",
    "sweep": "workbench.descent.sweep",
    "training": "workbench.training.loop",
    "transfer": "workbench.training.loop",
}


def settle(environment: Mapping[str, str]) -> registry.Registry:
    """Take on the submitting process's settings, use one thread, and have the plugins at hand."""
    import torch

    for name in [name for name in os.environ if name.startswith("WORKBENCH_") and name not in environment]:
        del os.environ[name]
    os.environ.update(environment)
    torch.set_num_threads(1)
    return registry.current()


def warm(environment: Mapping[str, str]) -> int:
    """Import what every run needs, so that the first click does not wait for it."""
    import torch

    settle(environment)
    for module in ENGINES.values():
        importlib.import_module(module)
    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)  # the first one imports half of torch
    return os.getpid()


def execute(plain: Mapping[str, Any], run_id: str, environment: Mapping[str, str], *sources: Any) -> str:
    """Execute one run into its folder. ``sources`` are earlier runs that it waits for."""
    known = settle(environment)
    run = Run.from_dict(plain)
    status = store.read_status(run_id)
    recorder = FolderRecorder(run_id, replace(status, state="running", started=time.time()))
    wait_for_source(run, known, recorder)
    if recorder.stopped():
        recorder.finish({"outcome": "stopped", "message": "stopped before it began"})
        return run_id
    recorder.finish(attempt(run, known, recorder, run_id))
    return run_id


def measure(plain: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """Execute light work in memory and return its tables."""
    known = settle(environment)
    recorder = MemoryRecorder()
    recorder.add("summary", [attempt(Run.from_dict(plain), known, recorder)])
    return {table: recorder.table(table) for table in TABLES}


def attempt(run: Run, known: registry.Registry, recorder: Recorder, run_id: str = "") -> dict[str, Any]:
    """The run's summary row; an exception becomes the outcome ``failed`` with a sentence."""
    began = time.perf_counter()
    try:
        check_source(run, known, run_id)
        engine = importlib.import_module(ENGINES[run.kind])
        summary: dict[str, Any] = engine.execute(run, known, recorder)
    except WorkbenchError as error:
        keep_traceback(run_id)
        summary = {"outcome": "failed", "message": str(error)}
    except (Exception, SystemExit) as error:
        log.exception("run %s failed", run_id)
        keep_traceback(run_id)
        summary = {"outcome": "failed", "message": f"the bench itself failed: {describe(error)}"}
    return {"seconds": time.perf_counter() - began} | summary


def wait_for_source(run: Run, known: registry.Registry, recorder: Recorder) -> None:
    """Another process may be training the source right now; one of this process was waited for in the queue."""
    if run.source is not None:
        while store.read_status(run.source.id(known)).live and not recorder.stopped():
            time.sleep(POLL)


def check_source(run: Run, known: registry.Registry, run_id: str) -> None:
    """A transfer needs a source that was trained to the end."""
    if run.source is None or not run_id:
        return
    status = store.read_status(run.source.id(known))
    if status.state != "finished":
        reason = status.message or status.state
        raise WorkbenchError(f"the training on the source did not finish: {reason}")


def keep_traceback(run_id: str) -> None:
    """Details for whoever looks for them; the page shows the sentence."""
    if run_id:
        store.write(store.folder(run_id) / "error.txt", traceback.format_exc().encode())
