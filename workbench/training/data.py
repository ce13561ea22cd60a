"""The data of a task: loaded through the registry, cut to the classes and labels that are asked for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor

from workbench import house
from workbench.blame import blame
from workbench.components import Data, Dataset
from workbench.errors import ExperimentError, WorkbenchError
from workbench.registry import Registry
from workbench.training import memory
from workbench.training.seeds import generator

DIGITS = 9  # of a class number
KEPT = 3  # data sets a process keeps in memory; MNIST takes 220 MB
_lock = threading.Lock()
_kept: dict[str, Data] = {}


def prepare(task: dict[str, Any], seed: int, registry: Registry) -> Data:
    """The data that a training with this task and seed sees.

    Raises ``WorkbenchError`` when the data set cannot be had, ``ExperimentError`` when the task asks for
    classes or labels that it does not have.
    """
    data = load(task["dataset"], registry)
    if (wanted := task.get("labels_per_class")) is not None:
        data = few_labels(data, wanted, seed)
    return normalize(data) if task["normalize"] else data


def load(reference: dict[str, Any], registry: Registry) -> Data:
    """A data set by its reference, with just the classes named there; kept in memory for the next run."""
    folder = house.data()
    name = reference["use"]
    component: Dataset = registry.get("dataset", name)
    chosen = picks_classes(component)
    rest = {key: value for key, value in reference.items() if not (chosen and key == "classes")}
    with blame(registry, "dataset", name):
        held = component.held(folder, rest)
    key = repr((registry.owner("dataset", name).identity, sorted(rest.items()), str(folder), held))
    with _lock:
        if key not in _kept:
            if component.size is not None:
                with blame(registry, "dataset", name):
                    size = component.size(**{key: value for key, value in rest.items() if key != "use"})
                memory.refuse(size, f"the data set {name!r}", "take fewer samples or features")
            with downloading():
                data = registry.make("dataset", rest, folder)
            with blame(registry, "dataset", name):
                check(data)
            while len(_kept) >= KEPT:
                del _kept[next(iter(_kept))]
            _kept[key] = data
        data = _kept[key]
    return keep_classes(data, reference["classes"], name) if chosen and reference.get("classes") else data


def forget() -> None:
    """Keep no data set in memory."""
    with _lock:
        _kept.clear()


def downloading() -> FileLock:
    """A lock between processes: two workers that miss the same data set must not write the same file."""
    house.home().mkdir(parents=True, exist_ok=True)
    return FileLock(house.home() / "data.lock")


def picks_classes(component: Dataset) -> bool:
    """Whether the setting ``classes`` picks from what there is (a text), not how many to make (a number)."""
    return any(param.name == "classes" and isinstance(param.default, str) for param in component.params)


def check(data: Any) -> None:
    """Raise ``TypeError`` or ``ValueError`` unless ``data`` is what a data set has to hand over."""
    if not isinstance(data, Data):
        raise TypeError(f"a data set returns workbench.Data, not {type(data).__name__}")
    for split, x, y in (("train", data.train_x, data.train_y), ("test", data.test_x, data.test_y)):
        if x.dtype != torch.float32 or y.dtype != torch.int64 or y.ndim != 1:
            raise TypeError(f"{split}: inputs must be float32 and targets a row of int64 class numbers")
        if len(x) != len(y) or not len(y):
            raise ValueError(f"{split}: {len(x)} inputs and {len(y)} targets; there must be as many, and at least one")
        if y.min() < 0 or y.max() >= len(data.classes):
            raise ValueError(f"{split}: targets must lie in 0..{len(data.classes) - 1}, one number for each class")
    if len(data.classes) < 2:
        raise ValueError(f"{len(data.classes)} class leaves nothing to tell apart; there must be two or more")
    if data.train_x.ndim < 2 or data.train_x.shape[1:] != data.test_x.shape[1:]:
        shapes = f"{tuple(data.train_x.shape)} and {tuple(data.test_x.shape)}"
        raise ValueError(
            f"train and test inputs have the shapes {shapes}; they must be (samples, ...), alike but for it"
        )


def parse_classes(text: str, names: Sequence[str], dataset: str) -> list[int]:
    """Class numbers from ``"0-4"``, ``"1,3,5"`` or names; ``ExperimentError`` says what there is."""
    numbers: list[int] = []
    for part in (part.strip() for part in text.split(",")):
        low, dash, high = part.partition("-")
        if part in names:
            found = [names.index(part)]
        elif part.isdecimal() and len(part) <= DIGITS:
            found = [int(part)]
        elif dash and all(end.strip().isdecimal() and len(end) <= DIGITS for end in (low, high)):
            found = list(range(int(low), min(int(high), len(names)) + 1))
        else:
            found = []
        if not found or max(found) >= len(names) or set(found) & set(numbers):
            why = "is given twice" if found and set(found) & set(numbers) else "is no class"
            raise ExperimentError(
                f"dataset.classes = {text!r:.80}: {part!r:.40} {why} of {dataset!r}; "
                f"allowed: numbers from 0 to {len(names) - 1}, like 0-4 or 1,3,5"
            )
        numbers += found
    if len(numbers) < 2:
        raise ExperimentError(
            f"dataset.classes = {text!r:.80}: one class leaves nothing to tell apart; name two or more"
        )
    return numbers


def keep_classes(data: Data, text: str, dataset: str) -> Data:
    """Only the named classes, numbered anew from 0 in the order in which they are named."""
    numbers = parse_classes(text, data.classes, dataset)
    renumbered = torch.full((len(data.classes),), -1)
    renumbered[numbers] = torch.arange(len(numbers))

    def cut(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        y = renumbered[y]
        return x[y >= 0], y[y >= 0]

    kept = Data(
        *cut(data.train_x, data.train_y), *cut(data.test_x, data.test_y), tuple(data.classes[n] for n in numbers)
    )
    if not len(kept.train_y) or not len(kept.test_y):
        raise ExperimentError(f"dataset.classes = {text!r:.80}: {dataset!r} has no samples of these classes")
    return kept


def few_labels(data: Data, wanted: int, seed: int) -> Data:
    """A training split of ``wanted`` samples a class, drawn by the seed; the test split stays whole."""
    shuffled = torch.randperm(len(data.train_y), generator=generator(seed, "labels"))
    chosen = []
    for number, name in enumerate(data.classes):
        members = shuffled[data.train_y[shuffled] == number]
        if len(members) < wanted:
            raise ExperimentError(
                f"task.labels_per_class = {wanted}: class {name!r} has only {len(members)} samples to train on"
            )
        chosen.append(members[:wanted])
    index = torch.cat(chosen).sort().values
    return Data(data.train_x[index], data.train_y[index], data.test_x, data.test_y, data.classes)


def normalize(data: Data) -> Data:
    """Subtract the training split's mean and divide by its standard deviation, each one number for all inputs."""
    mean, std = data.train_x.mean(), data.train_x.std(correction=0)
    if not torch.isfinite(std):
        raise WorkbenchError("normalize = true: an input of the training split is not finite; leave normalize out")
    if not std > 0:
        raise WorkbenchError("normalize = true: all inputs of the training split are equal; leave normalize out")
    return Data((data.train_x - mean) / std, data.train_y, (data.test_x - mean) / std, data.test_y, data.classes)
