"""The queue, the worker processes and the run folders, with real workers."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distributed import Future
from waiting import until

from workbench import registry
from workbench.errors import WorkbenchError
from workbench.experiment import loads
from workbench.records import MemoryRecorder
from workbench.runs import Bench, Job, Lane, dispatcher, light, shelf, store, worker
from workbench.runs.job import plan

DESCENT = """
kind = "descent"
[task]
steps = 30
[[variants]]
name = "a"
optimizer = { use = "sgd", lr = 0.01 }
[[variants]]
name = "b"
optimizer = { use = "adam", lr = 0.1 }
"""
LONG = """
kind = "training"
[task]
epochs = 5000
"""
SHORT = """
kind = "training"
seeds = [0, 1]
[task]
epochs = 2
"""


def jobs(text: str) -> list[Job]:
    return plan(loads(text))


def optimizer(name: str) -> str:
    return f'kind = "descent"\n[base]\noptimizer = "{name}"\n'


def test_light_work_equals_the_engine_called_directly(bench: Bench, home: Path) -> None:
    from workbench.descent import simulate

    records = bench.measure(jobs(DESCENT))
    for job in jobs(DESCENT):
        recorder = MemoryRecorder()
        simulate.execute(job.run, registry.current(), recorder)
        mine = records["path"][records["path"]["variant"] == job.run.variant].drop(columns=["variant", "seed"])
        pd.testing.assert_frame_equal(mine.reset_index(drop=True), recorder.table("path"))


def test_queued_runs_leave_the_same_records_in_their_folders(bench: Bench, home: Path) -> None:
    work = jobs(DESCENT)
    light = bench.measure(work)
    bench.submit(work)
    bench.wait(work)
    assert [bench.status(job).state for job in work] == ["finished", "finished"]
    stored = bench.records(work)
    pd.testing.assert_frame_equal(stored["path"], light["path"])
    left = [
        "experiment.toml", "path.parquet", "request.json", "state.parquet", "status.json", "summary.parquet",
    ]  # fmt: skip
    place = store.folder(work[0].id)
    until(lambda: sorted(path.name for path in place.iterdir()) == left, "parts go after the status is written")


def test_finished_runs_are_not_run_again_unless_asked(bench: Bench, home: Path) -> None:
    work = jobs(DESCENT)
    bench.submit(work)
    bench.wait(work)
    before = [bench.status(job).started for job in work]
    bench.submit(work)
    assert [bench.status(job).started for job in work] == before
    bench.submit(work, again=True)
    bench.wait(work)
    assert all(new > old for new, old in zip([bench.status(job).started for job in work], before, strict=True))


def test_a_training_gives_the_same_records_twice(bench: Bench, home: Path) -> None:
    work = jobs(SHORT)
    bench.submit(work)
    bench.wait(work)
    first = bench.records(work)
    assert set(first["summary"]["outcome"]) == {"finished"}
    bench.submit(work, again=True)
    bench.wait(work)
    second = bench.records(work)
    for table in ("curve", "layers"):
        pd.testing.assert_frame_equal(first[table], second[table])
    columns = ["outcome", "steps", "final_loss", "final_accuracy", "best_accuracy"]
    pd.testing.assert_frame_equal(first["summary"][columns], second["summary"][columns])


def test_stop_takes_effect_soon_and_keeps_what_was_done(
    bench: Bench, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "DEAF", 600.0)  # it reacts by itself
    [job] = jobs(LONG)
    bench.submit([job])
    until(lambda: len(store.read_table(job.id, "curve")) > 0)
    bench.stop([job])
    until(lambda: not bench.status(job).live)
    status = bench.status(job)
    assert status.state == "stopped"
    assert 0 < status.done < status.total
    records = bench.records([job])
    assert records["summary"]["outcome"].tolist() == ["stopped"]
    assert len(records["curve"]) > 0
    bench.submit([job])  # a stopped run can be run again
    assert bench.status(job).live
    bench.stop([job])
    bench.wait([job])


def test_stopping_what_waits_ends_it_at_once(bench: Bench, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "DEAF", 600.0)  # those at work react by themselves
    work = jobs(LONG.replace('"training"', '"training"\nseeds = [0, 1, 2, 3]'))
    bench.submit(work)
    until(lambda: sum(bench.status(job).state == "running" for job in work) == 2)
    waiting = [job for job in work if bench.status(job).state == "queued"]
    assert len(waiting) == 2
    bench.stop(waiting)
    assert [bench.status(job).state for job in waiting] == ["stopped", "stopped"]
    bench.stop(work)
    until(lambda: not any(bench.status(job).live for job in work))


def test_light_work_does_not_wait_for_trainings(bench: Bench, home: Path) -> None:
    work = jobs(LONG.replace('"training"', '"training"\nseeds = [0, 1, 2]'))
    bench.submit(work)
    until(lambda: sum(bench.status(job).state == "running" for job in work) == 2)
    records = bench.measure(jobs(DESCENT.replace("steps = 30", "steps = 31")))
    assert len(records["summary"]) == 2
    assert sum(bench.status(job).state == "running" for job in work) == 2
    bench.stop(work)
    bench.wait(work)


@pytest.mark.parametrize("name", ["raises", "unbuildable"])
def test_a_plugin_that_raises_fails_its_run_by_name(bench: Bench, home: Path, name: str) -> None:
    work = jobs(optimizer(name))
    for records in (bench.measure(work), submitted(bench, work)):
        [message] = records["summary"]["message"]
        assert records["summary"]["outcome"].tolist() == ["failed"]
        assert "sabotage" in message
        assert "\n" not in message
    assert "Traceback" in (store.folder(work[0].id) / "error.txt").read_text()


def submitted(bench: Bench, work: list[Job]) -> dict[str, pd.DataFrame]:
    bench.submit(work)
    bench.wait(work)
    return bench.records(work)


def test_a_plugin_that_kills_its_worker_harms_nobody_else(bench: Bench, home: Path) -> None:
    [long] = jobs(LONG)
    bench.submit([long])
    until(lambda: bench.status(long).state == "running")
    work = jobs(optimizer("exits"))
    bench.submit(work)
    bench.wait(work)
    status = bench.status(work[0])
    assert status.state == "failed"
    assert "worker process died" in status.message
    assert bench.status(long).state == "running"
    records = bench.measure(work)  # the light lane survives it, too
    assert "worker process died" in records["summary"]["message"].iloc[0]
    assert len(bench.measure(jobs(DESCENT))["summary"]) == 2
    bench.stop([long])
    bench.wait([long])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_ctrl_c_in_the_terminal_leaves_the_workers_to_their_owner(bench: Bench, home: Path) -> None:
    [job] = jobs(LONG)
    bench.submit([job])
    until(lambda: bench.status(job).state == "running")
    for pid in bench._client(Lane.TRAINING).run(os.getpid).values():
        os.kill(pid, signal.SIGINT)
    time.sleep(0.5)
    assert bench.status(job).state == "running"
    bench.stop([job])
    bench.wait([job])
    assert bench.status(job).state == "stopped"


def test_light_work_that_hangs_is_given_up_and_its_lane_goes_on(
    bench: Bench, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.measure(jobs(DESCENT))
    with monkeypatch.context() as patch:
        patch.setattr("workbench.runs.light.PATIENCE", 2.0)
        records = bench.measure(jobs(optimizer("hangs")))
    assert records["summary"]["outcome"].tolist() == ["failed"]
    assert "took longer than 2 s" in records["summary"]["message"].iloc[0]
    assert len(bench.measure(jobs(DESCENT.replace("steps = 30", "steps = 33")))["summary"]) == 2


def test_a_transfer_trains_its_source_first(bench: Bench, home: Path) -> None:
    text = """
    kind = "transfer"
    [task]
    dataset = { use = "digits", classes = "5-9" }
    source = { use = "digits", classes = "0-4" }
    epochs = 1
    [[variants]]
    name = "fine-tuning"
    [[variants]]
    name = "frozen"
    remedies = ["freeze"]
    """
    work = plan(loads(text))
    assert work[0].run.source == work[1].run.source
    bench.submit(work)
    bench.wait(work)
    assert [bench.status(job).state for job in work] == ["finished", "finished"]
    source = work[0].run.source
    assert source is not None
    assert (store.folder(source.id(registry.current())) / "weights.safetensors").is_file()


def test_a_transfer_whose_source_fails_says_so(bench: Bench, home: Path) -> None:
    text = """
    kind = "transfer"
    [task]
    dataset = { use = "digits", classes = "5-9" }
    source = { use = "digits", classes = "0-4" }
    epochs = 1
    [base]
    optimizer = "unbuildable"
    [[variants]]
    name = "fine-tuning"
    optimizer = "adam"
    """
    [job] = plan(loads(text))
    bench.submit([job])
    bench.wait([job])
    assert bench.status(job).state == "failed"
    assert "source" in bench.status(job).message
    assert "sabotage" in bench.status(job).message


def test_a_source_that_another_process_trains_is_waited_for_and_left_alone(bench: Bench, home: Path) -> None:
    text = """
    kind = "transfer"
    [task]
    dataset = { use = "digits", classes = "5-9" }
    source = { use = "digits", classes = "0-4" }
    epochs = 1
    """
    [job] = plan(loads(text))
    assert job.run.source is not None
    source = job.run.source.id(registry.current())
    running = store.Status("running", owner="somebody", host="elsewhere")
    store.write_status(source, running)
    bench.submit([job])
    time.sleep(1.0)
    assert bench.status(job).state == "queued"
    assert store.read_status(source) == running
    store.write_status(source, replace(running, state="failed", message="out of luck"))
    bench.wait([job])
    assert bench.status(job).state == "failed"
    assert "out of luck" in bench.status(job).message


def test_a_home_that_is_no_folder_is_one_sentence(home: Path, bench: Bench) -> None:
    home.mkdir()
    (home / "runs").touch()
    with pytest.raises(WorkbenchError, match="cannot be written"):
        bench.submit(jobs(SHORT))


def test_a_run_whose_owner_died_reads_as_interrupted(home: Path) -> None:
    store.write_status("abc", store.Status("running", owner="nobody", host=store.HOST))
    assert store.read_status("abc").state == "interrupted"
    store.write(store.folder("def") / "status.json", b'{"state": "runn')
    assert store.read_status("def").state == "interrupted"
    assert store.read_status("never").state == "absent"


def test_a_damaged_part_costs_only_its_rows(home: Path) -> None:
    store.write_status("abc", store.Status("running"))
    recorder = worker.FolderRecorder("abc", store.Status("running"))
    recorder.add("path", [{"step": 0, "x": 1.0}])
    recorder._flush()
    recorder.add("path", [{"step": 1, "x": 2.0}])
    recorder._flush()
    first, second = store.parts("abc", "path")
    first.write_bytes(b"not parquet")
    assert store.read_table("abc", "path")["step"].tolist() == [1]
    assert json.loads((store.folder("abc") / "status.json").read_text())["state"] == "running"
    assert second.exists()


def test_a_repetition_that_is_paused_goes_on_and_the_first_records_wait(bench: Bench, home: Path) -> None:
    [job] = jobs(SHORT.replace("[0, 1]", "[5]").replace("epochs = 2", "epochs = 150"))
    bench.submit([job])
    bench.wait([job])
    first = bench.records([job])["curve"]
    bench.submit([job], again=True)
    until(lambda: bench.status(job).state == "running" and bench.status(job).done > 0)
    bench.pause([job])
    until(lambda: not bench.status(job).live)
    assert bench.status(job).state == "paused"
    assert (shelf.aside_folder() / job.id).exists()
    bench.submit([job])
    bench.wait([job])
    assert bench.status(job).state == "finished"
    until(lambda: not (shelf.aside_folder() / job.id).exists(), "what was set aside goes after the status is written")
    pd.testing.assert_frame_equal(bench.records([job])["curve"], first, check_exact=True)


def test_a_run_whose_worker_still_starts_is_paused_at_once(home: Path) -> None:
    [job] = jobs(SHORT.replace("[0, 1]", "[6]"))
    with Bench(workers=1) as cold:
        cold.submit([job])
        until(lambda: job.id in cold._at_work)
        assert cold.status(job).state == "queued"  # importing torch takes seconds
        cold.pause([job])
        assert cold.status(job).state == "paused"
        cold.submit([job])
        cold.wait([job])
        assert cold.status(job).state == "finished"


FOUR = 'kind = "training"\nseeds = [71, 72, 73, 74]\n[task]\nepochs = 1\n'


def test_runs_whose_end_nobody_tells_do_not_keep_their_places(
    bench: Bench, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "OVERLOOKED", 0.2)
    tell, silent = Future.add_done_callback, [True, True]
    monkeypatch.setattr(Future, "add_done_callback", lambda own, call: silent.pop() if silent else tell(own, call))
    work = jobs(FOUR)
    bench.submit(work)
    until(lambda: not any(bench.status(job).live for job in work))
    assert [bench.status(job).state for job in work] == ["finished"] * 4
    assert not silent


def test_runs_whose_end_cannot_be_written_do_not_keep_their_places(
    bench: Bench, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until(lambda: not bench._at_work)  # no end of another test's run is still to come
    finish, status, broken = bench._finished, bench._status, ["one", "two"]
    ending: list[int] = []  # the thread that tells of an end and cannot look it up

    def finished(task: Any, future: Any) -> None:
        if broken:
            broken.pop()
            raise OSError("no such disk")
        finish(task, future)

    def unreadable(run_id: str) -> store.Status:
        if threading.get_ident() in ending:
            raise OSError("no such disk")
        return status(run_id)

    ended = bench._ended

    def end(task: Any, future: Any) -> None:
        if broken:
            ending.append(threading.get_ident())
        ended(task, future)
        ending.clear()

    monkeypatch.setattr(bench, "_finished", finished)
    monkeypatch.setattr(bench, "_status", unreadable)
    monkeypatch.setattr(bench, "_ended", end)
    work = jobs(FOUR)
    bench.submit(work)
    until(lambda: not any(store.read_status(job.id).live for job in work), "places became free for all four")
    until(lambda: not bench._at_work, "and for whoever comes next")  # workers tell how a run ended before that
    assert not broken


TOO_LARGE = """
kind = "training"
seeds = [0, 1]
[task]
epochs = 1
[[variants]]
name = "fine"
[[variants]]
name = "too large"
[variants.task]
batch_size = 5000
"""


def test_what_speaks_against_a_run_is_known_before_it_is_queued(
    bench: Bench, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "warmed", True)
    monkeypatch.setattr(light, "GLANCE", 120.0)  # the lane may have to import everything first
    bench.check([])
    bench.check(jobs(DESCENT))
    bench.check(jobs(SHORT))
    for here in (False, True):
        with pytest.raises(WorkbenchError, match=r"^variant 'too large': task\.batch_size = 5000 is larger than"):
            bench.check(jobs(TOO_LARGE), here)
    monkeypatch.setattr(bench, "scheduler", "tcp://127.0.0.1:1")
    bench.check(jobs(TOO_LARGE))


def test_a_look_that_takes_long_holds_nothing_up(bench: Bench, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "warmed", True)
    monkeypatch.setattr(light, "GLANCE", 0.0)
    bench.check(jobs(TOO_LARGE))
    summary = bench.measure(jobs(DESCENT.replace("steps = 30", "steps = 34")))["summary"]
    assert set(summary["outcome"]) != {"failed"}, "the lane goes on"
