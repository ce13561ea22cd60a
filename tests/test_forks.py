"""Branches in an experiment: what they may change, what they are, and that one run can stand alone as an experiment."""

from __future__ import annotations

from typing import Any

import pytest

from workbench import registry
from workbench.errors import ExperimentError
from workbench.experiment import Run, as_experiment, dump, dumps, loads, parse, resolve

TEXT = """kind = "training"
title = "What a smaller rate does late"
seeds = [0, 1]

[task]
epochs = 2

[base]
optimizer = { use = "sgd", lr = 0.5, momentum = 0.9 }

[[variants]]
name = "all the way"

[[variants]]
name = "smaller from step 12"
fork = { step = 12, variant = "all the way" }
optimizer = { lr = 0.05 }

[[variants]]
name = "clipped besides"
fork = { step = 18, variant = "smaller from step 12" }
remedies = ["clip_norm"]
task = { epochs = 4 }

[[variants]]
name = "off the base"
fork = { step = 12 }
optimizer = "adam"
"""
known = registry.current()


def runs(text: str = TEXT) -> dict[tuple[str, int], Run]:
    return {(run.variant, run.seed): run for run in resolve(loads(text), known)}


def test_a_branch_differs_from_its_trunk_as_a_variant_from_the_base() -> None:
    found = runs()
    branch = found["smaller from step 12", 1]
    assert branch.fork is not None
    assert branch.fork.run == found["all the way", 1]
    assert branch.fork.step == 12
    assert branch.base == found["all the way", 1].base | {
        "optimizer": found["all the way", 1].base["optimizer"] | {"lr": 0.05}
    }
    twice = found["clipped besides", 0]
    assert twice.fork is not None
    assert twice.fork.run == found["smaller from step 12", 0]
    assert twice.base["optimizer"] == branch.base["optimizer"]
    assert [remedy["use"] for remedy in twice.base["remedies"]] == ["clip_norm"]
    assert (branch.task["epochs"], twice.task["epochs"]) == (2, 4)
    off = found["off the base", 0]
    assert off.fork is not None
    assert off.fork.run.content() == found["all the way", 0].content()


def test_the_fork_is_written_and_read_back() -> None:
    experiment = loads(TEXT)
    assert loads(dumps(experiment)) == experiment
    assert parse(dump(experiment)) == experiment
    assert 'fork = { step = 12, variant = "all the way" }' in dumps(experiment)


def test_where_and_from_what_it_forks_is_in_the_id_and_names_are_not() -> None:
    ids = {key: run.id(known) for key, run in runs().items()}
    assert len(set(ids.values())) == len(ids)
    later = runs(TEXT.replace("step = 12, variant", "step = 13, variant"))
    assert later["smaller from step 12", 0].id(known) != ids["smaller from step 12", 0]
    assert later["clipped besides", 0].id(known) != ids["clipped besides", 0], "its trunk is another one"
    assert later["off the base", 0].id(known) == ids["off the base", 0]
    renamed = runs(TEXT.replace("all the way", "trunk"))
    assert renamed["smaller from step 12", 0].id(known) == ids["smaller from step 12", 0]
    trunk = runs(TEXT.replace("momentum = 0.9", "momentum = 0.8"))
    assert trunk["off the base", 0].id(known) != ids["off the base", 0]


def test_runs_with_forks_survive_being_plain_data() -> None:
    from dataclasses import asdict

    for run in runs().values():
        assert Run.from_dict(asdict(run)) == run


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('all the way" }', 'nobody" }'), "fork.variant = 'nobody' is no variant that stands before it"),
        (("step = 12 }", "step = 0 }"), "greater than or equal to 1|allowed"),
        (("step = 12 }", "step = 12, at = 3 }"), "at"),
        (("task = { epochs = 4 }", "task = { batch_size = 4 }"), "task.batch_size cannot change at a fork"),
        (('kind = "training"', 'kind = "descent"'), "fork belongs to trainings"),
    ],
)
def test_a_fork_that_makes_no_sense_is_one_sentence(change: tuple[str, str], message: str) -> None:
    text = TEXT.replace(*change)
    if "descent" in text:
        text = text.replace("epochs = 2", "steps = 30").replace("task = { epochs = 4 }\n", "")
    with pytest.raises(ExperimentError, match=message):
        loads(text)


TRANSFER: dict[str, Any] = {
    "kind": "transfer",
    "task": {"dataset": {"use": "digits", "classes": "5-9"}, "source": {"use": "digits", "classes": "0-4"}},
    "base": {"optimizer": {"use": "adam", "lr": 0.01}, "remedies": ["batch_norm"]},
    "variants": [
        {"name": "fine", "optimizer": {"lr": 0.001}, "schedule": "step"},
        {"name": "frozen", "remedies": ["batch_norm", "freeze"], "optimizer": "sgd"},
        {"name": "scratch", "task": {"source": "none"}},
        {"name": "late", "fork": {"step": 5, "variant": "fine"}, "optimizer": {"lr": 0.1}},
    ],
}
OTHERS: list[dict[str, Any]] = [
    TRANSFER,
    {"kind": "descent", "task": {"steps": 7}, "variants": [{"name": "a", "optimizer": "adam"}, {"name": "base"}]},
    {"kind": "sweep", "task": {"steps": 7}, "sweep": {"low": 0.1, "high": 0.2}},
    {"kind": "training", "task": {"epochs": 1}, "base": {"schedule": {"use": "step", "every": 3}}, "seeds": [3, 1]},
]


@pytest.mark.parametrize("plain", [dump(loads(TEXT)), *OTHERS], ids=lambda plain: plain["kind"])
def test_every_run_stands_alone_as_an_experiment(plain: dict[str, Any]) -> None:
    for run in resolve(parse(plain), known):
        alone = loads(dumps(as_experiment(run, "alone")))
        again = resolve(alone, known)[-1]
        assert again.id(known) == run.id(known)
        assert (again.variant, again.seed) == (run.variant, run.seed)
