"""The page Runs, driven without a browser, with real runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from waiting import until

from workbench.experiment import loads
from workbench.runs import Job, shelf, store
from workbench.runs.job import plan
from workbench_ui.bench import open_bench

Visit = Callable[..., AppTest]

SMALL = """
kind = "training"
title = "Small"
seeds = [0, 1]
[task]
dataset = "digits"
epochs = 1
[[variants]]
name = "Adam"
"""
OTHER = SMALL.replace("Small", "Other").replace("[0, 1]", "[0]").replace("epochs = 1", "epochs = 2")
LONG = SMALL.replace("Small", "Long").replace("[0, 1]", "[0]").replace("epochs = 1", "epochs = 4000")
DESCENT = """
kind = "descent"
title = "Downhill"
[task]
steps = 20
[[variants]]
name = "SGD"
"""


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only this test's runs; whatever it left running is stopped."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    yield
    live = [entry.id for entry in shelf.entries() if entry.status.live]
    for run_id in live:
        shelf.ask(run_id, "stopped")
    until(lambda: not any(store.read_status(run_id).live for run_id in live))


def queued(*texts: str) -> list[Job]:
    jobs = [job for text in texts for job in plan(loads(text))]
    open_bench().submit(jobs)
    return jobs


def done(*texts: str) -> list[Job]:
    jobs = queued(*texts)
    open_bench().wait(jobs)
    return jobs


def healthy(test: AppTest) -> AppTest:
    assert not test.exception, test.exception
    assert not test.error, [error.value for error in test.error]
    return test


def select(test: AppTest, *jobs: Job) -> AppTest:
    """Tick the rows of these runs, as the browser reports it: by their place in the table."""
    ids = test.dataframe[0].value["id"].tolist()
    rows = [ids.index(job.id) for job in jobs]
    generation = test.session_state["runs.generation"]
    test.session_state[f"runs.table.{generation}"] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    return healthy(test.run())


def press(test: AppTest, name: str) -> AppTest:
    button = test.button(key=f"runs.{name}")
    assert not button.disabled, f"{name} is grey"
    return healthy(button.click().run())


def usable(test: AppTest) -> set[str]:
    names = ("compare", "open", "pause", "stop", "resume", "again", "delete")
    return {name for name in names if not test.button(key=f"runs.{name}").disabled}


def words(test: AppTest) -> str:
    return " ".join(element.value for kind in (test.markdown, test.caption, test.info) for element in kind)


def test_an_empty_bench_says_so_and_offers_a_start(visit: Visit) -> None:
    test = healthy(visit("runs"))
    assert "No run yet" in words(test)
    assert test.button(key="runs.home").label == "Choose an experiment"


def test_every_run_has_a_row_with_its_result(visit: Visit) -> None:
    jobs = done(SMALL, DESCENT)
    test = healthy(visit("runs"))
    table = test.dataframe[0].value.set_index("id")
    assert set(table.index) == {job.id for job in jobs}
    assert "3 finished;" in words(test)
    for job in jobs:
        summary = store.read_table(job.id, "summary").iloc[0]
        row = table.loc[job.id]
        assert (row["experiment"], row["variant"], row["seed"]) == (job.title, job.run.variant, job.run.seed)
        assert row["progress"] == 100
        if job.run.kind == "training":
            assert row["best"] == summary["best_accuracy"]
        else:
            assert row["value"] == summary["value"]
            assert row["state"] == f"finished: {summary['outcome']}"


def test_search_and_filters_narrow_the_list(visit: Visit) -> None:
    done(SMALL, OTHER, DESCENT)
    test = healthy(visit("runs"))

    def titles() -> list[str]:
        return sorted(test.dataframe[0].value["experiment"])

    test.text_input(key="runs.text").set_value("digits adam")
    healthy(test.run())
    assert titles() == ["Other", "Small", "Small"]
    test.text_input(key="runs.text").set_value("")
    test.multiselect(key="runs.kinds").set_value(["descent"])
    healthy(test.run())
    assert titles() == ["Downhill"]
    test.multiselect(key="runs.states").set_value(["failed"])
    healthy(test.run())
    assert not test.dataframe
    assert "No run matches" in words(test)


def test_a_run_is_paused_resumed_stopped_and_only_what_makes_sense_can_be_pressed(visit: Visit) -> None:
    [job] = queued(LONG)
    until(lambda: store.read_status(job.id).done > 20)
    test = healthy(visit("runs"))
    assert usable(test) == set()
    select(test, job)
    assert usable(test) == {"compare", "open", "pause", "stop"}
    press(test, "pause")
    until(lambda: store.read_status(job.id).state == "paused")
    paused = store.read_status(job.id).done
    healthy(test.run())
    assert usable(test) == {"compare", "open", "resume", "delete"}
    press(test, "resume")
    until(lambda: store.read_status(job.id).state == "running" and store.read_status(job.id).done > paused)
    healthy(test.run())
    press(test, "stop")
    until(lambda: not store.read_status(job.id).live)
    assert store.read_status(job.id).state == "stopped"


def test_a_finished_run_is_run_again(visit: Visit) -> None:
    jobs = done(SMALL)
    before = store.read_status(jobs[0].id).started
    test = select(healthy(visit("runs")), jobs[0])
    assert usable(test) == {"compare", "open", "again", "delete"}
    press(test, "again")
    open_bench().wait(jobs)
    assert store.read_status(jobs[0].id).started > before
    assert store.read_status(jobs[0].id).state == "finished"


def test_deleted_runs_come_back_or_are_gone_for_good(visit: Visit) -> None:
    jobs = done(SMALL)
    test = select(healthy(visit("runs")), *jobs)
    press(test, "delete")
    assert "Deleted 2 runs (" in words(test)
    assert shelf.entries() == []
    press(test, "undo")
    assert {entry.id for entry in shelf.entries()} == {job.id for job in jobs}
    assert "2 finished" in words(test)
    select(test, jobs[1])
    press(test, "delete")
    assert test.dataframe[0].value["id"].tolist() == [jobs[0].id]
    press(test, "forget")
    assert shelf.deleted() == []
    assert "Deleted" not in words(test)


def test_what_was_deleted_before_is_in_the_bin(visit: Visit) -> None:
    first, second = done(SMALL)
    for job in (first, second):
        shelf.delete(job.id)
    test = healthy(visit("runs"))
    assert "2 deleted runs" in words(test)
    press(test, "restore")
    assert {entry.id for entry in shelf.entries()} == {first.id, second.id}
    assert "deleted runs" not in words(test)
    shelf.delete(first.id)
    press(healthy(test.run()), "empty")
    assert shelf.deleted() == []


def test_a_selection_means_the_same_run_when_new_ones_come(visit: Visit) -> None:
    [first] = done(DESCENT)
    test = select(healthy(visit("runs")), first)
    second = done(OTHER)[0]
    healthy(test.run())
    assert test.dataframe[0].value["id"].tolist() == [first.id], "rows hold still while one is selected"
    press(test, "delete")
    assert shelf.deleted() == [first.id]
    assert test.dataframe[0].value["id"].tolist() == [second.id]


def test_a_selection_is_given_up_when_its_rows_are_gone(visit: Visit) -> None:
    first, second = done(SMALL)
    test = select(healthy(visit("runs")), second)
    shelf.delete(first.id)
    healthy(test.run())
    assert test.dataframe[0].value["id"].tolist() == [second.id]
    assert usable(test) == set()


def test_runs_of_different_experiments_are_compared_under_different_names(visit: Visit) -> None:
    small, other = done(SMALL), done(OTHER)
    test = select(healthy(visit("runs")), small[0], other[0])
    press(test, "compare")
    table = test.dataframe[1].value
    assert set(table["run"]) == {"Adam (Small)", "Adam (Other)"}
    best = {job.title: store.read_table(job.id, "summary")["best_accuracy"].iloc[0] for job in (small[0], other[0])}
    assert dict(zip(table["experiment"], table["best"], strict=True)) == best
    charts = test.get("vega_lite_chart")
    assert len(charts) == 2, "loss and accuracy"
    assert all("Adam (Other)" in chart.proto.spec for chart in charts)
    press(test, "close")
    assert len(test.dataframe) == 1


def test_networks_and_descents_are_drawn_apart_and_sweeps_where_they_belong(visit: Visit) -> None:
    sweep = 'kind = "sweep"\ntitle = "Rates"\n[task]\nsteps = 20\n[sweep]\ncount = 8\n'
    jobs = [*done(OTHER), *done(DESCENT), *done(sweep)]
    test = select(healthy(visit("runs")), *jobs)
    press(test, "compare")
    assert "no axis in common" in words(test)
    assert "Sweeps are drawn on their own page" in words(test)
    assert len(test.get("vega_lite_chart")) == 3
    assert len(test.dataframe[1].value) == 3


def test_what_cannot_go_on_is_a_sentence(visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = tmp_path / "plugins" / "mine.py"
    plugin.parent.mkdir()
    plugin.write_text(
        "import torch\nfrom workbench import Optimizer, Param, hookimpl\n"
        "@hookimpl\ndef register_optimizers(register):\n"
        "    register(Optimizer('mine', torch.optim.SGD, params=[Param('lr', 0.01)]))\n"
    )
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(plugin.parent))
    [job] = plan(loads(LONG + 'optimizer = "mine"\n'))
    store.create(job.id, job.run, store.Status("stopped", kind="training", variant="Adam"), keep=False)
    store.write_status(job.id, store.Status("stopped", kind="training", variant="Adam", started=1.0))
    plugin.write_text(plugin.read_text() + "# changed\n")
    test = select(healthy(visit("runs")), job)
    press(test, "resume")
    assert any("open its experiment and run it anew" in warning.value for warning in test.warning)
    assert store.read_status(job.id).state == "stopped"
