"""What a worker process does with one run. Nothing that goes wrong in a run leaves this file."""

from __future__ import annotations

import importlib
import logging
import os
import shutil
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from workbench import house, registry
from workbench.blame import describe
from workbench.errors import UnknownComponent, WorkbenchError
from workbench.experiment import Run, versions
from workbench.records import TABLES, MemoryRecorder, Recorder
from workbench.runs import store
from workbench.runs.recorder import FolderRecorder, SupersededError

log = logging.getLogger("workbench.runs")

PATIENT = 10  # how much a training gives way to the app on the same machine (nice)
ENGINES = {
    "descent": "workbench.descent.simulate",
    "sweep": "workbench.descent.sweep",
    "training": "workbench.training.loop",
    "transfer": "workbench.training.loop",
}
_own: dict[str, str] = {}  # this process's settings before any order
_one = threading.Lock()  # runs share the process's random state: only one at a time, however many threads it has


@dataclass(frozen=True)
class Order:
    """One run, and all that a worker must know to execute it as the process that sends it would."""

    run: dict[str, Any]
    id: str
    attempt: str
    environment: dict[str, str]
    plugins: dict[str, str]  # component -> identity of its plugin
    versions: dict[str, str]
    token: str = ""  # a file that is in the sender's home; empty: the worker is its child and uses the same home
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)  # of runs that a home elsewhere has


def settle(environment: Mapping[str, str], own_first: bool = False) -> registry.Registry:
    """Take on the sender's settings (a cluster's worker: besides its own), use one thread, and have the plugins."""
    import torch

    if not _own:
        _own.update({"PID": str(os.getpid())} | {k: v for k, v in os.environ.items() if k.startswith("WORKBENCH_")})
    for name in [name for name in os.environ if name.startswith("WORKBENCH_") and name not in environment]:
        del os.environ[name]
    os.environ.update(environment)
    if own_first:
        os.environ.update({key: value for key, value in _own.items() if key != "PID"})
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


def execute(order: Order) -> dict[str, Any]:
    """Execute one run into its folder; returns where, and why its folder could not be written, if so."""
    with _one:
        return execute_alone(order)


def execute_alone(order: Order) -> dict[str, Any]:
    """Execute one run in a process that does nothing else."""
    known = settle(order.environment, own_first=bool(order.token))
    if order.token:
        move_in(order)
    elif hasattr(os, "nice"):
        os.nice(PATIENT - os.nice(0))
    ended: dict[str, Any] = {"address": address(), "message": ""}
    try:
        recorder = FolderRecorder(order.id, replace(store.read_status(order.id), state="running", message=""))
        if asked := recorder.asked():
            recorder.finish({"outcome": asked, "message": f"{asked} before it began"})
        else:
            recorder.finish(attempt(Run.from_dict(order.run), known, recorder, order))
    except SupersededError:
        log.info("run %s was given to another worker", order.id)
    except WorkbenchError as error:  # the folder cannot be written, not even to say so
        ended["message"] = str(error)
    except (Exception, SystemExit) as error:
        log.exception("run %s could not be recorded", order.id)
        ended["message"] = f"the bench itself failed: {describe(error)}"
    return ended


def measure(plain: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """Execute light work in memory and return its tables."""
    known = settle(environment)
    recorder = MemoryRecorder()
    recorder.add("summary", [attempt(Run.from_dict(plain), known, recorder)])
    return {table: recorder.table(table) for table in TABLES}


def attempt(run: Run, known: registry.Registry, recorder: Recorder, order: Order | None = None) -> dict[str, Any]:
    """The run's summary row; an exception becomes the outcome ``failed`` with a sentence."""
    began = time.perf_counter()
    try:
        if order is not None:
            check_plugins(known, order)
        engine = importlib.import_module(ENGINES[run.kind])
        summary: dict[str, Any] = engine.execute(run, known, recorder)
    except WorkbenchError as error:
        keep_traceback(order)
        summary = {"outcome": "failed", "message": str(error)}
    except (Exception, SystemExit) as error:
        log.exception("run failed")
        keep_traceback(order)
        summary = {"outcome": "failed", "message": f"the bench itself failed: {describe(error)}"}
    return {"seconds": time.perf_counter() - began} | summary


def check_plugins(known: registry.Registry, order: Order) -> None:
    """Refuse, by name, what is not here as it is where the run comes from."""
    for name, wanted in order.versions.items():
        if (here := versions()[name]) != wanted:
            raise WorkbenchError(
                f"the worker {address()} has {name} {here}, and the run was asked for with {wanted}; "
                "install the same version in both places"
            )
    for component, wanted in order.plugins.items():
        kind, _, name = component.partition(" ")
        try:
            here = known.owner(kind, name).identity
        except UnknownComponent:
            raise WorkbenchError(
                f"the worker {address()} has no plugin with {component}; install the plugin there, too"
            ) from None
        if here != wanted:
            plugin = known.owner(kind, name).name
            raise WorkbenchError(
                f"the worker {address()} has another version of the plugin {plugin!r} ({component}); "
                "install the same one in both places"
            )


def keep_traceback(order: Order | None) -> None:
    """Details for whoever looks for them; the page shows the sentence."""
    if order is not None:
        try:
            store.write(store.folder(order.id) / "error.txt", traceback.format_exc().encode())
        except WorkbenchError:
            log.exception("run %s failed", order.id)


# -- on a cluster ----------------------------------------------------------------------------------------------


def address() -> str:
    """This worker's address, or where it is when it has none."""
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:
        return store.HOST


def sees(home: str, token: str) -> bool:
    """Whether this worker's home is the sender's."""
    return (Path((_own or os.environ).get("WORKBENCH_HOME", home)) / "runs" / token).exists()


def move_in(order: Order) -> None:
    """Use the sender's home when this machine sees it, else a folder of the worker's own with what the run needs."""
    if (store.runs() / order.token).exists():
        return
    os.environ["WORKBENCH_HOME"] = str(scratch())
    shutil.rmtree(store.folder(order.id), ignore_errors=True)
    for run_id, files in order.files.items():
        for name, content in files.items():
            store.write(store.folder(run_id) / Path(name).name, content)


def scratch() -> Path:
    """Where a worker without the sender's home keeps what has not been fetched yet."""
    from distributed import get_worker

    return Path(get_worker().local_directory) / "workbench-home"


def listing(folder: Path) -> dict[str, int]:
    """The files of a run folder and their sizes."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if not entry.name.startswith(".")}
    except OSError:
        return {}


def changes(known: Mapping[str, Mapping[str, int]]) -> dict[str, tuple[list[str], dict[str, bytes]]]:
    """For each run: the names of its files here, and the content of those that the sender does not have."""
    found: dict[str, tuple[list[str], dict[str, bytes]]] = {}
    for run_id, theirs in known.items():
        files: dict[str, bytes] = {}
        here = listing(house.home() / "runs" / run_id)
        for name, size in sorted(here.items(), key=lambda item: item[0] != "status.json"):  # status first: never ahead
            if name == "status.json" or (name != "request.json" and theirs.get(name) != size):
                try:
                    files[name] = (store.folder(run_id) / name).read_bytes()
                except OSError:  # merged or pruned meanwhile
                    here.pop(name, None)
        if here:
            found[run_id] = (list(here), files)
    return found


def relay(run_id: str, attempt: str, ask: str) -> None:
    """Pass on what is asked of a run that works here."""
    if store.read_request(run_id)[0] == attempt:
        store.request(run_id, attempt, ask)
