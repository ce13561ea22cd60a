"""The recorder of run folders: which checkpoints stay, what a resumed run takes back, how often it writes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.runs import recorder as module
from workbench.runs import store
from workbench.runs.recorder import FolderRecorder, checkpoints, prune


def made(run_id: str = "abc") -> FolderRecorder:
    """A recorder as a worker makes it, for a run that this process has begun."""
    status = store.Status("running", host=store.HOST, attempt="one")
    store.request(run_id, "one")
    return FolderRecorder(run_id, status)


def state(step: int) -> dict[str, object]:
    return {"step": step, "seconds": float(step), "weights": torch.full((3,), float(step))}


def record(recorder: FolderRecorder, step: int) -> None:
    """One row of two tables, and a checkpoint behind them."""
    recorder.add("curve", [{"step": step, "loss": 1.0 / step}])
    recorder.add("layers", [{"step": step, "layer": "a"}])
    recorder.checkpoint(state(step))


def steps(run_id: str = "abc", table: str = "curve") -> list[int]:
    return list(store.read_table(run_id, table)["step"])


def kept(run_id: str = "abc") -> list[int]:
    return [store.number_of(path) for path in checkpoints(store.folder(run_id))]


# -- which checkpoints stay ----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(gaps=st.lists(st.integers(1, 1000), min_size=1, max_size=40), size=st.sampled_from([10, module.KEPT_BYTES // 3]))
def test_the_newest_and_a_few_that_are_spread_stay(
    gaps: list[int], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("run")
    step = 0
    for gap in gaps:
        step += gap
        with (folder / f"checkpoint-{step:09d}.safetensors").open("wb") as file:
            file.truncate(size)
        prune(folder)
        left = [store.number_of(path) for path in checkpoints(folder)]
        assert left[-1] == step
        assert len(left) <= module.KEPT
        assert len(left) == 1 or len(left) * size <= module.KEPT_BYTES
    for path in folder.iterdir():
        path.unlink()


def test_of_evenly_spaced_checkpoints_no_stretch_of_the_run_is_bare(tmp_path: Path) -> None:
    for step in range(1, 101):
        (tmp_path / f"checkpoint-{step:09d}.safetensors").touch()
        prune(tmp_path)
        left = [0, *(store.number_of(path) for path in checkpoints(tmp_path))]
        if step >= 2 * module.KEPT:
            assert max(later - earlier for earlier, later in pairwise(left)) <= 0.6 * step


def test_one_checkpoint_stays_however_large_it_is(tmp_path: Path) -> None:
    for step in (1, 2):
        with (tmp_path / f"checkpoint-{step:09d}.safetensors").open("wb") as file:
            file.truncate(module.KEPT_BYTES + 1)
        prune(tmp_path)
    assert [store.number_of(path) for path in checkpoints(tmp_path)] == [2]


# -- what a resumed run takes back -----------------------------------------------------------------------------


def test_a_resumed_run_takes_back_exactly_what_came_after_its_checkpoint(home: Path) -> None:
    first = made()
    for step in (1, 2):
        record(first, step)
    first.add("curve", [{"step": 3}])
    first._flush()
    assert steps() == [1, 2, 3]
    second = made()
    found = second.resume()
    assert found is not None
    assert (found["step"], found["weights"].tolist()) == (2, [2.0] * 3)
    assert (steps(), steps(table="layers")) == ([1, 2], [1, 2])
    record(second, 3)
    assert (steps(), steps(table="layers")) == ([1, 2, 3], [1, 2, 3])
    second.finish({"outcome": "finished", "steps": 3})
    assert (steps(), steps(table="layers")) == ([1, 2, 3], [1, 2, 3])


@pytest.mark.parametrize("how", ["flipped", "truncated", "gone from under it"])
def test_an_unreadable_newest_checkpoint_costs_only_the_way_from_the_one_before(home: Path, how: str) -> None:
    recorder = made()
    for step in (1, 2, 3):
        record(recorder, step)
    newest = checkpoints(recorder.folder)[-1]
    content = newest.read_bytes()
    if how == "flipped":
        newest.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif how == "truncated":
        newest.write_bytes(content[: len(content) // 2])
    else:  # a record part that it counts on
        store.parts("abc", "curve")[-1].unlink()
    found = made().resume()
    assert found is not None
    assert found["step"] == 2
    assert (steps(), kept()) == ([1, 2], [1, 2])


def test_without_a_readable_checkpoint_it_begins_anew(home: Path) -> None:
    recorder = made()
    for step in (1, 2):
        record(recorder, step)
    for path in checkpoints(recorder.folder):
        path.write_bytes(b"")
    assert made().resume() is None
    assert (steps(), kept()) == ([], [])


def test_a_fork_gets_the_newest_readable_checkpoint_before_it_and_removes_none(home: Path) -> None:
    recorder = made("trunk")
    for step in (10, 20, 30):
        record(recorder, step)
    (store.folder("trunk") / "checkpoint-000000020.safetensors").write_bytes(b"damaged")
    found = [made("branch").earlier("trunk", step) for step in (9, 10, 29, 30, 99)]
    assert [each and each["step"] for each in found] == [None, 10, 10, 30, 30]
    assert kept("trunk") == [10, 20, 30]
    assert made("branch").earlier("no such run", 99) is None


def test_a_state_that_cannot_be_kept_is_said_and_asked_for_no_more(home: Path, clock: Clock) -> None:
    recorder = made()
    assert not recorder.due()
    clock.now += 1000.0
    assert recorder.due()
    recorder.checkpoint({"step": 1, "odd": {1, 2}})
    clock.now += 1000.0
    assert not recorder.due()
    recorder.finish({"outcome": "finished", "steps": 1})
    assert "cannot go on from its middle: state.state.odd is a set" in store.read_status("abc").message


# -- how often it stops to write -------------------------------------------------------------------------------


class Clock:
    """A clock that goes when it is told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module.time, "monotonic", clock.monotonic)
    return clock


@pytest.mark.parametrize("cost", [0.0, 0.01, 0.5, 20.0])
def test_checkpoints_take_no_more_than_their_share_of_the_time(
    home: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, cost: float
) -> None:
    recorder = made()
    dumps = module.checkpoint.dumps

    def costly(tree: object) -> bytes:
        clock.now += cost
        return dumps(tree)

    monkeypatch.setattr(module.checkpoint, "dumps", costly)
    began, count, last = clock.now, 0, clock.now
    length = max(200.0, 10 * cost / module.SHARE)
    while clock.now - began < length:
        clock.now += 0.05
        if recorder.due():
            assert clock.now - last > module.CHECKPOINT
            count += 1
            recorder.checkpoint(state(count))
            last = clock.now
    assert count > 1
    assert (count - 1) * cost <= module.SHARE * (clock.now - began)
    most = length / max(module.CHECKPOINT, cost / module.SHARE)
    assert count >= 0.8 * most  # and it does not keep fewer than it may


def test_rows_are_written_twice_a_second_and_later_less_often(home: Path, clock: Clock) -> None:
    recorder = made()
    flushes, added = [], 0
    while clock.now < 1300.0:
        before, added = recorder._part, added + 1
        recorder.add("curve", [{"step": 1}])
        if recorder._part > before:
            flushes.append(clock.now)
        clock.now += 0.2
    gaps = [later - earlier for earlier, later in pairwise(flushes)]
    assert max(gaps[:10]) < module.FLUSH + 0.3
    assert gaps[-1] > 0.9 * module.SPARSE * 300.0
    recorder.finish({"outcome": "finished", "steps": 1})
    assert len(store.read_table("abc", "curve")) == added


# -- what is asked -------------------------------------------------------------------------------------------


def test_what_is_asked_is_seen_soon_and_nonsense_is_not(home: Path, clock: Clock) -> None:
    recorder = made()
    assert recorder.asked() == ""
    store.request("abc", "one", "stopped")
    assert recorder.asked() == ""  # it looked a moment ago
    clock.now += 2 * module.LOOK
    assert recorder.asked() == "stopped"
    store.request("abc", "one", "finished")  # as if a bit had flipped: nobody asks for that
    clock.now += 2 * module.LOOK
    with pytest.raises(module.SupersededError):
        recorder.asked()


def test_weights_come_back_and_damaged_ones_are_refused(home: Path) -> None:
    from workbench.errors import WorkbenchError

    recorder = made()
    weights = {"a.weight": torch.randn(4, 3).t(), "b": torch.tensor(2)}
    recorder.save_weights(weights)
    found = recorder.load_weights("abc")
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    path = store.folder("abc") / "weights.safetensors"
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(WorkbenchError, match="damaged: run its training again"):
            recorder.load_weights("abc")
    with pytest.raises(WorkbenchError, match="kept no weights"):
        recorder.load_weights("never")


def test_a_record_file_is_plain_parquet_and_any_flipped_bit_in_it_is_found(home: Path) -> None:
    rows = pd.DataFrame({"step": [1, 2], "loss": [0.5, float("nan")], "message": ["workbench-crc32:00000000", "ä"]})
    content = store.parquet(rows)
    path = home / "some.parquet"
    path.parent.mkdir()
    path.write_bytes(content)
    pd.testing.assert_frame_equal(pd.read_parquet(path), rows, check_exact=True)
    pd.testing.assert_frame_equal(store.read_part(path, 0), rows, check_exact=True)
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(ValueError, match="damaged"):
            store.read_part(path, place + 1)


def test_a_part_that_is_damaged_meanwhile_is_not_left_out_in_silence(home: Path) -> None:
    recorder = made()
    record(recorder, 1)
    record(recorder, 2)
    store.parts("abc", "curve")[0].write_bytes(b"not parquet")
    with pytest.raises(store.StoreError, match="damaged while the run wrote others"):
        recorder.finish({"outcome": "finished"})
    assert not (store.folder("abc") / "curve.parquet").exists()
    assert made().resume() is None  # nothing rests on that part
