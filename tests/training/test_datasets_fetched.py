"""Data sets in torchvision's layout: read from disk, checked, and a sentence where that fails."""

from __future__ import annotations

import hashlib
import pickle
import struct
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision
from torchvision.datasets import CIFAR10

from workbench import Data, registry
from workbench.errors import WorkbenchError
from workbench.training.data import check

known = registry.current()
FAMILY = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}


def load(name: str, folder: Path) -> Data:
    data = known.make("dataset", {"use": name}, folder)
    check(data)
    return data


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may depend on a connection."""

    def refuse(*arguments: object, **settings: object) -> None:
        raise URLError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


def write_idx(file: Path, array: np.ndarray) -> None:
    """LeCun's format: two zeros, the type (8: bytes), the number of dimensions, their sizes, the bytes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    file.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes())


def write_mnist(raw: Path) -> dict[str, np.ndarray]:
    """A tiny data set in MNIST's format: 6 pictures to train on and 4 to test on."""
    random = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 6), ("t10k", 4)):
        arrays[split] = random.integers(0, 256, (count, 28, 28))
        write_idx(raw / f"{split}-images-idx3-ubyte", arrays[split])
        write_idx(raw / f"{split}-labels-idx1-ubyte", np.arange(count) + 3)
    return arrays


@pytest.mark.parametrize("name", FAMILY)
def test_the_family_of_mnist_is_read_from_its_own_folder(name: str, tmp_path: Path) -> None:
    arrays = write_mnist(tmp_path / FAMILY[name] / "raw")
    data = load(name, tmp_path)
    assert data.train_x.shape == (6, 1, 28, 28)
    assert torch.equal((data.train_x[:, 0] * 255).round().long(), torch.from_numpy(arrays["train"]))
    assert torch.equal((data.test_x[:, 0] * 255).round().long(), torch.from_numpy(arrays["t10k"]))
    assert data.train_y.tolist() == [3, 4, 5, 6, 7, 8]
    assert data.test_y.tolist() == [3, 4, 5, 6]
    assert len(data.classes) == 10
    third = {"mnist": "3", "fashion_mnist": "Dress", "kmnist": "tsu"}[name]
    assert data.classes[3] == third


def test_the_real_mnist_has_the_published_numbers(mnist_folder: Path, tmp_path: Path) -> None:
    data = load("mnist", mnist_folder)
    assert float(data.train_x.double().mean()) == pytest.approx(0.130660, abs=5e-7)
    assert float(data.train_x.double().std(correction=0)) == pytest.approx(0.308108, abs=5e-7)
    assert data.train_y.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    (tmp_path / "KMNIST").mkdir()
    (tmp_path / "KMNIST" / "raw").symlink_to(mnist_folder / "MNIST" / "raw")
    assert torch.equal(load("kmnist", tmp_path).test_x, data.test_x), "the same bytes in another's folder"


@pytest.mark.parametrize("name", [*FAMILY, "cifar10"])
def test_what_is_not_there_and_cannot_be_had_gets_one_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        WorkbenchError, match=r"could not be downloaded .*: connect to the internet, or set WORKBENCH_DATA"
    ):
        load(name, tmp_path)


@pytest.mark.parametrize("name", FAMILY)
def test_a_damaged_file_is_told_apart_from_a_missing_one(name: str, tmp_path: Path) -> None:
    raw = tmp_path / FAMILY[name] / "raw"
    write_mnist(raw)
    whole = (raw / "train-images-idx3-ubyte").read_bytes()
    (raw / "train-images-idx3-ubyte").write_bytes(whole[:-5])
    with pytest.raises(WorkbenchError, match="is damaged: delete that folder"):
        load(name, tmp_path)


def write_cifar(folder: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Two pictures a batch in the original layout (rows of red, green, blue), with their own MD5 sums in force."""
    folder.mkdir(parents=True)
    rows = np.random.default_rng(0).integers(0, 256, (6, 2, 3072), dtype=np.uint8)
    names = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    for number, name in enumerate(names):
        batch = {"data": rows[number], "labels": [number, 9 - number]}
        (folder / name).write_bytes(pickle.dumps(batch))
    labels = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": labels}))
    sums = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in [*names, "batches.meta"]}
    monkeypatch.setattr(CIFAR10, "train_list", [[name, sums[name]] for name in names[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [[names[5], sums[names[5]]]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": sums["batches.meta"]})
    return rows


def test_cifar_10_is_read_from_the_original_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = write_cifar(tmp_path / "cifar-10-batches-py", monkeypatch)
    data = load("cifar10", tmp_path)
    assert data.train_x.shape == (10, 3, 32, 32)
    assert data.test_x.shape == (2, 3, 32, 32)
    # The README of the data set: 1,024 red, then green, then blue values, each row by row.
    assert (data.train_x[3, 1, 4, 5] * 255).round() == rows[1, 1, 1024 + 4 * 32 + 5]
    assert torch.equal((data.test_x.flatten(1) * 255).round().to(torch.uint8), torch.from_numpy(rows[5]))
    assert data.train_y.tolist() == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
    assert data.classes[3] == "cat"


class Trap:
    """A pickle that makes a file where it is opened."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.place,))


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch", "batches.meta"])
def test_a_strangers_pickle_is_never_opened(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    write_cifar(folder, monkeypatch)
    (folder / name).write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(WorkbenchError, match="is damaged: delete that folder"):
        load("cifar10", tmp_path)
    assert not (tmp_path / "sprung").exists()
    pickle.loads((folder / name).read_bytes())
    assert (tmp_path / "sprung").exists(), "the trap works"


def test_the_sums_in_force_are_the_published_ones() -> None:
    # https://www.cs.toronto.edu/~kriz/cifar.html names that of the archive; torchvision's are those of what is in it.
    assert CIFAR10.tgz_md5 == "c58f30108f718f92721af3b95e74349a"
    assert all(len(md5) == 32 for _, md5 in [*CIFAR10.train_list, *CIFAR10.test_list]), torchvision.__version__
