"""Whatever dies: finished records stay, states are told truthfully, and the rest goes on bit for bit.

``WORKBENCH_FAULTS=100 pytest -m slow tests/runs/test_faults.py`` kills a hundred times instead of a dozen. A failure
prints its seed; ``WORKBENCH_FAULTS_SEED=<seed>`` takes the same random points again.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from faults import (
    DAMAGES,
    KILLS,
    MIXED,
    SMALL,
    TRANSFER,
    Impatient,
    app,
    check_equal,
    check_told_truly,
    damage,
    dice,
    digest,
    findings,
    finish,
    jobs,
    kill,
    kill_app,
    run_here,
    until,
    with_sources,
    worker_pids,
)

from workbench.errors import WorkbenchError
from workbench.runs import Bench, Job, owners, shelf, store
from workbench.runs.recorder import FolderRecorder, SupersededError

Truth = dict[str, Any]

pytestmark = [
    pytest.mark.slow,  # minutes of waiting for processes, in a process of their own
    pytest.mark.timeout(300 + 30 * KILLS),
    pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals"),
]


@pytest.fixture(scope="module")
def truth(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """What every run here leaves when nothing happens to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(tmp_path_factory.mktemp("undisturbed")))
        work = jobs(MIXED) + jobs(TRANSFER) + jobs(SMALL)
        finish(bench, work, tries=1)
        found = findings(work)
        check_equal(work, found)
    return found


@pytest.fixture
def bystander(home: Path) -> Iterator[None]:
    """A finished run of which no file may change."""
    [job] = jobs(SMALL.replace("[task]", "seeds = [7]\n[task]"))
    assert run_here(job).state == "finished"
    before = digest(store.folder(job.id))
    yield
    assert digest(store.folder(job.id)) == before


# -- kills ---------------------------------------------------------------------------------------------------


def begun_or_over(bench: Bench, work: list[Job]) -> bool:
    """Whether a run is at work, or none is left."""
    return bool(bench._at_work) or not any(bench.status(job).live for job in work)


def test_killed_workers(bench: Bench, truth: Truth, bystander: None, tmp_path: Path) -> None:
    chance, left, rounds = dice("workers"), KILLS - 2 * (KILLS // 6) - KILLS // 12, 0
    while left > 0:
        rounds += 1
        work = jobs(MIXED) if rounds % 2 else jobs(MIXED.split("[[variants]]")[0]) + jobs(TRANSFER)
        bench.submit(work, again=rounds > 1)
        for _ in range(4):
            until(partial(begun_or_over, bench, work), "a run at work, or none left")
            if not bench._at_work:  # a second death in the same place has ended them: submitted again below
                break
            time.sleep(chance.uniform(0, 1.5))
            victims = worker_pids(bench)
            left -= sum(kill(pid) for pid in victims[: chance.choice([1, 2])])
            if left <= 0 or not any(bench.status(job).live for job in work):
                break
        finish(bench, work)
        check_equal(work, truth)


@pytest.mark.parametrize("whole", [True, False], ids=["with its workers", "alone"])
def test_a_killed_app(bench: Bench, truth: Truth, bystander: None, tmp_path: Path, whole: bool) -> None:
    chance = dice(f"app {whole}")
    text = tmp_path / "experiment.toml"
    text.write_text(MIXED)
    work = jobs(MIXED)
    for _ in range(max(1, KILLS // 6)):
        with app(text) as process:
            if chance.random() < 0.8:  # else: while it starts
                until(
                    lambda: any(store.read_status(job.id).live for job in work) or process.poll() is not None, "begun"
                )
            time.sleep(chance.uniform(0, 5))
            kill_app(process, whole)
        check_told_truly(work, truth)
        assert all(not entry.status.live for entry in shelf.entries())
    finish(bench, work)
    check_equal(work, truth)


def test_a_repetition_killed_in_its_middle(bench: Bench, truth: Truth, bystander: None, tmp_path: Path) -> None:
    chance = dice("again")
    text = tmp_path / "experiment.toml"
    text.write_text(SMALL)
    work = jobs(SMALL)
    assert run_here(work[0]).state == "finished"
    shape = findings(work)
    for _ in range(max(1, KILLS // 12)):
        with app(text, "again") as process:
            until(lambda: shelf.folders(shelf.aside_folder()) or process.poll() is not None, "set aside")
            time.sleep(chance.uniform(0, 4))
            kill_app(process, chance.random() < 0.5)
        shelf.tidy()
        assert not shelf.folders(shelf.aside_folder())
        check_equal(work, shape)
    check_equal(work, truth)


def test_a_repetition_killed_between_any_two_moves(home: Path) -> None:
    """Set aside and not yet begun: the complete records come back as soon as somebody asks for the run."""
    [job] = jobs(SMALL)
    run_here(job)
    before = findings([job])
    shelf.set_aside(job.id)
    assert store.read_status(job.id).state == "absent"
    with Bench(workers=1) as bench:
        bench.submit([job])
        assert not bench._queue  # there is nothing to do
    check_equal([job], before)
    shelf.set_aside(job.id)
    store.write_status(job.id, store.Status("running", owner="nobody", host=store.HOST))
    shelf.tidy()
    check_equal([job], before)


def test_two_apps_that_ask_for_the_same(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = tmp_path / "experiment.toml"
    text.write_text(SMALL.replace("[task]", "seeds = [0, 1, 2, 3]\n[task]"))
    work = jobs(text.read_text())
    with app(text) as one, app(text) as other:
        assert (one.wait(240), other.wait(240)) == (0, 0)
    with monkeypatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(tmp_path / "undisturbed"))
        assert all(run_here(job).ended for job in work)
        alone = findings(work)
    check_equal(work, alone)


@pytest.mark.parametrize("how", ["stopped process", "sleep in native code"])
def test_a_worker_that_does_not_react_to_stop(bench: Bench, saboteur: None, truth: Truth, how: str) -> None:
    text = MIXED if how == "stopped process" else sabotaged("sleeps")
    job = jobs(text)[0]
    bench.submit([job])
    until(lambda: bench.status(job).state == "running", "at work")
    frozen = worker_pids(bench) if how == "stopped process" else []
    for pid in frozen:
        kill(pid, signal.SIGSTOP)
    try:
        bench.stop([job])
        until(lambda: not bench.status(job).live, "the run is given up")
    finally:
        for pid in frozen:
            kill(pid, signal.SIGCONT)
    status = bench.status(job)
    assert (status.state, status.resumable) == ("stopped", True), status
    if frozen:
        finish(bench, [job])
        check_equal([job], truth)


# -- plugins -------------------------------------------------------------------------------------------------

SABOTAGE = """
import ctypes, errno, os, pathlib, time
import torch
from workbench import Optimizer, Param, Remedy, hookimpl

class Tenth(torch.optim.SGD):
    def step(self, closure=None):
        self.count = getattr(self, "count", 0) + 1
        if self.count == 10:
            self.act()
        return super().step(closure)

class Crashes(Tenth):
    def act(self): ctypes.string_at(0)

class Sleeps(Tenth):
    def act(self): time.sleep(3000)

class Eats(Tenth):
    def act(self):
        self.eaten = []
        while True:
            self.eaten.append(torch.ones(4_000_000))
            time.sleep(0.01)

class Poisons(Tenth):
    def act(self):
        with torch.no_grad():
            self.param_groups[0]["params"][0].fill_(float("nan"))

class Interrupts(Tenth):
    def act(self): raise KeyboardInterrupt("as if somebody pressed Ctrl-C")

FULL = pathlib.Path(os.environ.get("WORKBENCH_HOME", ".")).parent / "full"
write_bytes = pathlib.Path.write_bytes

def write_if_there_is_room(path, content):
    if FULL.exists() and "runs" in path.parts:
        write_bytes(path, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")
    return write_bytes(path, content)

class Fills(Tenth):
    def act(self):
        pathlib.Path.write_bytes = write_if_there_is_room

class Keeps(Remedy):
    name = "keeps"
    def state_dict(self): raise ArithmeticError("nothing to keep")

class Turns(Remedy):
    name = "turns"
    def on_epoch(self, network, epoch):
        if epoch == 1:
            raise ArithmeticError("not this epoch")

@hookimpl
def register_optimizers(register):
    for make in (Crashes, Sleeps, Eats, Poisons, Interrupts, Fills):
        register(Optimizer(make.__name__.lower(), make, params=[Param("lr", 0.01, low=0.0)]))

@hookimpl
def register_remedies(register):
    for remedy in (Keeps, Turns):
        register(remedy)
"""


@pytest.fixture
def saboteur(home: Path) -> None:
    (home.parent / "plugins" / "saboteur.py").write_text(SABOTAGE)


def sabotaged(optimizer: str) -> str:
    return SMALL.replace('{ use = "adam", lr = 0.01 }', f'"{optimizer}"')


def test_plugins_that_take_their_worker_with_them(bench: Bench, saboteur: None, bystander: None, truth: Truth) -> None:
    neighbour = jobs(MIXED)[:1]
    bench.submit(neighbour, session="neighbour")
    work = jobs(sabotaged("exits")) + jobs(sabotaged("crashes"))
    finish(bench, work, tries=1)
    for job in work:
        status = bench.status(job)
        assert status.state == "failed", status
        assert status.resumable
        assert "worker process died" in status.message
    finish(bench, neighbour)
    check_equal(neighbour, truth)


def test_plugins_that_raise_or_give_no_number(bench: Bench, saboteur: None, bystander: None) -> None:
    long = SMALL.replace("epochs = 3", "epochs = 3000")
    cases = {
        "keeps": (long.replace('"batch_norm"', '"keeps"'), "failed", "remedy 'keeps' of plugin 'saboteur'"),
        "turns": (SMALL.replace('"batch_norm"', '"turns"'), "failed", "remedy 'turns' of plugin 'saboteur'"),
        "poisons": (sabotaged("poisons"), "diverged", "nan"),
        "interrupts": (sabotaged("interrupts"), "failed", "KeyboardInterrupt"),
    }
    work = {name: jobs(text)[0] for name, (text, _, _) in cases.items()}
    finish(bench, list(work.values()), tries=1)
    for name, (_, state, said) in cases.items():
        status = bench.status(work[name])
        assert (status.state, said in status.message, "\n" in status.message) == (state, True, False), status
    diverged = work["poisons"]
    assert store.intact(diverged.id, bench.status(diverged))
    assert len(store.read_table(diverged.id, "curve")) > 0


def test_a_plugin_that_takes_all_memory(saboteur: None, bystander: None) -> None:
    [job] = jobs(sabotaged("eats"))
    with Bench(workers=1, memory_limit=1_500_000_000) as bench:
        finish(bench, [job], tries=1)
        status = bench.status(job)
    assert status.state == "failed", status
    assert "more than 1.4 GB of memory" in status.message


# -- the disk ------------------------------------------------------------------------------------------------


def test_a_full_disk(bench: Bench, saboteur: None, bystander: None, home: Path) -> None:
    [job] = jobs(sabotaged("fills"))
    full = home.parent / "full"
    full.touch()
    bench.submit([job])
    until(lambda: not bench.status(job).live, "the run is over")
    status = bench.status(job)
    assert status.state == "failed", status
    assert "No space left" in status.message
    assert "run it again" in status.message
    full.unlink()
    finish(bench, [job])
    check_equal([job], findings([job]))


def test_a_disk_without_room_is_said_before_a_run_begins(
    home: Path, bystander: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(home)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    [job] = jobs(SMALL)
    with Bench(workers=1) as bench, pytest.raises(WorkbenchError, match="only 1 MB are free"):
        bench.submit([job])
    assert store.read_status(job.id).state == "absent"


def test_a_repetition_for_which_there_is_no_room_leaves_the_records(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [job] = jobs(SMALL)
    run_here(job)
    before = findings([job])

    def no_room(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Bench(workers=1) as bench:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", no_room)
            with pytest.raises(WorkbenchError, match="No space left"):
                bench.submit([job], again=True)
        assert not bench._queue
    check_equal([job], before)


# -- damage --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory, truth: Truth) -> dict[str, Path]:
    """One run in a finished, and one in an interrupted state."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for state, cut in (("finished", -1), ("interrupted", 8)):
            place = tmp_path_factory.mktemp(state)
            patch.setenv("WORKBENCH_HOME", str(place))
            assert run_here(jobs(SMALL)[0], cut).state == state
            found[state] = place
    return found


@pytest.mark.parametrize("state", ["finished", "interrupted"])
def test_damaged_files(
    state: str, wholes: dict[str, Path], truth: Truth, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = dice(f"damage {state}")
    [job] = jobs(SMALL)
    whole = wholes[state] / "runs" / job.id
    names = sorted(path.name for path in whole.iterdir())
    assert {"status.json", "request.json", "experiment.toml"} < set(names)
    assert any(name.startswith("checkpoint-") for name in names)
    [other] = jobs(SMALL.replace("[task]", "seeds = [7]\n[task]"))
    run_here(other)
    bystander = digest(store.folder(other.id))
    for name in names:
        for how in DAMAGES if KILLS > 12 else chance.sample(DAMAGES, 3):
            monkeypatch.setenv("WORKBENCH_HOME", str(home.parent / f"{name} {how}"))
            place = store.folder(job.id)
            shutil.copytree(whole, place)
            damaged = damage((whole / name).read_bytes(), how, chance)
            (place / name).write_bytes(damaged)
            look_at_everything(job)
            status = store.read_status(job.id)
            assert not status.live, (name, how, status)
            if state == "interrupted":
                assert not status.ended, (name, how, status)
            elif name.endswith((".parquet",)) or name == "weights.safetensors":
                assert not (status.ended and store.intact(job.id, status)), (name, how)
            run_here(job)
            check_equal([job], truth)
            shutil.rmtree(place.parent)
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    assert digest(store.folder(other.id)) == bystander


def look_at_everything(job: Job) -> None:
    """All ways to read a run: what is damaged is passed over, or refused in a sentence."""
    store.records([(job.run, job.id)])
    store.read_request(job.id)
    store.read_table(job.id, "summary")
    assert len(shelf.entries()) <= 1
    recorder = FolderRecorder("another", store.Status())
    recorder.earlier(job.id, 10**9)
    with suppress(WorkbenchError):
        recorder.load_weights(job.id)


def test_a_planted_pickle_is_not_opened(home: Path) -> None:
    import pickle

    [job] = jobs(SMALL)
    run_here(job, cut=14)
    trap = home.parent / "sprung"

    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (trap,))

    place = store.folder(job.id)
    for name in ("checkpoint-000000099.safetensors", "weights.safetensors", "curve.parquet", "status.json"):
        (place / name).write_bytes(pickle.dumps(Trap()))
    look_at_everything(job)
    assert run_here(job).state == "finished"
    assert not trap.exists()


def test_a_finished_source_with_damaged_weights_is_trained_again(bench: Bench, truth: Truth, home: Path) -> None:
    work = jobs(TRANSFER)
    [source] = with_sources(work)[1:]
    run_here(source)
    weights = store.folder(source.id) / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    finish(bench, work, tries=1)
    check_equal(work, truth)


# -- removed while it is at work -----------------------------------------------------------------------------


def test_a_run_whose_folder_is_removed_by_hand_stays_away(bench: Bench, home: Path, truth: Truth) -> None:
    [job] = jobs(MIXED)[:1]
    bench.submit([job])
    until(lambda: bench.status(job).state == "running", "at work")
    with pytest.raises(WorkbenchError, match="stop it before"):
        shelf.delete(job.id)
    shutil.rmtree(store.folder(job.id))
    until(lambda: not bench._at_work, "its worker has noticed")
    assert not store.folder(job.id).exists()
    finish(bench, [job])
    check_equal([job], truth)


def test_a_recorder_writes_nothing_into_a_run_that_was_given_away(home: Path) -> None:
    [job] = jobs(SMALL)
    run_here(job, cut=5)
    status = replace(store.read_status(job.id), state="running")
    recorder = Impatient(job.id, status)
    store.create(
        job.id, job.run, store.Status("queued", attempt="another", owner=owners.claim(), host=store.HOST), True
    )
    before = digest(store.folder(job.id))
    with pytest.raises(SupersededError):
        recorder.add("curve", [{"step": 1}])
    with pytest.raises(SupersededError):
        recorder.finish({"outcome": "finished"})
    assert digest(store.folder(job.id)) == before
    shutil.rmtree(store.folder(job.id))
    with pytest.raises(SupersededError):
        recorder.checkpoint({"step": 1})
    assert not store.folder(job.id).exists()


# -- readers -------------------------------------------------------------------------------------------------


def test_readers_never_meet_an_error(home: Path) -> None:
    [job] = jobs(SMALL)
    over, errors, looks = threading.Event(), [], [0]

    def read() -> None:
        while not over.is_set():
            try:
                look_at_everything(job)
                shelf.deleted()
                store.read_status(job.id)
                looks[0] += 1
            except BaseException as error:
                errors.append(error)
                raise

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(6):
            run_here(job, cut=5)
            assert run_here(job).state == "finished"
            shelf.delete(job.id)
            if number % 2:
                shelf.restore(job.id)
                shelf.set_aside(job.id)
                shelf.settle(job.id)
                shelf.delete(job.id)
            shelf.empty_bin()
    finally:
        over.set()
        for reader in readers:
            reader.join()
    assert not errors
    assert looks[0] > 10


# -- the clock -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [-4e8, 4e8, 1e10], ids=["back", "forward", "far"])
def test_a_clock_that_is_set_changes_no_state(home: Path, monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    now = time.time
    living = store.Status("running", owner=owners.claim(), host=store.HOST, started=now(), attempt="a")
    store.write_status("living", living)
    store.write_status("dead", replace(living, owner="nobody"))
    for path in home.rglob("*"):
        os.utime(path, (now() + shift, now() + shift))
    monkeypatch.setattr(time, "time", lambda: now() - shift)
    assert store.read_status("living").state == "running"
    assert store.read_status("dead").state == "interrupted"
    assert {entry.id: entry.status.state for entry in shelf.entries()} == {"living": "running", "dead": "interrupted"}
    [job] = jobs(SMALL)
    assert run_here(job).state == "finished"
