"""All runs at a glance, the bin, what is asked from outside, and names for what is compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from waiting import until

from workbench.errors import WorkbenchError
from workbench.experiment import loads
from workbench.records import frame
from workbench.runs import Bench, again, comparison, overview, owners, shelf, store
from workbench.runs.job import plan
from workbench.runs.shelf import Entry
from workbench.runs.store import Status

FINISHED = Status("finished", "finished", 10, 10, started=1000.0, kind="training", title="t", variant="v", size=5)
FORK = """
kind = "training"
title = "Branches"
[task]
epochs = 2
[[variants]]
name = "trunk"
[[variants]]
name = "branch"
fork = { step = 3, variant = "trunk" }
optimizer = "sgd"
"""
TRANSFER = """
kind = "transfer"
seeds = [0, 1]
[task]
dataset = { use = "digits", classes = "5-9" }
source = { use = "digits", classes = "0-4" }
epochs = 1
"""
FLOORS = """
from workbench import Surface, hookimpl

@hookimpl
def register_surfaces(register):
    register(Surface("floor_0", lambda x, y: x**2 + y**2, minima=[(0.0, 0.0)]))
    register(Surface("floor_7", lambda x, y: x**2 + y**2 + 7, minima=[(0.0, 0.0)]))
"""


def put(run_id: str, status: Status) -> None:
    store.write_status(run_id, status)


def test_ten_thousand_runs_are_all_listed_as_they_are(home: Path) -> None:
    states = ("finished", "diverged", "stopped", "failed", "paused")
    for number in range(10_000):
        place = store.runs() / f"{number:016x}"
        place.mkdir(parents=True)
        status = Status(states[number % 5], started=float(number), title=f"experiment {number % 100}", variant="v")
        (place / "status.json").write_bytes(store.status_file(status))
    found = shelf.entries()
    assert [entry.id for entry in found] == [f"{number:016x}" for number in reversed(range(10_000))]
    assert Counter(entry.status.state for entry in found) == dict.fromkeys(states, 2000)
    assert [entry.status.started for entry in found[:2]] == [9999.0, 9998.0]
    assert len(overview.matching(found, "experiment 99")) == 100
    assert len(overview.matching(found, states=["failed", "paused"])) == 4000
    assert overview.letters(entry.id for entry in found) == 16
    assert shelf.entries() == found, "the second look, which reads nothing, says the same"


def test_a_second_look_sees_what_changed_came_and_went(home: Path) -> None:
    put("a", replace(FINISHED, started=1.0))
    put("b", replace(FINISHED, started=2.0))
    assert [entry.id for entry in shelf.entries()] == ["b", "a"]
    put("a", replace(FINISHED, state="diverged", outcome="diverged", started=3.0))
    put("c", replace(FINISHED, started=4.0))
    shelf.delete("b")
    assert [(entry.id, entry.status.state) for entry in shelf.entries()] == [("c", "finished"), ("a", "diverged")]


def test_what_is_damaged_or_has_lost_its_owner_reads_as_interrupted(home: Path) -> None:
    put("gone", Status("running", owner="nobody", host=store.HOST))
    put("live", Status("running", owner=owners.claim(), host=store.HOST))
    (store.folder("torn")).mkdir()
    (store.folder("torn") / "status.json").write_bytes(b'{"state": "finis')
    (store.folder("empty")).mkdir()
    states = {entry.id: entry.status.state for entry in shelf.entries()}
    assert states == {"gone": "interrupted", "live": "running", "torn": "interrupted"}


def test_delete_undo_and_delete_for_good(home: Path) -> None:
    put("a", FINISHED)
    put("b", FINISHED)
    put("live", Status("running", owner=owners.claim(), host=store.HOST))
    with pytest.raises(WorkbenchError, match="stop it before"):
        shelf.delete("live")
    for name in ("a", "b"):
        shelf.delete(name)
    assert [entry.id for entry in shelf.entries()] == ["live"]
    assert sorted(shelf.deleted()) == ["a", "b"]
    assert shelf.restore("a")
    assert store.read_status("a") == FINISHED
    put("b", replace(FINISHED, variant="run anew"))
    assert not shelf.restore("b"), "the new one stays"
    assert store.read_status("b").variant == "run anew"
    shelf.forget("b")
    assert shelf.deleted() == []
    assert store.read_status("b").variant == "run anew"


def test_what_waits_is_stopped_at_once_and_what_runs_is_asked(home: Path) -> None:
    own = {"owner": owners.claim(), "host": store.HOST, "attempt": "first"}
    put("waits", Status("queued", **own))
    put("runs", Status("running", **own))
    put("over", FINISHED)
    shelf.ask("waits", "stopped")
    assert store.read_status("waits").state == "stopped"
    shelf.ask("runs", "paused")
    assert store.read_status("runs").state == "running", "it has not reacted yet"
    assert store.read_request("runs") == ("first", "paused")
    with pytest.raises(WorkbenchError, match="it is finished"):
        shelf.ask("over", "stopped")
    with pytest.raises(WorkbenchError, match="no such run"):
        shelf.ask("never", "stopped")


def test_a_run_that_is_deaf_to_another_process_loses_its_worker(bench: Bench, home: Path) -> None:
    [job] = plan(loads('kind = "descent"\n[base]\noptimizer = "hangs"\n'))
    bench.submit([job])
    until(lambda: bench.status(job).state == "running")
    shelf.ask(job.id, "stopped")
    until(lambda: not bench.status(job).live)
    assert bench.status(job).state == "stopped"


def test_a_run_knows_its_size_when_it_has_ended_and_is_measured_before(bench: Bench, home: Path) -> None:
    [job] = plan(loads('kind = "descent"\n[task]\nsteps = 30\n'))
    bench.submit([job])
    bench.wait([job])
    until(lambda: not list(store.folder(job.id).glob("*-*.parquet")), "parts go after the status is written")
    [entry] = shelf.entries()
    parts = store.size(store.folder(job.id)) - (store.folder(job.id) / "status.json").stat().st_size
    assert parts <= entry.status.size <= parts + 1000, "what was merged does not count twice"
    assert overview.room(entry) == entry.status.size
    (store.folder("cut")).mkdir()
    (store.folder("cut") / "curve-000001.parquet").write_bytes(b"x" * 5000)
    assert overview.room(Entry("cut", Status("interrupted"))) == 5000
    assert overview.room(Entry("gone", Status("interrupted"))) == 0


def test_a_sentence_counts_what_there_is(home: Path) -> None:
    assert overview.sentence([]).startswith("No runs; 0 B used, ")
    states = ["finished", "queued", "running", "finished", "queued"]
    entries = [Entry(str(number), replace(FINISHED, state=state, size=500)) for number, state in enumerate(states)]
    assert overview.sentence(entries).startswith("1 running, 2 waiting, 2 finished; 2 kB used, ")
    assert set(overview.STATES) == set(store.STATES) - {"absent"}
    assert overview.told(replace(FINISHED, outcome="slow")) == "finished: slow"
    assert overview.told(FINISHED) == "finished"


def test_search_takes_every_word_wherever_it_stands() -> None:
    entries = [
        Entry("abc1", replace(FINISHED, title="Ten layers", variant="ReLU", task="mnist, mlp")),
        Entry("abd2", replace(FINISHED, title="Ten layers", variant="Sigmoid", task="digits, mlp", kind="transfer")),
    ]
    for text, ids in (
        ("", ["abc1", "abd2"]), ("TEN relu", ["abc1"]), ("digits layers", ["abd2"]), ("abd", ["abd2"]), ("gone", []),
    ):  # fmt: skip
        assert [entry.id for entry in overview.matching(entries, text)] == ids
    assert [entry.id for entry in overview.matching(entries, kinds=["transfer"])] == ["abd2"]


def test_a_few_letters_of_an_id_mean_one_run() -> None:
    entries = [Entry(name, FINISHED) for name in ("abc1", "abd2", "abd", "fff")]
    assert overview.find(entries, "f").id == "fff"
    assert overview.find(entries, "abd").id == "abd", "the whole id counts, whatever else begins with it"
    for text, words in (("ab", "the beginning of 3 runs: abc1, abd2 and abd"), ("x", "no run"), ("", "no run")):
        with pytest.raises(WorkbenchError, match=words):
            overview.find(entries, text)
    assert overview.letters(["12345678a", "12345678b"]) == 9
    assert overview.letters(["1", "2"]) == 8


def test_names_say_as_much_as_tells_runs_apart() -> None:
    adam = Entry("aaaaaaaa1", replace(FINISHED, variant="Adam", seed=1, title="One"))
    sgd = Entry("bbbbbbbb1", replace(FINISHED, variant="SGD", seed=1, title="One"))
    seed = Entry("cccccccc1", replace(FINISHED, variant="Adam", seed=2, title="One"))
    other = Entry("dddddddd1", replace(FINISHED, variant="Adam", seed=1, title="Two"))
    same = Entry("eeeeeeee1", replace(FINISHED, variant="Adam", seed=1, title="Two"))

    def named(*entries: Entry) -> list[str]:
        return list(comparison.names(entries).values())

    assert named(adam, sgd) == ["Adam", "SGD"]
    assert named(adam, seed) == ["Adam, seed 1", "Adam, seed 2"]
    assert named(adam, other) == ["Adam (One)", "Adam (Two)"]
    assert named(seed, other) == ["Adam (One)", "Adam (Two)"], "not only the seed is another"
    assert named(adam, seed, other) == ["Adam, seed 1 (One)", "Adam, seed 2 (One)", "Adam, seed 1 (Two)"]
    assert named(other, same) == ["Adam dddddddd", "Adam eeeeeeee"]
    assert named() == []


def test_records_of_different_experiments_stand_under_their_names(home: Path) -> None:
    for run_id, loss in (("aaa", 0.5), ("bbb", 0.25)):
        put(run_id, FINISHED)
        rows = frame("curve", [{"step": 0, "split": "train", "loss": loss}])
        store.write(store.folder(run_id) / "curve.parquet", store.parquet(rows))
    entries = shelf.entries()
    named = comparison.names(entries)
    curve = comparison.records(entries, named, ["curve", "path"])["curve"]
    assert dict(zip(curve["variant"], curve["loss"], strict=True)) == {named["aaa"]: 0.5, named["bbb"]: 0.25}
    assert set(curve["seed"]) == {0}, "each name is one run: nothing is averaged"


def test_heights_of_descents_start_at_the_floor_of_their_own_surface(home: Path) -> None:
    (home.parent / "plugins" / "floors.py").write_text(FLOORS)
    entries = []
    for floor in (0, 7):
        [job] = plan(loads(f'kind = "descent"\n[task]\nsurface = "floor_{floor}"\n'))
        store.create(job.id, job.run, replace(FINISHED, kind="descent", variant=f"floor {floor}"), keep=False)
        entries.append(Entry(job.id, store.read_status(job.id)))
    named = comparison.names(entries)
    path = frame("path", [{"variant": named[e.id], "step": 0, "value": 9.0} for e in entries], who=True)
    assert comparison.heights(path, entries, named) == pytest.approx([9.0, 2.0])
    assert list(comparison.groups(entries)) == ["descents"]


@pytest.mark.parametrize("text", [FORK, TRANSFER], ids=["fork", "transfer"])
def test_a_folder_gives_back_the_job_it_was_made_for(home: Path, text: str) -> None:
    jobs = plan(loads(text))
    sources = [source for job in jobs if (source := job.source()) is not None]
    for job in [*jobs, *sources]:
        status = Status("stopped", kind=job.run.kind, variant=job.run.variant, seed=job.run.seed, title=job.title)
        store.create(job.id, job.run, status, keep=False)
        found = again.job_of(job.id)
        assert found.id == job.id
        assert (found.run.variant, found.run.seed, found.title) == (job.run.variant, job.run.seed, job.title)
        assert found.run.content() == job.run.content()
        assert again.run_of(job.id).content() == job.run.content()


def test_a_run_whose_plugin_has_changed_is_not_continued(home: Path) -> None:
    [job] = plan(loads('kind = "descent"\n[base]\noptimizer = "hangs"\n'))
    store.create(job.id, job.run, Status("stopped", variant="base"), keep=False)
    assert again.job_of(job.id).id == job.id
    plugin = home.parent / "plugins" / "sabotage.py"
    plugin.write_text(plugin.read_text() + "\n# another version\n")
    with pytest.raises(WorkbenchError, match="have changed since; open its experiment and run it anew"):
        again.job_of(job.id)
    plugin.unlink()
    with pytest.raises(WorkbenchError, match="hangs"):
        again.job_of(job.id)


def test_a_folder_without_its_experiment_is_one_sentence(home: Path) -> None:
    put("a", replace(FINISHED, state="stopped"))
    with pytest.raises(WorkbenchError, match="delete the run"):
        again.job_of("a")
    with pytest.raises(WorkbenchError, match="no such run"):
        again.job_of("never")


def test_a_folder_that_goes_while_it_is_read_has_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: Path, pattern: str) -> Iterator[Path]:
        yield self / "one.parquet"
        raise FileNotFoundError(2, "No such file or directory", str(self))

    monkeypatch.setattr(Path, "glob", gone)
    assert store.matching(tmp_path, "*.parquet") == []
