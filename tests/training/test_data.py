"""Choosing classes and labels, and what is said when they do not exist."""

from __future__ import annotations

import os
import sys

import pytest
import torch

from workbench import Data, registry
from workbench.errors import ExperimentError, WorkbenchError
from workbench.experiment import loads, resolve
from workbench.training import data as module
from workbench.training.data import check, few_labels, load, normalize, parse_classes, prepare

DIGITS = tuple("0123456789")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0-4", [0, 1, 2, 3, 4]), ("1,3,5", [1, 3, 5]), ("8-9, 0", [8, 9, 0]), ("0 - 1", [0, 1])],
)
def test_classes_are_numbers_and_ranges(text, numbers):
    assert parse_classes(text, DIGITS, "digits") == numbers


def test_classes_may_be_names():
    assert parse_classes("bees, ants", ("ants", "bees", "wasps"), "insects") == [1, 0]


@pytest.mark.parametrize(
    "text", ["5-12", "10", "a", "1,,2", "-1,2", "4-2", "1,1", "1-3,2", "0-99999999999999", "3", "²"]
)
def test_wrong_classes_get_one_sentence(text):
    with pytest.raises(ExperimentError, match=r"dataset\.classes = "):
        parse_classes(text, DIGITS, "digits")


def test_kept_classes_are_numbered_anew():
    known = registry.current()
    every = load({"use": "digits", "classes": ""}, known)
    some = load({"use": "digits", "classes": "7,3"}, known)
    assert some.classes == ("7", "3")
    assert torch.equal(some.train_x[some.train_y == 0], every.train_x[every.train_y == 7])
    assert torch.equal(some.test_x[some.test_y == 1], every.test_x[every.test_y == 3])
    assert len(some.train_y) == int(((every.train_y == 7) | (every.train_y == 3)).sum())


def test_a_data_set_is_read_once(monkeypatch):
    known = registry.current()
    first = load({"use": "digits", "classes": ""}, known)
    monkeypatch.setattr(known, "make", None)  # a second reading would fail
    assert load({"use": "digits", "classes": ""}, known) is first
    assert len(module._kept) <= module.KEPT


def test_few_labels_are_drawn_by_the_seed_from_each_class():
    data = load({"use": "digits", "classes": "5-9"}, registry.current())
    few = few_labels(data, 3, seed=1)
    assert few.train_y.bincount().tolist() == [3] * 5
    assert torch.equal(few.train_x, few_labels(data, 3, seed=1).train_x)
    assert not torch.equal(few.train_x, few_labels(data, 3, seed=2).train_x)
    assert few.test_x is data.test_x
    with pytest.raises(ExperimentError, match="labels_per_class = 5000: class '5' has only"):
        few_labels(data, 5000, seed=1)


def test_normalize_uses_the_training_split_alone():
    data = load({"use": "digits", "classes": ""}, registry.current())
    changed = normalize(data)
    assert changed.train_x.mean().abs() < 1e-5
    assert abs(changed.train_x.std(correction=0) - 1) < 1e-5
    mean, std = data.train_x.mean(), data.train_x.std(correction=0)
    assert torch.equal(changed.test_x, (data.test_x - mean) / std)
    flat = Data(torch.ones(2, 3), torch.tensor([0, 1]), torch.ones(2, 3), torch.tensor([0, 1]), ("a", "b"))
    with pytest.raises(WorkbenchError, match="leave normalize out"):
        normalize(flat)


def test_the_task_says_it_all():
    task = {"dataset": {"use": "digits", "classes": "0-1"}, "normalize": True, "labels_per_class": 4}
    data = prepare(task, 0, registry.current())
    assert len(data.train_y) == 8
    assert data.train_x.mean().abs() < 1e-5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_x": torch.ones(2, 3, dtype=torch.int64)}, "inputs must be float32"),
        ({"train_x": torch.ones(2, 3, dtype=torch.float64)}, "inputs must be float32"),
        ({"train_x": torch.ones(2), "test_x": torch.ones(2)}, r"shapes \(2,\) and \(2,\)"),
        ({"test_x": torch.ones(2, 4)}, r"shapes \(2, 3\) and \(2, 4\)"),
        ({k: torch.tensor([0, 0]) for k in ("train_y", "test_y")} | {"classes": ("a",)}, "nothing to tell apart"),
        ({"train_y": torch.tensor([0.0, 1.0])}, "row of int64"),
        ({"test_x": torch.ones(3, 3)}, "3 inputs and 2 targets"),
        ({"test_y": torch.tensor([0, 2])}, r"targets must lie in 0\.\.1"),
    ],
)
def test_what_a_data_set_hands_over_is_checked(change, words):
    good = {"train_x": torch.ones(2, 3), "train_y": torch.tensor([0, 1])}
    good |= {"test_x": torch.ones(2, 3), "test_y": torch.tensor([0, 1]), "classes": ("a", "b")}
    check(Data(**good))
    with pytest.raises((TypeError, ValueError), match=words):
        check(Data(**(good | change)))
    with pytest.raises(TypeError, match=r"returns workbench\.Data"):
        check((1, 2))


def test_a_file_that_has_changed_is_read_anew_and_makes_another_run(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path))
    known, table = registry.current(), tmp_path / "table.csv"
    text = 'kind = "training"\n[task]\ndataset = "table"\n'
    ids, inputs = [], []
    for first in ("1", "3"):
        table.write_text(f"a,kind,split\n{first},x,train\n2,y,train\n1,x,test\n")
        os.utime(table, ns=(int(first), int(first)))  # as long as before, and clocks of file systems tick slowly
        monkeypatch.setattr(sys.modules["workbench.experiment.resolve"], "_held", {})
        [run] = resolve(loads(text), known)
        ids.append(run.id(known))
        inputs.append(prepare(run.task, 0, known).train_x.tolist())
    assert ids[0] != ids[1]
    assert inputs == [[[-1], [1]], [[1], [-1]]]
    table.unlink()
    [run] = resolve(loads(text), known)
    assert len(run.id(known)) == len(ids[0]), "the run itself says that there is no file"
    with pytest.raises(WorkbenchError, match=r"'table\.csv' is not in the data folder"):
        prepare(run.task, 0, known)
