"""The command line, as a person calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from launching import Command
from waiting import until

from workbench import cli, house, settings
from workbench.errors import WorkbenchError
from workbench.experiment import loads, read
from workbench.records import TABLES, frame

DESCENT = """kind = "descent"
title = "Around the limit"

[task]
surface = "quadratic"
start = [1.0, 1.0]
steps = 200

[base]
optimizer = { use = "sgd", lr = 0.049 }

[[variants]]
name = "below"

[[variants]]
name = "above"
optimizer = { lr = 0.051 }
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "limit.toml"
    file.write_text(DESCENT)
    return file


def test_help_is_fast_because_nothing_heavy_is_imported() -> None:
    script = (
        "import sys, workbench.cli\n"
        "heavy = {'torch', 'pandas', 'distributed', 'streamlit', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_run_writes_the_records_of_a_descent(workbench: Command, spec: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    code, printed, _ = workbench("run", spec, "--out", out)
    assert code == 0, "diverged is a result"
    assert "2 of 2 runs finished" in printed
    assert read(out / "experiment.toml") == loads(DESCENT)
    summary = pd.read_csv(out / "summary.csv")
    assert list(summary.columns) == ["variant", "seed", *TABLES["summary"]]
    assert list(summary["variant"]) == ["below", "above"]
    assert summary["outcome"].iloc[1] == "diverged"
    assert summary["outcome"].iloc[0] != "diverged"
    path = pd.read_csv(out / "path.csv")
    assert list(path.columns) == ["variant", "seed", *TABLES["path"]]
    assert not (out / "sweep.csv").exists()
    below = path[path["variant"] == "below"]
    point = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([point], lr=0.049)
    for step in range(len(below)):
        assert below[["x", "y"]].iloc[step].tolist() == pytest.approx(point.tolist(), abs=1e-6)
        optimizer.zero_grad()
        (20 * point[0] ** 2 + 2 * point[1] ** 2).backward()
        optimizer.step()


def test_run_writes_parquet_with_the_same_types(workbench: Command, spec: Path, tmp_path: Path) -> None:
    assert workbench("run", spec, "--out", tmp_path / "out", "--format", "parquet")[0] == 0
    summary = pd.read_parquet(tmp_path / "out" / "summary.parquet")
    assert summary.dtypes.to_dict() == frame("summary", [], who=True).dtypes.to_dict()
    assert not list((tmp_path / "out").glob("*.csv"))


def test_a_run_that_fails_gives_exit_code_1_and_names_the_plugin(
    workbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(Path(__file__).parent / "broken_plugins"))
    monkeypatch.setenv("WORKBENCH_LOAD_PLUGINS", "raises_at_step_10")
    file = tmp_path / "tired.toml"
    file.write_text('kind = "descent"\n[base]\noptimizer = "raises_at_step_10"\n')
    code, printed, _ = workbench("run", file, "--out", tmp_path / "out")
    assert code == 1
    assert "0 of 1 runs finished" in printed
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert summary["outcome"].iloc[0] == "failed"
    assert "plugin 'raises_at_step_10'" in summary["message"].iloc[0]
    assert "tired" in summary["message"].iloc[0]
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "bad.toml: the key 'kind' is missing; allowed: descent, sweep, tune, training, transfer"),
        ('kind = "descent"\n[base]\noptimizer = "adm"', "bad.toml: optimizer: unknown optimizer 'adm'; did you mean"),
        ('kind = "training"\n[task]\nepochs = -1', "bad.toml: task.epochs = -1: not allowed; allowed: a whole number"),
        (None, "bad.toml: cannot be read: No such file or directory"),
    ],
)
def test_a_wrong_experiment_is_one_sentence_and_exit_code_2(
    text: str | None, message: str, workbench: Command, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "bad.toml").write_text(text)
    code, printed, errors = workbench("run", tmp_path / "bad.toml", "--out", tmp_path / "out")
    assert code == 2
    assert message in errors
    assert errors.count("\n") == 1
    assert not printed
    assert not (tmp_path / "out").exists()
    assert "Traceback" in (house.home() / "logs" / "workbench.log").read_text()


def test_a_folder_that_cannot_be_written_is_found_before_the_work(
    workbench: Command, spec: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    code, _, errors = workbench("run", spec, "--out", tmp_path / "file" / "out")
    assert code == 2
    assert "cannot be written: Not a directory; name another folder" in errors


def test_wrong_arguments_are_exit_code_2(workbench: Command, spec: Path, tmp_path: Path) -> None:
    assert workbench("run", spec)[0] == 2
    assert workbench("run", spec, "--out", tmp_path, "--format", "xls")[0] == 2
    assert workbench("fly")[0] == 2


def test_what_nobody_expected_is_one_sentence_too(workbench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down() -> None:
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr(cli, "app", break_down)
    cli.start_logging()
    code, _, errors = workbench("plugins")
    assert code == 1
    assert "Error: workbench itself failed: ZeroDivisionError: oh no; details: " in errors
    assert "Traceback" not in errors
    assert errors.count("\n") == 1
    assert "Traceback" in cli.log_file().read_text()


def test_plugins_lists_what_is_there_and_what_is_wrong(workbench: Command, drop_in: Callable[[str, str], Path]) -> None:
    drop_in("gone.py", "import a_package_that_nobody_has")
    code, printed, errors = workbench("plugins")
    assert code == 0
    assert "optimizers" in printed
    assert "built-in" in printed
    assert "pip install a_package_that_nobody_has" in printed
    assert not errors


def test_plugins_as_json_is_json_whatever_a_plugin_prints(
    workbench: Command, drop_in: Callable[[str, str], Path]
) -> None:
    drop_in("chatty.py", "print('hello there')")
    code, printed, _ = workbench("plugins", "--json")
    assert code == 0
    found: dict[str, Any] = {plugin["name"]: plugin for plugin in json.loads(printed)}
    assert set(found["chatty"]) == {
        "name", "version", "place", "path", "components", "left_out", "unavailable", "errors",
    }  # fmt: skip
    assert found["chatty"]["errors"] == [
        "it registers nothing; mark a function such as register_optimizers with @hookimpl"
    ]
    assert {"kind": "optimizer", "name": "adam"} in found["optimizers"]["components"]


def test_version(workbench: Command) -> None:
    from workbench import __version__

    assert workbench("--version")[:2] == (0, f"workbench {__version__}\n")


def test_app_starts_streamlit_on_the_same_script(workbench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[tuple[Path, Path]] = []
    started: list[list[str]] = []
    monkeypatch.setattr(settings, "place", lambda *paths: placed.append(paths))
    monkeypatch.setattr(cli, "wait", lambda command: started.append(command))
    assert workbench("app", "--port", "8600")[0] == 0
    assert placed == [(house.settings_file(), house.PACKAGE / ".streamlit")]
    assert started == [
        [sys.executable, "-m", "streamlit", "run", str(house.PACKAGE / "streamlit_app.py"), "--server.port", "8600"]
    ]


def test_a_home_that_cannot_be_written_is_one_sentence(
    workbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "file"))
    code, _, errors = workbench("plugins")
    assert code == 2
    assert "set WORKBENCH_HOME to a folder of yours" in errors


@pytest.mark.skipif(os.name == "nt", reason="process groups")
def test_ctrl_c_stops_cleanly_and_keeps_what_was_recorded(tmp_path: Path, home: Path) -> None:
    file, out = tmp_path / "long.toml", tmp_path / "out"
    file.write_text(
        'kind = "training"\nseeds = [0, 1, 2]\n[task]\ndataset = "digits"\nepochs = 10000\nbatch_size = 16\n'
    )
    command = [sys.executable, "-m", "workbench.cli", "run", str(file), "--out", str(out)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until(lambda: list(home.glob("runs/*/curve-*.parquet")) or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the workers, too
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopping; what was recorded so far is kept" in errors
    assert "Traceback" not in errors + printed
    summary = pd.read_csv(out / "summary.csv")
    assert list(summary["seed"]) == [0, 1, 2]
    assert set(summary["outcome"]) == {"stopped"}
    assert len(pd.read_csv(out / "curve.csv")) > 0


def test_every_run_has_a_summary_row_even_if_it_wrote_none() -> None:
    from workbench.runs import Status
    from workbench.runs.job import plan

    jobs = plan(loads(DESCENT))
    row = {"outcome": "converged", "steps": 3, "variant": "above", "seed": 0}
    summary = cli.complete(
        frame("summary", [row], who=True), jobs, [Status("stopped", message="m"), Status("finished")]
    )
    assert list(summary["variant"]) == ["below", "above"]
    assert list(summary["outcome"]) == ["stopped", "converged"]
    assert summary.dtypes.to_dict() == frame("summary", [], who=True).dtypes.to_dict()


def test_errors_of_the_bench_are_what_the_command_line_expects() -> None:
    with pytest.raises(WorkbenchError, match="name another folder"):
        cli.make_folder(Path("/proc/no/such"))


def test_a_run_that_cannot_be_is_refused_before_any_begins(workbench: Command, tmp_path: Path) -> None:
    spec, out = tmp_path / "large.toml", tmp_path / "out"
    spec.write_text('kind = "training"\n[task]\nbatch_size = 5000\nepochs = 1\n')
    code, printed, said = workbench("run", spec, "--out", out)
    assert code == 2
    assert "task.batch_size = 5000 is larger than the 1437 training samples of 'digits'" in " ".join(said.split())
    assert not printed
    assert not list(out.iterdir())
    assert not list((house.home() / "runs").glob("*"))
