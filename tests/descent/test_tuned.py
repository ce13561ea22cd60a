"""From a comparison to a tuning and back, and what is said about it."""

import math

import pandas as pd
import pytest

from workbench import house
from workbench.charts.tuning import over_seeds
from workbench.descent import tune
from workbench.descent.best_of import curves
from workbench.descent.tuned import at_best, best_of_each, settings_of, tuning_of
from workbench.descent.tuning_finding import tuning_finding
from workbench.errors import ExperimentError
from workbench.experiment import parse, read, resolve
from workbench.records import MemoryRecorder, frame, label


def compared(**keys):
    return parse({"kind": "descent", "title": "Three", "task": {"steps": 50, "start": [1.0, 1.0]}} | keys)


def trials_of(*rows):
    keys = ("variant", "seed", "settings", "outcome", "steps_to_tolerance", "value")
    made = [dict(zip(keys, row, strict=True)) | {"evaluations": 50.0} for row in rows]
    table = frame("trials", made, who=True)
    table["trial"] = table.groupby(["variant", "seed"]).cumcount() + 1
    return table


def test_settings_are_read_as_they_are_written():
    assert settings_of("lr = 1e-05, momentum = 0.9, rho = 1") == {"lr": 1e-5, "momentum": 0.9, "rho": 1.0}


def test_the_best_of_each_variant_and_seed():
    table = trials_of(
        ("A", 0, "lr = 1", "converged", 9, 0.0), ("A", 0, "lr = 2", "converged", 7, 0.0),
        ("A", 1, "lr = 3", "slow", math.nan, 5.0), ("A", 1, "lr = 4", "slow", math.nan, 4.0),
        ("B", 0, "lr = 5", "diverged", math.nan, math.nan),
    )  # fmt: skip
    assert best_of_each(table)["settings"].tolist() == ["lr = 2", "lr = 4", "lr = 5"]
    assert best_of_each(table, ["variant"])["settings"].tolist() == ["lr = 2", "lr = 5"]
    for row in best_of_each(table).itertuples():  # as the run itself says in its summary
        own = table[(table["variant"] == row.variant) & (table["seed"] == row.seed)]
        assert tune.best(own)["settings"] == row.settings


def test_what_fell_out_of_sight_is_not_the_best():
    table = trials_of(
        ("A", 0, "lr = 1", "diverged", math.nan, -1e9), ("A", 0, "lr = 2", "slow", math.nan, 5.0),
        ("A", 0, "lr = 3", "slow", math.nan, 5.0), ("A", 0, "lr = 4", "slow", math.nan, math.nan),
    )  # fmt: skip
    assert best_of_each(table)["settings"].tolist() == ["lr = 2"]


def test_what_is_tuned_is_no_difference_any_more(registry):
    variants = [
        {"name": "slow", "optimizer": {"use": "sgd", "lr": 0.001}},
        {"name": "fast", "optimizer": {"use": "sgd", "lr": 0.04}},
        {"name": "Nesterov", "optimizer": {"use": "sgd", "momentum": 0.9, "nesterov": True}},
        {"name": "Adam", "optimizer": {"use": "adam", "lr": 0.3}},
        {"name": "later", "optimizer": {"lr": 0.01}, "schedule": "step"},
        {"name": "longer", "task": {"steps": 60}},
    ]
    made = tuning_of(compared(variants=variants, base={"optimizer": {"use": "sgd", "lr": 0.02}}), registry, trials=7)
    assert made.kind == "tune"
    assert made.tune.trials == 7
    assert made.title == "Each tuned equally: Three"
    assert [variant.name for variant in made.variants] == ["SGD", "Nesterov", "Adam", "later", "longer"]
    assert "slow and fast differ only in what is tuned: they are **SGD** here" in made.lesson
    runs = {run.variant: run for run in resolve(made, registry)}
    assert all(run.task["start"] == [1.0, 1.0] for run in runs.values())
    assert runs["Nesterov"].base["optimizer"]["nesterov"] is True
    assert runs["later"].base["schedule"]["use"] == "step"
    assert runs["longer"].task["steps"] == 60
    assert made.base["optimizer"] == {"use": "sgd"}


def test_names_of_merged_variants_stay_unique(registry):
    variants = [
        {"name": "a", "optimizer": {"lr": 0.1}}, {"name": "b", "optimizer": {"lr": 0.2}},
        {"name": "SGD", "schedule": "step"},
    ]  # fmt: skip
    assert [v.name for v in tuning_of(compared(variants=variants), registry).variants] == ["SGD 2", "SGD"]


def test_a_base_alone_is_tuned_and_compared(registry):
    made = tuning_of(compared(base={"optimizer": {"use": "adam", "lr": 0.5, "amsgrad": True}}), registry)
    assert made.base["optimizer"] == {"use": "adam", "amsgrad": True}
    back = at_best(made, trials_of(("base", 0, "lr = 0.3, beta1 = 0.5", "converged", 9, 0.0)), registry)
    assert back.base["optimizer"] == {"use": "adam", "amsgrad": True, "lr": 0.3, "beta1": 0.5}
    assert back.title == "Each at its best: Three"


def test_only_descents_whose_optimizers_have_something_to_tune(registry):
    with pytest.raises(ExperimentError, match="kind = 'sweep' cannot be tuned"):
        tuning_of(parse({"kind": "sweep"}), registry)


def test_at_their_best_descents_repeat_the_best_trials(registry):
    experiment = parse(
        {
            "kind": "tune", "seeds": [3, 4], "task": {"steps": 60}, "tune": {"trials": 12},
            "variants": [{"name": "R", "optimizer": "rmsprop"}, {"name": "M", "optimizer": {"momentum": 0.5}}],
        }
    )  # fmt: skip
    parts = []
    for run in resolve(experiment, registry):
        recorder = MemoryRecorder()
        tune.execute(run, registry, recorder)
        parts.append(label("trials", recorder.table("trials"), run.variant, run.seed))
    trials = pd.concat(parts, ignore_index=True)
    made = at_best(experiment, trials, registry)
    assert made.seeds == [3]  # nothing but the trials was drawn by lot
    from workbench.descent.simulate import execute

    for run in resolve(made, registry):
        own = tune.best(trials[trials["variant"] == run.variant])
        summary = execute(run, registry, MemoryRecorder())
        assert summary["outcome"] == own["outcome"]
        assert summary["value"] == pytest.approx(own["value"], rel=1e-5)


def test_seeds_stay_where_they_decide_something(registry):
    trials = trials_of(("base", 0, "lr = 0.1", "slow", math.nan, 1.0))
    for task, seeds in (
        ({}, [0]),
        ({"start": "random"}, [0, 1]),
        ({"surface": {"use": "ripples", "noise": 1.0}}, [0, 1]),
    ):
        experiment = parse({"kind": "tune", "seeds": [0, 1], "task": task})
        assert at_best(experiment, trials, registry).seeds == seeds


def test_variants_without_a_trial_are_left_out_and_none_at_all_is_refused(registry):
    experiment = parse({"kind": "tune", "variants": [{"name": "A"}, {"name": "B", "optimizer": "adam"}]})
    made = at_best(experiment, trials_of(("B", 0, "lr = 0.1", "slow", math.nan, 1.0)), registry)
    assert [variant.name for variant in made.variants] == ["B"]
    with pytest.raises(ExperimentError, match="no trial has finished yet"):
        at_best(experiment, trials_of(), registry)


LOWEST = {"A": 0.0, "B": 0.0, "C": 0.0}
NOBODY = frame("summary", [], who=True)


def test_finding_with_one_search_says_that_it_may_be_luck():
    table = trials_of(
        ("A", 0, "lr = 1", "converged", 9, 0.0), ("A", 0, "lr = 2", "slow", math.nan, 1.0),
        ("A", 0, "lr = 3", "slow", math.nan, 1.0), ("A", 0, "lr = 4", "slow", math.nan, 1.0),
        *(("B", 0, f"lr = {rate}", "converged", 20, 0.0) for rate in range(4)),
        *(("C", 0, f"lr = {rate}", "diverged", math.nan, math.nan) for rate in range(4)),
    )  # fmt: skip
    assert tuning_finding(table, NOBODY, 0.01, LOWEST) == (
        "With 4 random trials each, A reaches f - f_min ≤ 0.01 soonest, after 9 steps (its best: lr = 1); then B (20). "
        "C does not get there in any trial. Easiest to tune is B: an even chance of getting there takes 1 trial, and 2 "
        "with A. Each searched once (n = 1): close ranks may be luck, more seeds tell."
    )


def test_finding_is_honest_about_ties():
    table = trials_of(("A", 0, "lr = 1", "converged", 9, 0.0), ("B", 0, "lr = 2", "converged", 9, 0.0))
    text = tuning_finding(table, NOBODY, 0.01, LOWEST)
    assert "A and B reach f - f_min ≤ 0.01 soonest, after 9 steps." in text
    assert "All that get there are about as easy to tune: an even chance takes 1 trial." in text


def searches(**steps):
    return trials_of(
        *(
            (name, seed, "lr = 1", "converged", step, 0.0)
            for name, found in steps.items()
            for seed, step in enumerate(found)
        )
    )


def test_finding_tells_searches_apart_or_says_that_it_cannot():
    apart = tuning_finding(searches(A=[5, 7, 6], B=[8, 20, 9]), NOBODY, 0.01, LOWEST)
    assert "after 6 steps in the median search" in apart
    assert "Even the slowest search of A (7 steps) beats the luckiest of any other (8), n = 3 each." in apart
    near = tuning_finding(searches(A=[5, 7, 6], B=[7, 20, 9], C=[30, 30, 30]), NOBODY, 0.01, LOWEST)
    assert "The searches of A overlap with those of B: n = 3 cannot tell them apart." in near


def test_finding_where_nothing_gets_there():
    table = trials_of(("A", 0, "lr = 1", "slow", math.nan, 0.5), ("B", 0, "lr = 2", "slow", math.nan, 0.25))
    text = tuning_finding(table, NOBODY, 0.01, LOWEST)
    assert "none reaches f - f_min ≤ 0.01; B comes closest, to 0.25, at lr = 2." in text
    lost = trials_of(("A", 0, "lr = 1", "diverged", math.nan, math.nan))
    assert "none reaches f - f_min ≤ 0.01: every trial diverges." in tuning_finding(lost, NOBODY, 0.01, LOWEST)


def test_finding_speaks_of_failures_and_of_nothing_yet():
    summary = frame("summary", [{"variant": "B", "seed": 0, "outcome": "failed"}], who=True)
    assert tuning_finding(trials_of(), summary, 0.01, LOWEST) == "No trial has finished yet. B failed."


@pytest.fixture(scope="module")
def lesson(registry):
    parts = []
    for run in resolve(read(house.folder("lessons") / "tuned-equally.toml"), registry):
        recorder = MemoryRecorder()
        tune.execute(run, registry, recorder)
        parts.append(label("trials", recorder.table("trials"), run.variant, run.seed))
    return pd.concat(parts, ignore_index=True)


def test_the_lesson_shows_what_its_text_says(lesson, registry, run_of):
    steps = {name: own["steps_to_tolerance"].tolist() for name, own in best_of_each(lesson).groupby("variant")}
    assert sorted(steps["SGD with momentum"]) == [33, 34, 36]
    others = [step for name, found in steps.items() if name != "SGD with momentum" for step in found if step == step]
    assert min(steps["Adam"] + steps["AdamW"]) == min(others) == 44
    assert max(steps["Adam"] + steps["AdamW"]) == 91
    converged = lesson[lesson["outcome"] == "converged"].groupby("variant").size()
    assert converged["SGD with momentum"] == 11
    assert converged["Rprop"] == 92
    assert "AdaGrad" not in converged
    usual = {name: float(pd.Series(found).median()) for name, found in steps.items()}
    assert {round(34 / usual[name], 1) for name in ("Rprop", "RMSprop", "Adam", "AdamW")} <= {0.4, 0.5}
    found = over_seeds(curves(lesson, dict.fromkeys(steps, 0.0)), "steps")
    assert set(found[found["k"] <= 2]["variant"]) == {"Rprop"}
    # turned into the axes, AdaGrad walks straight down
    recorder = MemoryRecorder()
    surface = {"use": "quadratic", "condition": 100.0, "angle": 0.0}
    run = run_of("tune", task={"surface": surface, "steps": 100}, base={"optimizer": "adagrad"})
    tune.execute(run, registry, recorder)
    assert recorder.table("trials")["steps_to_tolerance"].min() == 3
