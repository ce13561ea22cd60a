"""What a worker process does with one run. Nothing that goes wrong in a run leaves this file."""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from workbench import registry
from workbench.blame import describe
from workbench.errors import WorkbenchError
from workbench.experiment import Run, versions
from workbench.records import TABLES, MemoryRecorder, Recorder
from workbench.runs import guest, store
from workbench.runs.recorder import FolderRecorder, SupersededError

log = logging.getLogger("workbench.runs")

PATIENT = 10  # how much a training gives way to the app on the same machine (nice)
ENGINES = {
    "descent": "workbench.descent.simulate",
    "sweep": "workbench.descent.sweep",
    "tune": "workbench.descent.tune",
    "training": "workbench.training.loop",
    "transfer": "workbench.training.loop",
}
REFUSALS = dict.fromkeys(("training", "transfer"), "workbench.training.refusals")  # can be known beforehand
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
    files: dict[str, dict[str, bytes]] | None = None  # by run; None: every worker is said to see the sender's home


def settle(environment: Mapping[str, str], own_first: bool = False) -> registry.Registry:
    """Take on the sender's settings (a cluster's worker: besides its own), use one thread, and have the plugins."""
    import torch

    own = guest.own()
    for name in [name for name in os.environ if name.startswith("WORKBENCH_") and name not in environment]:
        del os.environ[name]
    os.environ.update(environment)
    if own_first:
        os.environ.update(own)
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
    """Execute one run into its folder; returns where, why its folder could not be written, and why it has to be
    sent again, if so.
    """
    with _one:
        return execute_alone(order)


def execute_alone(order: Order) -> dict[str, Any]:
    """Execute one run in a process that does nothing else."""
    known = settle(order.environment, own_first=bool(order.token))
    ended: dict[str, Any] = {"address": guest.address(), "message": "", "again": ""}
    try:
        if order.token:
            if why := guest.move_in(order):
                return ended | {"again": why}
            if (status := guest.fresh(order)) is None:
                return ended | {"again": "begun"}
            recorder: FolderRecorder = guest.GuestRecorder(order.id, replace(status, state="running", message=""))
        else:
            if hasattr(os, "nice"):
                os.nice(PATIENT - os.nice(0))
            status = store.read_status(order.id)
            if (status.state, status.attempt) != ("queued", order.attempt):  # over, or not wanted any more
                return ended | {"again": "begun"}
            recorder = FolderRecorder(order.id, replace(status, state="running", message=""))
        if asked := recorder.asked():
            recorder.finish({"outcome": asked, "message": f"{asked} before it began"})
        else:
            store.write_status(order.id, recorder.status)  # it runs from now on, also while its data are loaded
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


def refusal_here(runs: Sequence[Run], environment: Mapping[str, str]) -> str:
    """``refusal`` in a process that trains nothing itself: the data are not kept."""
    from workbench.training.data import forget

    try:
        return refusal(runs, environment)
    finally:
        forget()


def look(plain: Sequence[Mapping[str, Any]], environment: Mapping[str, str]) -> str:
    """``refusal`` of runs that come as plain data."""
    return refusal([Run.from_dict(each) for each in plain], environment)


def refusal(runs: Sequence[Run], environment: Mapping[str, str]) -> str:
    """What speaks against the first run that cannot be begun, with its variant's name; empty when nothing does."""
    known = settle(environment)
    for run in runs:
        try:
            importlib.import_module(REFUSALS[run.kind]).check(run, known)
        except WorkbenchError as error:
            return f"variant {run.variant!r}: {error}"
        except (Exception, SystemExit):  # the run itself will say it
            log.exception("variant %r could not be looked at", run.variant)
    return ""


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
    except SupersededError:
        raise
    except BaseException as error:  # whatever a plugin raises
        log.exception("run failed")
        keep_traceback(order)
        summary = {"outcome": "failed", "message": f"the bench itself failed: {describe(error)}"}
    return {"seconds": time.perf_counter() - began} | summary


def check_plugins(known: registry.Registry, order: Order) -> None:
    """Refuse, by name, what is not here as it is where the run comes from."""
    for name, wanted in order.versions.items():
        if (here := versions()[name]) != wanted:
            raise WorkbenchError(
                f"the worker {guest.address()} has {name} {here}, and the run was asked for with {wanted}; "
                "install the same version in both places"
            )
    for component, wanted in order.plugins.items():
        kind, _, name = component.partition(" ")
        if name not in known.names(kind):
            raise WorkbenchError(
                f"the worker {guest.address()} has no plugin with {component}; install the plugin there, too"
            )
        owner = known.owner(kind, name)
        if owner.identity != wanted:
            raise WorkbenchError(
                f"the worker {guest.address()} has another version of the plugin {owner.name!r} ({component}); "
                "install the same one in both places"
            )


def keep_traceback(order: Order | None) -> None:
    """Details for whoever looks for them; the page shows the sentence."""
    if order is not None:
        try:
            store.write(store.folder(order.id) / "error.txt", traceback.format_exc().encode())
        except WorkbenchError:
            log.exception("run %s failed", order.id)
