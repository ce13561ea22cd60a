"""The same runs on a cluster of other processes: a scheduler and two workers with nannies, started elsewhere.

``shared``: its workers see the bench's home. ``apart``: each has a home of its own, as on another machine.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import torch
import waiting
from distributed import Client
from launching import free_port

from workbench import house, registry
from workbench.errors import WorkbenchError
from workbench.experiment import Run, loads
from workbench.records import MemoryRecorder
from workbench.runs import Bench, Job, guest, shelf, store
from workbench.runs.cluster import connect
from workbench.runs.job import plan
from workbench.runs.remote import Remote
from workbench.training import loop

if os.name == "nt":
    pytest.skip("Windows has neither process groups nor SIGKILL", allow_module_level=True)

PATIENCE = 90.0  # seconds that any of this may take on a slow machine
until = partial(waiting.until, seconds=PATIENCE)
MIXED = """
kind = "training"
seeds = [0, 1]
[task]
model = { use = "mlp", depth = 2, width = 16 }
epochs = 2
[base]
optimizer = { use = "sgd", momentum = 0.9 }
[[variants]]
name = "plain"
[[variants]]
name = "batch norm"
remedies = ["batch_norm"]
[[variants]]
name = "forked"
optimizer = { lr = 0.05 }
fork = { variant = "plain", step = 20 }
"""
TRANSFER = """
kind = "transfer"
[task]
dataset = { use = "digits", classes = "5-9" }
source = { use = "digits", classes = "0-4" }
model = { use = "mlp", depth = 1, width = 8 }
epochs = 1
[[variants]]
name = "frozen"
remedies = ["freeze"]
"""
LONG = """
kind = "training"
[task]
model = { use = "mlp", depth = 2, width = 16 }
epochs = 11
batch_size = 32
[base]
optimizer = "slow_adam"
"""
ENDLESS = LONG.replace("epochs = 11", "epochs = 5000")
SLOW = """
import os
import time
import torch
from workbench import Optimizer, Param, hookimpl

class SlowAdam(torch.optim.Adam):
    def step(self, closure=None):
        time.sleep(float(os.environ.get("SLOW", "0")))  # on the workers a run takes seconds, whatever the machine
        while os.path.exists(os.environ.get("HOLD", "")):
            time.sleep(0.02)
        return super().step(closure)

class Exits(torch.optim.SGD):
    def step(self, closure=None):
        os._exit(3)

class Hangs(torch.optim.SGD):
    def step(self, closure=None):
        time.sleep(1000)

@hookimpl
def register_optimizers(register):
    for name, make in (("slow_adam", SlowAdam), ("exits", Exits), ("hangs", Hangs)):
        register(Optimizer(name, make, params=[Param("lr", 0.001, low=0.0)]))
"""
PLUGIN = """
import torch
from workbench import Optimizer, Param, hookimpl

@hookimpl
def register_optimizers(register):
    register(Optimizer("local_sgd", torch.optim.SGD, params=[Param("lr", 0.1, low=0.0)]))
"""


def end(process: subprocess.Popen[Any]) -> None:
    """End a process that leads a session, and all that it started, at once."""
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()


class Cluster:
    """A scheduler and workers: processes in sessions of their own, started in another folder."""

    def __init__(self, place: Path, apart: bool) -> None:
        self.place, self.apart = place, apart
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.logs, self.hold = place / "log", place / "hold"
        place.mkdir(parents=True)

    def _start(self, name: str, *command: str, **settings: str) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("WORKBENCH_")}
        with self.logs.open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=self.place, env=kept | {"SLOW": "0.008", "HOLD": str(self.hold)} | settings,
                start_new_session=True, stdout=log, stderr=log,
            )  # fmt: skip

    def start_scheduler(self) -> None:
        self._start(
            "scheduler", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(self.port),
            "--no-dashboard",
        )  # fmt: skip
        until(self.listens, "the scheduler listens")  # a bench waits for an answer only a few seconds

    def listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Runs stand still at their next step: they do not end while somebody looks at them."""
        self.hold.touch()
        try:
            yield
        finally:
            self.hold.unlink()

    def start_worker(self, name: str, *options: str, **settings: str) -> None:
        if self.apart:
            settings = {"WORKBENCH_HOME": str(self.place / f"home of {name}")} | settings
        self._start(
            name, "distributed.cli.dask_worker", self.address, "--nthreads", "1", "--nworkers", "1", "--no-dashboard",
            "--name", name, "--local-directory", str(self.place / name), *options, **settings,
        )  # fmt: skip

    def start(self) -> None:
        """Everything, and wait until both workers have joined."""
        self.start_scheduler()
        for name in ("anna", "bela"):
            self.start_worker(name)
        self.wait(2)

    def wait(self, workers: int) -> None:
        with self.client() as client:
            until(lambda: len(client.scheduler_info()["workers"]) == workers)

    def client(self) -> Client:
        return connect(self.address)

    def kill(self, name: str) -> None:
        """End a process and all that it started, at once."""
        end(self.processes.pop(name))

    def kill_all(self) -> None:
        for name in list(self.processes):
            self.kill(name)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bench folder of its own, and an optimizer that takes its time."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "slow.py").write_text(SLOW)
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(tmp_path / "plugins"))
    return tmp_path / "home"


@pytest.fixture(scope="module", params=["shared", "apart"])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for many tests; each leaves it with a scheduler and two workers."""
    made = Cluster(tmp_path_factory.mktemp(request.param) / "elsewhere", apart=request.param == "apart")
    try:
        made.start()
        yield made
    finally:
        made.kill_all()


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that one test starts as it likes."""
    made = Cluster(tmp_path / "elsewhere", apart=True)
    try:
        yield made
    finally:
        made.kill_all()


@pytest.fixture
def bench(cluster: Cluster, home: Path) -> Iterator[Bench]:
    with Bench(scheduler=cluster.address) as bench:
        yield bench


# -- the oracle --------------------------------------------------------------------------------------------

_oracle: dict[str, MemoryRecorder] = {}


def here(run: Run) -> MemoryRecorder:
    """The records of a run that this process executes without interruption."""
    known = registry.current()
    if (run_id := run.id(known)) not in _oracle:
        torch.set_num_threads(1)
        recorder = MemoryRecorder()
        if run.source is not None:
            recorder.sources[run.source.id(known)] = here(run.source).weights
        summary = loop.execute(run, known, recorder)
        recorder.add("summary", [summary])
        _oracle[run_id] = recorder
    return _oracle[run_id]


def check(bench: Bench, jobs: list[Job]) -> None:
    """Every run has finished, with the same bits in its records and weights as here."""
    from safetensors.torch import load_file

    for job in jobs:
        status = bench.status(job)
        assert status.state == "finished", status
        mine = here(job.run)
        for table in ("curve", "layers"):
            pd.testing.assert_frame_equal(store.read_table(job.id, table), mine.table(table), check_exact=True)
        columns = ["outcome", "steps", "final_loss", "final_accuracy", "best_accuracy"]
        pd.testing.assert_frame_equal(
            store.read_table(job.id, "summary")[columns], mine.table("summary")[columns], check_exact=True
        )
        weights = load_file(store.folder(job.id) / "weights.safetensors")
        assert weights.keys() == mine.weights.keys()
        assert all(torch.equal(weights[name], mine.weights[name]) for name in weights)


def jobs(text: str) -> list[Job]:
    return plan(loads(text))


def wait(bench: Bench, work: list[Job]) -> None:
    until(lambda: not any(bench.status(job).live for job in work))


def in_the_middle(bench: Bench, job: Job) -> None:
    """Wait until a run has begun, and has kept a checkpoint at least."""

    def begun() -> bool:  # a checkpoint is fetched before the status that goes with it
        return bench.status(job).state == "running" and bool(list(store.folder(job.id).glob("checkpoint-*")))

    until(lambda: begun() or not bench.status(job).live)
    assert bench.status(job).state == "running", bench.status(job)


def worker_of(cluster: Cluster, job: Job) -> str:
    """The address of the worker that works on a run."""
    attempt = store.read_request(job.id)[0]
    with cluster.client() as client:
        [address] = [address for address, keys in client.processing().items() if attempt in keys]
    return str(address)


def pid_of(cluster: Cluster, address: str) -> int:
    with cluster.client() as client:
        return int(client.run(os.getpid, workers=[address])[address])


# -- the same records --------------------------------------------------------------------------------------


def test_records_are_those_of_this_machine(cluster: Cluster, bench: Bench) -> None:
    work = jobs(MIXED) + jobs(TRANSFER)
    bench.submit(work)
    wait(bench, work)
    check(bench, work)
    if cluster.apart:
        assert not list(cluster.place.glob("home of */runs/*"))
        left = "*/dask-scratch-space/*/workbench/*"  # goes after the last files have been fetched
        until(lambda: not list(cluster.place.glob(left)), "nothing stays on the workers")


@pytest.mark.parametrize("cluster", ["apart"], indirect=True)
def test_a_run_is_seen_as_it_goes_on(cluster: Cluster, bench: Bench) -> None:
    [job] = jobs(LONG.replace("kind", "seeds = [1]\nkind"))
    bench.submit([job])
    seen: list[tuple[int, int]] = []
    while (status := bench.status(job)).live:
        if status.state == "running":
            rows = len(store.read_table(job.id, "curve"))
            if not seen or status.done > seen[-1][0]:
                seen.append((status.done, rows))
        time.sleep(0.05)
    check(bench, [job])
    total = len(store.read_table(job.id, "curve"))
    assert any(0 < rows < total for _, rows in seen)


def test_stop_or_pause_in_the_middle_and_go_on_elsewhere(cluster: Cluster, bench: Bench) -> None:
    outcome = "paused" if cluster.apart else "stopped"
    [job] = jobs(LONG)
    bench.submit([job])
    in_the_middle(bench, job)
    with cluster.held():
        first = worker_of(cluster, job)
        if cluster.apart:
            shelf.ask(job.id, outcome)  # as another process would
        else:
            bench.stop([job], outcome)
    wait(bench, [job])
    status = bench.status(job)
    assert status.state == outcome, status
    assert 0 < status.done < status.total
    assert store.read_table(job.id, "curve")["step"].max() <= status.done
    [block] = jobs(ENDLESS)  # takes the first worker, if it likes it
    bench.submit([block])
    until(lambda: bench.status(block).state == "running")
    elsewhere = worker_of(cluster, block) == first
    with cluster.held():
        bench.submit([job])
        until(lambda: bench.status(job).state != "queued")
        if elsewhere:
            assert worker_of(cluster, job) != first
        assert bench.status(job).done >= status.done
    wait(bench, [job])
    bench.stop([block])
    wait(bench, [block])
    check(bench, [job])


# -- what dies ---------------------------------------------------------------------------------------------


def test_a_killed_worker_costs_a_second_of_work(cluster: Cluster, bench: Bench) -> None:
    [job] = jobs(LONG)
    bench.submit([job])
    in_the_middle(bench, job)
    before = store.read_request(job.id)[0]
    with cluster.held():
        os.kill(pid_of(cluster, worker_of(cluster, job)), signal.SIGKILL)
        until(lambda: store.read_request(job.id)[0] != before)  # held: or another worker ends it unseen
    until(lambda: bench.status(job).state != "queued")
    assert bench.status(job).done > 0, "it goes on from its checkpoint"
    wait(bench, [job])
    check(bench, [job])
    cluster.wait(2)


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["apart"], indirect=True)
def test_a_run_that_kills_or_holds_its_worker_is_ended(cluster: Cluster, bench: Bench) -> None:
    [hangs], [exits] = (jobs(LONG.replace("slow_adam", name)) for name in ("hangs", "exits"))
    bench.submit([hangs, exits])
    until(lambda: bench.status(hangs).state == "running")
    bench.stop([hangs])
    wait(bench, [hangs, exits])
    assert bench.status(hangs).state == "stopped"
    assert "its worker was ended" in bench.status(hangs).message
    assert bench.status(exits).state == "failed"
    assert "worker process died twice at the same place" in bench.status(exits).message
    with cluster.client() as client:
        until(lambda: len(client.scheduler_info()["workers"]) == 2)
        until(lambda: not any(client.run(executing, on_error="ignore").values()))


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["shared"], indirect=True)
def test_two_benches_share_a_home_and_a_cluster(cluster: Cluster, bench: Bench) -> None:
    work = jobs(LONG.replace("kind", "seeds = [2, 3]\nkind"))
    with Bench(scheduler=cluster.address) as other:
        other.submit(work[:1])
        bench.submit(work)
        attempts = [store.read_request(job.id)[0] for job in work]
        wait(bench, work)
        wait(other, work)
        check(other, work)
    assert [store.read_request(job.id)[0] for job in work] == attempts, "nothing was done twice"


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["apart"], indirect=True)
def test_a_scheduler_that_starts_anew_gets_the_runs_again(cluster: Cluster, bench: Bench) -> None:
    work = jobs(LONG.replace('kind = "training"', 'kind = "training"\nseeds = [0, 1]'))
    bench.submit(work)
    in_the_middle(bench, work[0])
    cluster.kill_all()
    until(lambda: bench.status(work[0]).state == "queued")
    assert cluster.address in bench.status(work[0]).message
    cluster.start()
    wait(bench, work)
    check(bench, work)


@pytest.mark.slow
def test_a_bench_that_goes_leaves_nothing_at_work(cluster: Cluster, home: Path) -> None:
    [job] = jobs(ENDLESS)
    with Bench(scheduler=cluster.address) as bench:
        bench.submit([job])
        in_the_middle(bench, job)
        attempt = store.read_request(job.id)[0]
    status = store.read_status(job.id)
    assert status.state == "interrupted"
    assert "closed" in status.message
    assert status.done > 0
    with cluster.client() as client:
        until(lambda: not any(client.run(executing, on_error="ignore").values()))
    assert store.read_status(job.id) == status
    assert store.read_request(job.id)[0] == attempt


@pytest.mark.slow
def test_workers_end_what_a_killed_bench_has_left(cluster: Cluster, home: Path) -> None:
    [job] = jobs(ENDLESS)
    program = (
        "import sys, time\n"
        "from workbench.experiment import loads\n"
        "from workbench.runs import Bench\n"
        "from workbench.runs.job import plan\n"
        "bench = Bench(scheduler=sys.argv[1])\n"
        "bench.submit(plan(loads(sys.argv[2])))\n"
        "time.sleep(1000)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, cluster.address, ENDLESS])
    try:

        def begun() -> bool:
            return store.read_status(job.id).state == "running" and any(store.folder(job.id).glob("checkpoint-*"))

        until(lambda: begun() or process.poll() is not None)
        assert store.read_status(job.id).state == "running"
    finally:
        process.kill()
        process.wait()
    assert store.read_status(job.id).state == "interrupted"
    with cluster.client() as client:
        until(lambda: not any(client.run(executing, on_error="ignore").values()))


def executing(dask_worker: object) -> int:
    """How many threads of a worker are in a run."""
    from workbench.runs import worker

    return int(worker._one.locked())


# -- what does not fit -------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", ["another", "none"])
def test_a_worker_with_other_plugins_refuses_by_name(
    own_cluster: Cluster, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    for folder, source in (("mine", PLUGIN), ("another", PLUGIN.replace("0.1", "0.2")), ("none", None)):
        (tmp_path / folder).mkdir()
        if source:
            (tmp_path / folder / "local_plugin.py").write_text(source)
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(tmp_path / "mine"))
    work = jobs(LONG.replace('"slow_adam"', '"local_sgd"'))
    own_cluster.start_scheduler()
    own_cluster.start_worker("anna", WORKBENCH_PLUGINS=str(tmp_path / there))
    with Bench(scheduler=own_cluster.address) as bench:
        bench.submit(work)
        wait(bench, work)
        status = bench.status(work[0])
    assert status.state == "failed"
    assert "the worker tcp://127.0.0.1:" in status.message
    if there == "another":
        assert "another version of the plugin 'local_plugin' (optimizer local_sgd)" in status.message
        assert "install the same one in both places" in status.message
    else:
        assert "no plugin with optimizer local_sgd" in status.message
        assert "install the plugin there, too" in status.message


@pytest.mark.slow
def test_runs_wait_until_a_worker_joins_and_go_on_when_it_leaves(own_cluster: Cluster, home: Path) -> None:
    own_cluster.start_scheduler()
    stopped, job = work = jobs(LONG.replace("kind", "seeds = [0, 4]\nkind"))
    with Bench(scheduler=own_cluster.address) as bench:
        bench.submit(work)
        until(lambda: len(bench._at_work) == 2)
        for each in work:
            assert bench.status(each).state == "queued"
            assert bench.status(each).message == f"waiting for a worker of {own_cluster.address}"
        bench.stop([stopped])  # sent, and nobody there to react
        assert bench.status(stopped).state == "stopped"
        own_cluster.start_worker("anna", "--nthreads", "3")  # more threads than one: still one run at a time
        own_cluster.wait(1)
        own_cluster.start_worker("bela")
        in_the_middle(bench, job)
        with own_cluster.held():
            before, anna = store.read_request(job.id)[0], worker_of(own_cluster, job)
            own_cluster.wait(2)
            with own_cluster.client() as client:
                client.retire_workers([anna])  # as an adaptive cluster does, or a time limit
            until(lambda: store.read_request(job.id)[0] != before)
        wait(bench, [job])
        check(bench, [job])
        assert bench.status(stopped).state == "stopped"


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:{port}", "127.0.0.1", "tcp://no.such.host.invalid:8786", "nonsense://x"]
)
def test_a_wrong_address_is_one_sentence(home: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.runs.cluster.TIMEOUT", 1.0)
    address = address.format(port=free_port())
    with Bench(scheduler=address) as bench:
        began = time.monotonic()
        with pytest.raises(WorkbenchError, match="no scheduler answers") as caught:
            bench.submit(jobs(LONG))
        assert time.monotonic() - began < 30
    assert address in str(caught.value)
    assert "unset WORKBENCH_SCHEDULER" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_no_scheduler_is_one_sentence(home: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = server.accept()
                    with caller:
                        caller.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 4)
                        caller.recv(1000)

        threading.Thread(target=answer, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with Bench(scheduler=address) as bench, pytest.raises(WorkbenchError, match="no scheduler answers"):
            bench.submit(jobs(LONG))


def test_the_command_line_says_so_too(home: Path, tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text(LONG)
    address = f"tcp://127.0.0.1:{free_port()}"
    done = subprocess.run(
        [sys.executable, "-m", "workbench.cli", "run", "spec.toml", "--out", "out"],
        cwd=tmp_path, env=os.environ | {"WORKBENCH_SCHEDULER": address}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"Error: WORKBENCH_SCHEDULER = {address}: no scheduler answers")
    assert done.stderr.count("\n") == 1


# -- what a worker sends -----------------------------------------------------------------------------------


def test_what_a_worker_sends_stays_in_the_folder_of_its_run(home: Path) -> None:
    mine = store.Status("queued", attempt="now")
    store.write_status("abc", mine)
    store.request("abc", "now")
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    names = [
        "../evil.parquet", "/tmp/evil.parquet", "..", ".", "", "request.json", "experiment.toml", "evil.py",
        "curve-000001.parquet/../../evil.parquet", "curve-000001.parquet\n", ".seen-1", "C:\\curve.parquet",
    ]  # fmt: skip
    remote = Remote()
    remote.send("now", {"status.json": b"{}", "request.json": b"{}"})
    remote.take("abc", "now", guest.Found({}, dict.fromkeys(names, b"evil")))
    stranger = store.Status("finished", attempt="another")
    remote.take("abc", "now", guest.Found({}, {"status.json": store.status_file(stranger)}))
    remote.take("abc", "now", guest.Found({}, {"status.json": b"["}))
    remote.take("abc", "before", guest.Found({}, {"curve-000001.parquet": b"of an earlier attempt"}))
    remote.take("gone", "now", guest.Found({}, {"curve-000001.parquet": b"of a deleted run"}))
    remote.take("abc", "now", guest.Found({}, {}))  # it has lost what came with the order
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
    remote.take("abc", "now", guest.Found({"curve-000001.parquet": (4, 1)}, {"curve-000001.parquet": b"rows"}))
    assert (store.folder("abc") / "curve-000001.parquet").read_bytes() == b"rows"
    assert store.read_status("abc") == replace(mine, state=store.read_status("abc").state)


def test_a_part_of_the_same_length_is_fetched_when_it_is_another(tmp_path: Path) -> None:
    (tmp_path / "curve-000001.parquet").write_bytes(b"old")
    first = guest.news(tmp_path, {})
    assert first.files == {"curve-000001.parquet": b"old"}
    assert guest.news(tmp_path, first.stamps).files == {}
    os.utime(tmp_path / "curve-000001.parquet", ns=(0, 0))
    (tmp_path / "curve-000001.parquet").write_bytes(b"new")
    assert guest.news(tmp_path, first.stamps).files == {"curve-000001.parquet": b"new"}


def test_large_files_come_in_portions_and_the_status_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest, "LOAD", 10)
    contents = {f"checkpoint-{step:09d}.safetensors": b"x" * 7 for step in (1, 2, 3)}
    contents |= {"curve-000001.parquet": b"y" * 25, "status.json": b"{}"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    known: dict[str, guest.Stamp] = {}
    order: list[list[str]] = []
    while True:
        found = guest.news(tmp_path, known)
        order.append(list(found.files))
        known |= {name: found.stamps[name] for name in found.files}
        if not found.more:
            break
    assert order[0] == ["curve-000001.parquet"], "records before the checkpoints that count them"
    assert [len(portion) for portion in order] == [1, 1, 1, 2]
    assert order[-1][-1] == "status.json"


# -- the docs ----------------------------------------------------------------------------------------------


def test_the_walk_through_of_the_docs_runs(tmp_path: Path) -> None:
    text = (house.CHECKOUT / "docs" / "cluster.md").read_text()
    section = text.partition("## Try it on one machine")[2].partition("\n## ")[0]
    [experiment] = re.findall(r"^```toml\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    commands = re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert len(commands) == 3
    (tmp_path / "try.toml").write_text(experiment)
    port = str(free_port())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            line = ["sh", "-ec", command.replace("8786", port)]
            with (tmp_path / f"log {len(started)}").open("w") as log:
                process = subprocess.Popen(
                    line, cwd=tmp_path, env=os.environ | {"PATH": path}, start_new_session=True, stdout=log, stderr=log
                )
            started.append(process)
        code = started[-1].wait(timeout=PATIENCE * 2)
        assert code == 0, (tmp_path / "log 2").read_text()
    finally:
        for process in started:
            end(process)
    summary = pd.read_csv(tmp_path / "results" / "summary.csv")
    assert summary["outcome"].tolist() == ["finished"] * 4
    worker_log = (tmp_path / "log 1").read_text()
    assert "Run out-of-band function 'sees'" in worker_log, "the runs were at these workers"
