"""A table of one's own: CSV and NPZ, and what is said about what cannot be used."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from workbench import Data, registry
from workbench.errors import WorkbenchError
from workbench.training.data import check

known = registry.current()
MODULE = known.get("dataset", "table").factory.__globals__
FEW = "height,weight,kind\n1,10,cat\n2,20,cat\n3,30,dog\n4,40,dog\n5,50,dog\n"
anything = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def load(root: Path, **given: Any) -> Data:
    complete = known.settings("dataset", "table", {"standardize": False, **given})
    data = known.make("dataset", {"use": "table"} | {k: v for k, v in complete.items() if k != "classes"}, root)
    check(data)
    return data


def load_csv(root: Path, content: str | bytes, **given: Any) -> Data:
    (root / "table.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    return load(root, **given)


def load_npz(root: Path, **arrays: Any) -> Data:
    np.savez(root / "table.npz", **arrays)
    return load(root, file="table.npz")


def rows(data: Data) -> list[tuple[float, ...]]:
    """All rows of both splits with their class, in order."""
    x, y = torch.cat((data.train_x, data.test_x)), torch.cat((data.train_y, data.test_y))
    return sorted((*line.tolist(), data.classes[n]) for line, n in zip(x, y, strict=True))


# -- CSV -----------------------------------------------------------------------------------------------------


def test_a_csv_file_is_numbers_and_the_last_column_is_the_class(tmp_path: Path) -> None:
    data = load_csv(tmp_path, FEW)
    assert data.classes == ("cat", "dog")
    assert rows(data) == [(1, 10, "cat"), (2, 20, "cat"), (3, 30, "dog"), (4, 40, "dog"), (5, 50, "dog")]
    assert data.train_y.bincount().tolist() == [1, 2]
    assert data.test_y.bincount().tolist() == [1, 1]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_programs_spell_csv_differently(tmp_path: Path, separator: str) -> None:
    spelt = "\ufeff" + FEW.replace(",", separator).replace("\n", "\r\n").replace("cat", '" cat"') + "\r\n\r\n"
    assert rows(load_csv(tmp_path, spelt)) == rows(load_csv(tmp_path, FEW))


def test_the_target_can_be_any_column_and_classes_that_are_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    content = "kind,a\n" + "".join(f"{kind},{n}\n" for n, kind in enumerate(["10", "9", "9.0", "010", "2", "2"]))
    data = load_csv(tmp_path, content, target="kind")
    assert data.classes == ("2", "9", "10")
    assert rows(data) == [(0, "10"), (1, "9"), (2, "9"), (3, "10"), (4, "2"), (5, "2")]


def test_large_numbers_stay_different_classes(tmp_path: Path) -> None:
    names = [str(2**53), str(2**53 + 1)] * 2
    data = load_csv(tmp_path, "a,kind\n" + "".join(f"{n},{name}\n" for n, name in enumerate(names)))
    assert data.classes == (names[0], names[1])


def test_a_column_called_split_says_what_is_for_testing(tmp_path: Path) -> None:
    content = "a,kind,split\n1,x,train\n2,y,test\n3,y,Train\n4,x, test\n"
    data = load_csv(tmp_path, content)
    assert data.train_x.flatten().tolist() == [1, 3]
    assert data.test_x.flatten().tolist() == [2, 4]
    assert data.train_y.tolist() == [0, 1]
    assert data.test_y.tolist() == [1, 0]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_the_split_takes_its_share_of_every_class(tmp_path: Path, share: float) -> None:
    counts = {"a": 40, "b": 20, "c": 2}
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    content = "n,kind\n" + "".join(f"{n},{kind}\n" for n, kind in enumerate(kinds))
    data = load_csv(tmp_path, content, test_share=share)
    wanted = [max(1, round(share * count)) for count in counts.values()]
    assert data.test_y.bincount().tolist() == wanted
    assert sorted(data.train_x.flatten().tolist() + data.test_x.flatten().tolist()) == list(range(62))
    assert torch.equal(load_csv(tmp_path, content, test_share=share).test_x, data.test_x)


def test_standardized_features_are_scikit_learns(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    x = drawn.normal(size=(50, 5)) * [1, 1e6, 1e-200, 1e200, 0] + [0, 1e7, 0, 0, 0.1]
    lines = [
        ",".join(map(repr, row.tolist())) + f",{n % 2},{'test' if n % 5 == 0 else 'train'}" for n, row in enumerate(x)
    ]
    data = load_csv(tmp_path, "a,b,c,d,e,kind,split\n" + "\n".join(lines), standardize=True)
    testing = np.arange(50) % 5 == 0
    # scikit-learn takes squares, so the extremes are brought nearer to 1 for it.
    easy = x * [1, 1, 1e200, 1e-200, 1]
    scaler = StandardScaler().fit(easy[~testing])
    assert np.allclose(data.train_x.numpy(), scaler.transform(easy[~testing]), atol=1e-5)
    assert np.allclose(data.test_x.numpy(), scaler.transform(easy[testing]), atol=1e-5)
    assert (data.train_x[:, 4] == 0).all(), "a constant column stays 0"
    assert (data.test_x[:, 4] == 0).all()


def test_a_column_that_is_constant_in_training_stays_0_in_testing_too(tmp_path: Path) -> None:
    content = "a,b,kind,split\n0,1,x,train\n0,2,y,train\n7,3,x,test\n0,4,y,test\n"
    data = load_csv(tmp_path, content, standardize=True)
    assert data.train_x.tolist() == [[0, -1], [0, 1]]
    assert data.test_x.tolist() == [[0, 3], [0, 5]]


@pytest.mark.parametrize(
    ("content", "given", "words"),
    [
        ("a,kind\n1,x\nabc,y\n", {}, r"table\.csv, line 3, column 'a': 'abc' is not a finite number"),
        ("a,b,kind\n1,2,x\n1,,y\n", {}, "line 3, column 'b': empty; fill the cell or remove the row"),
        ("a,kind\n1,x\nNaN,y\n", {}, "line 3, column 'a': 'NaN' is not a finite number"),
        ("a,kind\ninf,x\n1,y\n", {}, "line 2, column 'a': 'inf' is not a finite number"),
        ("a,kind\n1_0,x\n1,y\n", {}, "line 2, column 'a': '1_0' is not a finite number"),
        ("a;kind\n1,5;x\n1;y\n", {}, "line 2, column 'a': '1,5' is not a finite number; numbers take a point"),
        ("a,city,kind\n1,Berlin,x\n", {}, "column 'city': 'Berlin' is not a finite number; remove the column"),
        ('a,note,kind\n1,"two\nlines",x\n', {}, "line 3, column 'note': 'two.nlines' is not a finite number"),
        ("a,kind\n1,x\n1,y,z\n", {}, "line 3: 3 cells, and the header has 2"),
        ("a,kind\n1,x\n1,\n", {}, "line 3, column 'kind': no class"),
        ("a,kind\n1,x\n1,nan\n", {}, "line 3, column 'kind': no class"),
        ("a,kind\n1," + "x" * 200 + "\n", {}, "line 2, column 'kind': a name of 200 characters; allowed: 100"),
        ("a,kind\n1,x\n2,x\n", {}, r"table\.csv: the column 'kind' holds 1 classes \('x'\); allowed: 2 to 1000"),
        ("a,kind\n1,x\n2,x\n3,y\n", {}, "the class 'y' has only 1 of the 2 samples"),
        ("a,kind\n", {}, r"table\.csv: no rows below the header"),
        ("", {}, "line 1: 0 columns"),
        ("kind\nx\n", {}, r"line 1: 1 column; a number"),
        ("split,kind\ntrain,x\n", {}, "line 1: 1 column besides split"),
        ("1,2,3\n4,5,6\n", {}, "line 1: only numbers; the first line must name the columns"),
        (",a,kind\n0,1,x\n", {}, r"line 1: column 1 has no name; .*to_csv\(index=False\)"),
        ("a,a,kind\n1,1,x\n", {}, "line 1: two columns are called 'a'"),
        ("0,1,0,1\n4,5,6,7\n", {}, "line 1: only numbers; the first line must name the columns"),
        ("0,1,0,x\n4,5,6,y\n", {}, "two columns are called '0'; the first line must name the columns"),
        ("5.1,3,cat\n1,2,cat\n3,4,dog\n", {}, "line 1: reads like a row, since 'cat' is also a class"),
        (FEW, {"target": "sort"}, "has no column 'sort'; allowed as target: height, weight, kind"),
        (FEW, {"target": "split"}, "has no column 'split'"),
        ("a,kind,split\n1,x,train\n2,y,dev\n", {}, "line 3, column 'split': 'dev'; allowed: train, test, val"),
        ("a,kind,Split\n1,x,train\n2,y,dev\n", {}, "line 3, column 'Split': 'dev'; allowed: train, test, val"),
        ("a,kind,split\n1,x,train\n2,x,val\n3,x,test\n", {}, "the column 'split' says val and test; remove"),
        ("a,kind,split,Split\n1,x,train,train\n", {}, "2 columns are called split"),
        ("a,kind,split\n1,x,train\n2,y,train\n", {}, "the column split says train in every row"),
        ("a,kind,split\n1,x,train\n2,y,test\n", {}, "no row of class 'y' is there to train on"),
        ("a,kind\n1e300,x\n1,x\n1,y\n1,y\n", {}, "too large for single precision"),
        (b"a,kind\n1,x\n2,\xe4\n", {}, "line 3: not UTF-8; save the file as UTF-8"),
        (b"a,kind\n1,x\0\n", {}, "line 2: a zero byte, so it is no text"),
        ('a,kind\n1,"x\n', {}, "line 2: unexpected end of data"),
        ("a,kind\n" + "".join(f"{n},{n / 8}\n" for n in range(30)), {}, r"looks like a quantity \(regression\)"),
        ("a,price\n" + "1,4.99\n2,9.99\n" * 50, {}, "'price' holds 2 different numbers that are not all whole"),
        ("a,kind\n1,x\n2,x\n3,y\x1b[2J\n4,y\x1b[2J\n", {}, r"'kind' holds the class 'y\\x1b\[2J', .*; rename it"),
        ('a,kind\n1,x\n2,x\n3,"y\nz"\n4,"y\nz"\n', {}, r"holds the class 'y\\nz', .*; rename it"),
        ("a,kind\n" + "".join(f"{n},c{n}\n" for n in range(1001)), {}, "holds 1001 classes; allowed: 2 to 1000"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_csv_file_is_said_with_its_place(
    tmp_path: Path, content: str | bytes, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(WorkbenchError, match=words):
        load_csv(tmp_path, content, **given)


def test_val_in_a_column_called_split_is_for_testing_and_capitals_do_not_matter(tmp_path: Path) -> None:
    data = load_csv(tmp_path, "a,kind,Split\n1,x,train\n2,y,Val\n3,y,train\n4,x,val\n")
    assert data.train_x.flatten().tolist() == [1, 3]
    assert data.test_x.flatten().tolist() == [2, 4]


def numbered(classes: int, rows: int, prefix: str = "") -> str:
    return "a,kind\n" + "".join(f"{n},{prefix}{n % classes}\n" for n in range(rows))


def test_whole_numbers_with_few_rows_each_are_a_quantity(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=r"30 different numbers in 149 rows: it looks like a quantity .* like c17"):
        load_csv(tmp_path, numbered(30, 149))
    with pytest.raises(WorkbenchError, match="30 different numbers in 60 rows"):
        load_npz(tmp_path, x=np.ones((60, 2)), y=np.arange(60) % 30)
    for content, classes in ((numbered(30, 150), 30), (numbered(20, 40), 20), (numbered(30, 60, "c"), 30)):
        assert len(load_csv(tmp_path, content).classes) == classes


def test_a_table_of_the_largest_size_takes_little_more_than_its_numbers(tmp_path: Path) -> None:
    count = 200_000
    long = "x" * 100  # were every row to hold its class as a text of this length, that would be 80 MB
    content = "a,b,kind\n" + "0,1,y\n" * count + f"0,1,{long}\n" * 2
    (tmp_path / "table.csv").write_text(content)
    tracemalloc.start()
    try:
        table = MODULE["read_csv"](tmp_path / "table.csv", "")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert table.x.shape == (count + 2, 2)
    assert table.y.tolist() == [1] * count + [0, 0]
    assert peak < 12 * len(content) + 60 * count


@pytest.mark.parametrize(
    ("bound", "words"),
    [("MOST_ROWS", r"line 6: more than 4 rows"), ("MOST_NAMES", "holds more than 4 different values")],
)
def test_too_many_rows_or_values_are_refused_while_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, words: str
) -> None:
    monkeypatch.setitem(MODULE["read_csv"].__globals__, bound, 4)
    with pytest.raises(WorkbenchError, match=words):
        load_csv(tmp_path, numbered(5, 5) + "broken")


@pytest.mark.parametrize("name", ["table.csv", "table.npz"])
def test_a_file_of_4_gb_is_refused_before_it_is_read(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(4 * 2**30)  # takes no room on the disk
    with pytest.raises(ValueError, match="has 4096 MB; allowed"):
        MODULE["table_fingerprint"](tmp_path, file=name)
    with pytest.raises(WorkbenchError, match="has 4096 MB; allowed"):
        load(tmp_path, file=name)


def test_what_is_no_table_has_no_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="is no table"):
        MODULE["table_fingerprint"](tmp_path, file="notes.txt")


def test_a_file_beyond_the_bound_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODULE["read_csv"].__globals__, "MOST_BYTES", len(FEW))
    assert len(load_csv(tmp_path, FEW).train_y) == 3
    with pytest.raises(WorkbenchError, match=r"table\.csv has .* MB; allowed"):
        load_csv(tmp_path, FEW + "6,60,dog\n")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("other.csv", "'other.csv' is not in the data folder .*; there: notes.txt"),
        ("notes.txt", "'notes.txt' is no table; allowed: a .csv or .npz file"),
        ("folder.csv", "'folder.csv' is no table but a folder, a pipe or a device"),
        ("linked.csv", "'linked.csv' is a link that leads out"),
        (".", "'.' is not in the data folder"),
        ("", "'' is not in the data folder"),
    ],
)
def test_what_is_no_table_in_the_data_folder_is_refused(tmp_path: Path, name: str, words: str) -> None:
    root = tmp_path / "data"
    (root / ".folder.csv").mkdir(parents=True)
    (root / "notes.txt").touch()
    if name == "folder.csv":
        (root / name).mkdir()
    if name == "linked.csv":
        (tmp_path / "secret.csv").write_text(FEW)
        (root / name).symlink_to(tmp_path / "secret.csv")
    with pytest.raises(WorkbenchError, match=words):
        load(root, file=name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are a thing of Unix")
@pytest.mark.parametrize("name", ["table.csv", "table.npz"])
def test_a_pipe_is_refused_before_anybody_waits_for_it(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(ValueError, match="is no table but a folder, a pipe or a device"):
        MODULE["table_fingerprint"](tmp_path, file=name)
    with pytest.raises(WorkbenchError, match="is no table but a folder, a pipe or a device"):
        load(tmp_path, file=name)


# -- NPZ -----------------------------------------------------------------------------------------------------


def test_an_archive_with_x_and_y_is_split(tmp_path: Path) -> None:
    x = np.arange(20, dtype=">f8").reshape(10, 2)  # another machine's byte order
    data = load_npz(tmp_path, x=x, y=np.array(["b", "a"] * 5), more=np.array([object()], dtype=object))
    assert data.classes == ("a", "b")
    assert rows(data) == [(2.0 * n, 2.0 * n + 1, "ba"[n % 2]) for n in range(10)]


def test_an_archive_can_say_itself_what_is_for_testing(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(6, 3, 4)).astype(np.float32), np.array([5, 7, 5, 7, 7, 5])
    data = load_npz(tmp_path, train_x=x[:4], train_y=y[:4], test_x=x[4:], test_y=y[4:])
    assert torch.equal(data.train_x, torch.from_numpy(x[:4]))
    assert torch.equal(data.test_x, torch.from_numpy(x[4:]))
    assert data.classes == ("5", "7")
    assert data.train_y.tolist() == [0, 1, 0, 1]
    assert data.test_y.tolist() == [1, 0]


@pytest.mark.parametrize("shape", [(8, 6, 5), (8, 3, 6, 5)], ids=str)
def test_bytes_in_an_archive_are_pictures(tmp_path: Path, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    data = load_npz(tmp_path, train_x=x, train_y=np.arange(8) % 2, test_x=x, test_y=np.arange(8) % 2)
    assert data.train_x.shape == (8, 1 if len(shape) == 3 else 3, 6, 5)
    assert np.array_equal(data.train_x.numpy().reshape(shape), x.astype(np.float32) / 255)


def test_features_of_an_archive_are_standardized_and_other_inputs_are_not(tmp_path: Path) -> None:
    x, y = np.array([[1, 5], [3, 5]], dtype=np.int16), np.array([True, False])
    np.savez(tmp_path / "table.npz", train_x=x, train_y=y, test_x=x + 2, test_y=y)
    data = load(tmp_path, file="table.npz", standardize=True)
    assert data.classes == ("False", "True")
    assert data.train_x.tolist() == [[-1, 0], [1, 0]]
    assert data.test_x.tolist() == [[1, 0], [3, 0]]
    np.savez(tmp_path / "table.npz", train_x=x[:, None], train_y=y, test_x=x[:, None], test_y=y)
    assert load(tmp_path, file="table.npz", standardize=True).train_x.tolist() == [[[1, 5]], [[3, 5]]]


X, Y = np.ones((4, 2)), np.array([0, 1, 0, 1])
TWO = {"train_x": X, "train_y": Y, "test_x": X, "test_y": Y}


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": X}, r"needs the arrays x and y, or train_x, .*; it has x"),
        ({"x": X, "y": Y[:3]}, "x has 4 samples and y has 3"),
        ({"x": X[:, 0], "y": Y}, r"table\.npz: x has the shape \(4,\); allowed: \(samples, ...\)"),
        ({"x": np.ones((4, 0)), "y": Y}, r"x has the shape \(4, 0\)"),
        ({"x": np.float64(3), "y": Y}, r"x has the shape \(\)"),
        ({"x": X.astype(complex), "y": Y}, "x has the type complex128; allowed: numbers"),
        ({"x": X.astype(str), "y": Y}, "x has the type <U32; allowed: numbers"),
        ({"x": X.astype(object), "y": Y}, "x holds Python objects, which are never unpickled"),
        ({"x": X, "y": Y.astype(object)}, "y holds Python objects, which are never unpickled"),
        ({"x": X, "y": Y[:, None]}, r"y has the shape \(4, 1\) of int64; allowed: \(n,\)"),
        ({"x": X, "y": Y * 1j}, r"y has the shape \(4,\) of complex128"),
        ({"x": X, "y": Y * 0}, r"y holds 1 classes \('0'\)"),
        ({"x": X, "y": Y * np.nan}, "y holds NaN or an infinity"),
        ({"x": np.ones((50, 2)), "y": np.linspace(0, 1, 50)}, "50 different numbers that are not all whole"),
        ({"x": X * [[1, 1], [1, np.nan], [np.inf, 1], [1, 1]], "y": Y}, r"2 entries that are NaN .* first at \[1, 1\]"),
        ({"x": np.ones((4, 9, 9, 3), dtype=np.uint8), "y": Y}, r"channels last, .*transpose\(0, 3, 1, 2\)"),
        ({"x": np.ones((4, 32, 32, 3), dtype=np.float32), "y": Y}, r"channels last, .*transpose\(0, 3, 1, 2\)"),
        ({"x": X, "y": np.array([0.5, 1, 0.5, 1])}, "y holds 2 different numbers that are not all whole"),
        ({"x": X, "y": np.array(["a", "\ud800"] * 2)}, r"y holds the class '\\ud800', .*; rename it"),
        (TWO | {"test_x": np.ones((4, 3))}, r"shapes \(4, 2\) and \(4, 3\); samples must be alike"),
        (TWO | {"test_x": X.astype(np.uint8)}, "the types float64 and uint8; use one"),
        (TWO | {"test_y": Y.astype(str)}, "train_y is int64 and test_y is <U21; use one type"),
        (TWO | {"test_y": Y + 1}, "no row of class '2' is there to train on"),
        ({"x": X * 1e300, "y": Y}, "too large for single precision"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_an_archive_is_said(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    with pytest.raises(WorkbenchError, match=words):
        load_npz(tmp_path, **arrays)


def test_a_target_is_a_column_and_an_archive_has_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "table.npz", **TWO)
    with pytest.raises(WorkbenchError, match="target = 'kind' names a column of a CSV file"):
        load(tmp_path, file="table.npz", target="kind")


def archive(**members: bytes) -> bytes:
    """A zip file of members called ``name.npy``."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members.items():
            zipped.writestr(f"{name}.npy", content)
    return held.getvalue()


def array(values: np.ndarray) -> bytes:
    held = io.BytesIO()
    np.save(held, values)
    return held.getvalue()


def test_a_header_that_promises_more_than_there_is_is_not_believed(tmp_path: Path) -> None:
    lying = array(X).replace(b"'shape': (4, 2), }" + b" " * 11, b"'shape': (4000000000, 2), }  ")
    assert lying != array(X)
    (tmp_path / "table.npz").write_bytes(archive(x=lying, y=array(Y)))
    with pytest.raises(WorkbenchError, match="x is damaged: its header and its size disagree"):
        load(tmp_path, file="table.npz")


def test_a_small_archive_that_unpacks_beyond_the_bound_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "table.npz", x=np.zeros((1000, 1000)), y=np.arange(1000) % 2)
    monkeypatch.setitem(MODULE["read_npz"].__globals__, "MOST_BYTES", 7_999_999)
    with pytest.raises(WorkbenchError, match="x would take more than"):
        load(tmp_path, file="table.npz")


def test_all_arrays_together_count_with_their_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.ones((100, 10), dtype=np.float16), (np.arange(100) % 2).astype(np.int8)
    needed = 1000 * (2 * 2 + 8) + 100 * (2 * 1 + 8)
    monkeypatch.setitem(MODULE["read_npz"].__globals__, "MOST_BYTES", needed)
    assert len(load_npz(tmp_path, x=x, y=y).train_y) == 80
    monkeypatch.setitem(MODULE["read_npz"].__globals__, "MOST_BYTES", needed - 1)
    with pytest.raises(WorkbenchError, match="x would take more than there is"):
        load_npz(tmp_path, x=x, y=y)


def test_the_memory_of_an_archive_is_what_is_counted(tmp_path: Path) -> None:
    count, columns = 20_000, 50
    x = np.random.default_rng(0).normal(size=(count, columns)).astype(np.float16)
    np.savez(tmp_path / "table.npz", x=x, y=np.arange(count) % 2)
    tracemalloc.start()
    try:
        load(tmp_path, file="table.npz", standardize=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < count * columns * (2 * 2 + 8) + 400 * count, "the lists of the split are the rest"


# -- any bytes -----------------------------------------------------------------------------------------------


def data_or_sentence(root: Path, name: str, content: bytes, **given: Any) -> None:
    (root / name).write_bytes(content)
    try:
        load(root, file=name, **given)
    except WorkbenchError as error:
        said = str(error)
    else:
        said = ""
    assert not said or said.startswith("dataset 'table': ")
    assert len(said) < 500


CELLS = st.sampled_from(["1", "-2.5", "1e300", "x", "y", "", "nan", '"', "train", "test", "1_0", "\0", "\ufeff", "٣"])
CSV = st.lists(st.lists(CELLS, min_size=1, max_size=4).map(",".join), max_size=8).map("\n".join)


@given(rest=st.binary(max_size=200))
@anything
def test_any_bytes_as_csv(tmp_path: Path, rest: bytes) -> None:
    data_or_sentence(tmp_path, "any.csv", rest)


@given(header=st.sampled_from(["a,kind\n", "a,kind,split\n", "a,b,c,kind\n"]), rest=CSV, standardize=st.booleans())
@anything
def test_any_cells_as_csv(tmp_path: Path, header: str, rest: str, standardize: bool) -> None:
    data_or_sentence(tmp_path, "any.csv", (header + rest).encode(), standardize=standardize)


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=12))
@anything
def test_any_finite_numbers_are_standardized(tmp_path: Path, values: list[float]) -> None:
    content = "a,kind\n" + "".join(f"{value!r},{n % 2}\n" for n, value in enumerate(values))
    (tmp_path / "any.csv").write_text(content)
    try:
        data = load(tmp_path, file="any.csv", standardize=True)
    except WorkbenchError as error:
        if "too large for single precision" not in str(error):  # a test sample that is far beyond all others
            raise
    else:
        assert abs(float(data.train_x.mean())) < 1e-4
        spread = float(data.train_x.double().std(correction=0))
        assert spread == 0 or spread == pytest.approx(1, abs=1e-3)


@given(rest=st.binary(max_size=200))
@anything
def test_any_bytes_as_an_archive(tmp_path: Path, rest: bytes) -> None:
    data_or_sentence(tmp_path, "any.npz", rest)
    data_or_sentence(tmp_path, "any.npz", archive(x=rest, y=array(Y)))
    data_or_sentence(tmp_path, "any.npz", archive(x=array(X), y=b"\x93NUMPY\x01\x00" + rest))


@given(places=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6))
@anything
def test_an_archive_with_wrong_bytes(tmp_path: Path, places: list[tuple[int, int]]) -> None:
    inner = bytearray(array(X))
    outer = bytearray(archive(x=array(X), y=array(Y)))
    for place, value in places:
        inner[place % len(inner)] = value
        outer[place % len(outer)] = value
    data_or_sentence(tmp_path, "any.npz", archive(x=bytes(inner), y=array(Y)))
    data_or_sentence(tmp_path, "any.npz", bytes(outer))


def test_the_fingerprint_is_of_what_the_file_holds(tmp_path: Path) -> None:
    file, fingerprint = tmp_path / "table.csv", MODULE["table_fingerprint"]
    file.write_text(FEW)
    first = fingerprint(tmp_path, file="table.csv", target="")
    os.utime(file, ns=(1, 1))
    assert fingerprint(tmp_path, file="table.csv", target="kind") == first, "a copy has another time"
    file.write_text(FEW.replace("cat", "cow"))
    assert fingerprint(tmp_path, file="table.csv") != first, "as long as before"
    file.write_text(FEW)
    os.utime(file, ns=(2, 2))  # clocks of file systems tick slowly
    assert fingerprint(tmp_path, file="table.csv") == first
    with pytest.raises(ValueError, match="is not in the data folder"):
        fingerprint(tmp_path, file="other.csv")
