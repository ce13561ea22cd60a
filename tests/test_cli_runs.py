"""`workbench runs`, `stop`, `resume`, and `run` that goes on: real runs, real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import waiting
from launching import Command

from workbench.experiment import loads
from workbench.runs import owners, store
from workbench.runs.cluster import default_workers
from workbench.runs.job import plan
from workbench.runs.store import Status

LONG = """kind = "training"
title = "Long"
seeds = [0, 1]
[task]
dataset = "digits"
epochs = 120
batch_size = 16
"""
FINISHED = Status("finished", "finished", 7, 7, started=1.0, kind="training", title="Ten", variant="v", seed=3)
until = partial(waiting.until, seconds=120.0)
both_at_work = pytest.mark.skipif(default_workers() < 2, reason="one worker at most has room on this machine")


@pytest.fixture
def process(home: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``process(*arguments)`` starts the command line as a program of its own, which ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "workbench.cli", *map(str, arguments)]
        started.append(
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=os.name != "nt"
            )
        )
        return started[-1]

    yield start
    for one in started:
        if one.poll() is None:
            one.terminate()
            one.communicate(timeout=60)


def written(tmp_path: Path, text: str = LONG) -> Path:
    file = tmp_path / "long.toml"
    file.write_text(text)
    return file


def test_listing_and_stopping_import_neither_torch_nor_workers(home: Path) -> None:
    script = (
        "import sys\nfrom workbench import cli\n"
        "for arguments in (['runs'], ['runs', '--json'], ['stop', '--all']):\n"
        "    cli.app(arguments, standalone_mode=False)\n"
        "heavy = {'torch', 'distributed', 'streamlit', 'altair', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_runs_are_listed_for_people_and_for_programs(workbench: Command) -> None:
    store.write_status("aaaaaaaaaaaaaaaa", FINISHED)
    failed = replace(FINISHED, state="failed", outcome="failed", started=2.0, message="plugin 'x' [/] hurts")
    store.write_status("bbbbbbbbbbbbbbbb", failed)
    code, printed, errors = workbench("runs")
    assert (code, errors) == (0, "")
    lines = [line for line in printed.splitlines() if "│" in line]
    assert [line.split("│")[1].strip() for line in lines] == ["bbbbbbbb", "aaaaaaaa"]
    assert all(word in lines[0] for word in ("failed", "7/7", "Ten", "v", "3", "plugin 'x' [/] hurts"))
    assert "1 failed, 1 finished; " in printed
    code, printed, _ = workbench("runs", "--json")
    assert code == 0
    assert json.loads(printed) == [
        {"id": "bbbbbbbbbbbbbbbb"} | asdict(failed), {"id": "aaaaaaaaaaaaaaaa"} | asdict(FINISHED),
    ]  # fmt: skip


def test_the_list_is_cut_to_a_state_and_a_number(workbench: Command) -> None:
    for number in range(5):
        status = replace(FINISHED, started=float(number), state="failed" if number == 2 else "finished")
        store.write_status(f"{number}" * 16, status)
    assert [run["id"][0] for run in json.loads(workbench("runs", "--json", "--limit", "2")[1])] == ["4", "3"]
    assert [run["id"][0] for run in json.loads(workbench("runs", "--json", "--state", "failed")[1])] == ["2"]
    both = workbench("runs", "--json", "--state", "failed", "--state", "finished")[1]
    assert len(json.loads(both)) == 5
    assert "2 more runs: --limit 5 shows all" in workbench("runs", "--limit", "3")[1]
    code, _, errors = workbench("runs", "--state", "fnished")
    assert code == 2
    assert "did you mean 'finished'?" in errors


def test_no_runs_are_a_list_too(workbench: Command) -> None:
    assert workbench("runs")[:2][0] == 0
    assert "No runs" in workbench("runs")[1]
    assert json.loads(workbench("runs", "--json")[1]) == []


def test_what_cannot_be_stopped_is_said_with_exit_code_2(workbench: Command) -> None:
    own = {"owner": owners.claim(), "host": store.HOST}
    store.write_status("aaa1", FINISHED)
    store.write_status("aaa2", Status("queued", **own))
    for arguments, words in (
        (["zzz"], "no run has an id that begins with 'zzz'"),
        (["aaa"], "the beginning of 2 runs"),
        ([], "name the runs"),
        (["aaa2", "--all"], "name the runs"),
    ):
        code, _, errors = workbench("stop", *arguments)
        assert code == 2
        assert words in errors
        assert store.read_status("aaa2").state == "queued", "nothing was done by halves"
    code, printed, errors = workbench("stop", "aaa1", "aaa2")
    assert code == 2
    assert "it is finished" in errors
    assert store.read_status("aaa2").state == "stopped"
    assert "aaa2" in printed
    assert workbench("stop", "--all")[:2] == (0, "nothing waits or works\n")


@both_at_work
def test_stop_from_another_process_and_resume_give_the_records_of_an_uninterrupted_run(
    workbench: Command, process: Callable[..., subprocess.Popen[str]], home: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file, jobs = written(tmp_path), plan(loads(LONG))
    first = process("run", file, "--out", tmp_path / "cut")
    ids = [job.id for job in jobs]
    until(lambda: list(store.folder(ids[0]).glob("checkpoint-*")))
    code, printed, errors = workbench("stop", ids[0][:8], "--pause")
    assert (code, errors) == (0, "")
    assert f"{ids[0]} base, seed 0: paused at step " in printed
    assert store.read_status(ids[0]).state == "paused"
    until(lambda: list(store.folder(ids[1]).glob("checkpoint-*")))
    code, printed, _ = workbench("stop", "--all")
    assert code == 0
    assert "seed 1: stopped at step " in printed
    printed, errors = first.communicate(timeout=60)
    assert first.returncode == 1
    assert "0 of 2 runs finished" in printed
    done = [store.read_status(run_id).done for run_id in ids]
    assert all(0 < count < 21_600 for count in done)
    code, printed, errors = workbench("resume", *[run_id[:8] for run_id in ids])
    assert code == 0, errors
    assert "2 of 2 runs finished" in printed
    assert "going on with 2 interrupted runs" in errors
    resumed = store.records([(job.run, job.id) for job in jobs])
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "elsewhere"))
    assert workbench("run", file, "--out", tmp_path / "whole")[0] == 0
    whole = store.records([(job.run, job.id) for job in jobs])
    for table in ("curve", "layers"):
        pd.testing.assert_frame_equal(resumed[table], whole[table], check_exact=True)
    code, _, errors = workbench("run", file, "--out", tmp_path / "whole")
    assert code == 0
    assert "2 runs finished already" in errors


@both_at_work
@pytest.mark.skipif(os.name == "nt", reason="process groups")
def test_ctrl_c_and_the_same_command_go_on(
    workbench: Command, process: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    file, ids = written(tmp_path), [job.id for job in plan(loads(LONG))]
    first = process("run", file, "--out", tmp_path / "out")
    until(lambda: all(list(store.folder(run_id).glob("checkpoint-*")) for run_id in ids))
    os.killpg(first.pid, signal.SIGINT)
    printed, errors = first.communicate(timeout=60)
    assert first.returncode == 1
    assert "the same command goes on" in printed
    assert "Traceback" not in printed + errors
    before = {run_id: store.read_status(run_id).done for run_id in ids}
    code, _, errors = workbench("run", file, "--out", tmp_path / "out")
    assert code == 0
    assert "going on with 2 interrupted runs" in errors
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert summary["outcome"].tolist() == ["finished", "finished"]
    assert all(steps > before[run_id] for steps, run_id in zip(summary["steps"], ids, strict=True))
    curve = pd.read_csv(tmp_path / "out" / "curve.csv").query("split == 'train' and seed == 0")
    assert curve["step"].is_unique


def test_again_starts_over(workbench: Command, tmp_path: Path) -> None:
    file = written(tmp_path, 'kind = "descent"\n[task]\nsteps = 20\n')
    [job] = plan(loads(file.read_text()))
    assert workbench("run", file, "--out", tmp_path / "out")[0] == 0
    before = store.read_status(job.id).started
    assert workbench("run", file, "--out", tmp_path / "out")[0] == 0
    assert store.read_status(job.id).started == before, "what is finished is not run again"
    code, _, errors = workbench("run", file, "--out", tmp_path / "out", "--again")
    assert code == 0
    assert store.read_status(job.id).started > before
    assert "finished already" not in errors


def test_resume_refuses_what_is_at_work_and_what_has_changed(
    workbench: Command, drop_in: Callable[[str, str], Path]
) -> None:
    store.write_status("aaa1", Status("running", owner=owners.claim(), host=store.HOST))
    code, _, errors = workbench("resume", "aaa1")
    assert code == 2
    assert "aaa1 is running already" in errors
    source = (
        "import torch\nfrom workbench import Optimizer, Param, hookimpl\n"
        "@hookimpl\ndef register_optimizers(register):\n"
        "    register(Optimizer('mine', torch.optim.SGD, params=[Param('lr', 0.01)]))\n"
    )
    drop_in("mine.py", source)
    [job] = plan(loads('kind = "descent"\n[base]\noptimizer = "mine"\n'))
    store.create(job.id, job.run, Status("stopped"), keep=False)
    drop_in("mine.py", source + "# changed\n")
    code, _, errors = workbench("resume", job.id)
    assert code == 2
    assert "open its experiment and run it anew" in errors
    assert errors.count("\n") == 1
