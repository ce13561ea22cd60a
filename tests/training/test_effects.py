"""Factors, paired effects and their verdicts, from tables whose answers are known."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workbench import house, registry
from workbench.experiment import Run, parse, read, resolve, vary
from workbench.training.findings.effects import (
    EVERYWHERE,
    effects_by,
    interactions,
    main_effects,
    pairs,
    simple_effects,
)
from workbench.training.findings.effects_finding import effects_finding, effects_lines
from workbench.training.findings.factors import Design, Factor, design
from workbench.training.findings.matrix import Matrix, matrix
from workbench.training.findings.scores import ACCURACY, LOSS, Scores, metric_of, scores
from workbench.training.findings.verdict import ALONE, EQUAL, UNSURE, contrast, holm, said, verdict


def runs(*variants: dict[str, Any], **experiment: Any) -> list[Run]:
    plain = {"kind": "training", **experiment}
    plain["variants"] = [{"name": f"v{number}", **variant} for number, variant in enumerate(variants)]
    return resolve(parse(plain), registry.current())


def varied(axes: dict[str, list[Any]], **experiment: Any) -> Design:
    found = vary(parse({"kind": "training", **experiment}), axes)
    return design(resolve(found, registry.current()))


def summary(table: dict[str, list[float]], **more: Any) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"variant": name, "seed": seed, "outcome": "finished", "steps": 10, "final_accuracy": value,
             "final_loss": 1.0, "message": "", **more}
            for name, values in table.items()
            for seed, value in enumerate(values)
        ]
    )  # fmt: skip


CURVE = pd.DataFrame(columns=["variant", "seed", "step", "split", "loss"])


def looks(losses: dict[str, list[float]]) -> pd.DataFrame:
    """A curve with one look at the test split by every seed, and a training batch whose loss is something else."""
    return pd.DataFrame(
        [
            {"variant": name, "seed": seed, "step": 10, "split": split, "loss": value + shift}
            for name, values in losses.items()
            for seed, value in enumerate(values)
            for split, shift in (("test", 0.0), ("train", 5.0))
        ]
    )


def crossed(values: dict[tuple[str, ...], list[float]], *factors: tuple[str, ...]) -> tuple[Design, Scores]:
    """A cross whose factors are called a, b, ... with the scores of each cell; the first level is the reference."""
    made = tuple(Factor((key,), levels, levels[0]) for key, levels in zip("abcd", factors, strict=False))
    names = {place: " ".join(place) for place in values}
    return Design(made, {name: place for place, name in names.items()}), scores(
        summary({names[place]: row for place, row in values.items()}), CURVE
    )


# --- factors


def test_a_grid_gives_its_keys_back():
    found = varied({
        "task.model.depth": [2, 10],
        "activation": ["sigmoid", "relu"],
        "task.batch_size": [32, 64],
        "optimizer.lr": [0.1, 0.01],
    })  # fmt: skip
    assert [(factor.name, factor.levels) for factor in found.factors] == [
        ("task.model.depth", ("depth 2", "depth 10")),
        ("task.batch_size", ("batch_size 32", "batch_size 64")),
        ("optimizer.lr", ("lr 0.1", "lr 0.01")),
        ("activation", ("sigmoid", "relu")),
    ]
    assert found.full
    assert found.size == len(found.cells) == 16
    assert list(found.missing) == []
    assert found.describe() == (
        "model depth (2) x batch size (2) x optimizer lr (2) x activation (2): a full cross of 16 cells."
    )


def test_variants_written_by_hand_are_the_same_as_a_grid():
    hand = design(
        runs(
            {"activation": "relu"},
            {"activation": "relu", "remedies": ["batch_norm"]},
            {"activation": "sigmoid"},
            {"activation": "sigmoid", "remedies": ["batch_norm"]},
        )
    )
    grid = varied({"activation": ["relu", "sigmoid"], "remedies": [[], ["batch_norm"]]})
    assert hand.factors == grid.factors
    assert list(hand.cells) == list(grid.cells)
    assert grid.factor("batch_norm").levels == ("without batch_norm", "batch_norm")


def test_settings_that_follow_another_are_one_factor():
    found = varied(
        {"optimizer": [{"use": "sgd", "lr": 0.1}, {"use": "adam", "lr": 0.001}], "activation": ["relu", "tanh"]}
    )
    assert [(factor.name, factor.levels) for factor in found.factors] == [
        ("optimizer", ("sgd", "adam")),
        ("activation", ("relu", "tanh")),
    ]
    nested = design(
        runs(
            {"optimizer": {"use": "sgd", "momentum": 0.0}},
            {"optimizer": {"use": "sgd", "momentum": 0.9}},
            {"optimizer": "adam"},
        )
    )
    assert [factor.levels for factor in nested.factors] == [("sgd momentum 0", "sgd momentum 0.9", "adam")]
    confounded = design(runs({"activation": "sigmoid"}, {"activation": "relu", "initializer": "kaiming_normal"}))
    [both] = confounded.factors
    assert both.name == "activation + initializer"
    assert both.levels == ("sigmoid, torch_default", "relu, kaiming_normal")


@pytest.mark.parametrize(
    ("sets", "names"),
    [
        ([[], ["batch_norm"], ["residual"], ["batch_norm", "residual"]], ["batch_norm", "residual"]),
        ([[], ["batch_norm"], ["residual"]], ["remedies"]),
        ([[], ["batch_norm", "residual"]], ["batch_norm + residual"]),
        ([[], ["clip_norm"], [{"use": "clip_norm", "max_norm": 0.5}]], ["clip_norm"]),
        ([["batch_norm", "clip_norm"], ["clip_norm", "batch_norm"]], ["remedies"]),
    ],
)  # fmt: skip
def test_remedies_are_a_factor_each_where_they_are_crossed(sets, names):
    found = varied({"remedies": sets})
    assert [factor.name for factor in found.factors] == names
    assert found.full


def test_the_labels_of_remedies_say_what_is_there():
    [factor] = varied(
        {"remedies": [["batch_norm"], [], [{"use": "clip_norm", "max_norm": 0.5}], ["clip_norm"]]}
    ).factors
    assert factor.levels == ("batch_norm", "no remedies", "clip_norm max_norm 0.5", "clip_norm max_norm 1")
    assert factor.reference == "no remedies"


def test_a_component_is_put_before_its_settings_whatever_comes_first():
    experiment = vary(parse({"kind": "training"}), {"optimizer.lr": [0.1, 0.2], "optimizer": ["sgd", "adam"]})
    made = resolve(experiment, registry.current())
    assert [(run.variant, run.base["optimizer"]["use"], run.base["optimizer"]["lr"]) for run in made] == [
        ("lr 0.1, sgd", "sgd", 0.1),
        ("lr 0.1, adam", "adam", 0.1),
        ("lr 0.2, sgd", "sgd", 0.2),
        ("lr 0.2, adam", "adam", 0.2),
    ]


def test_missing_cells_are_listed():
    found = design(runs({}, {"activation": "tanh"}, {"remedies": ["batch_norm"]}))
    assert not found.full
    assert list(found.missing) == [("tanh", "batch_norm")]
    assert "3 of 4 cells, no full cross; missing: tanh with batch_norm." in found.describe()


def test_many_missing_cells_are_counted_and_not_listed():
    """3 of 4 and 8 of 20 are named (1 and 12 missing), 7 of 20 are not; nor are 3 of 12, less than a third."""
    names = ("a", "b", "c", "d", "e")
    places = list(itertools.product(names, ("u", "v", "w", "x")))
    made = (Factor(("one",), names, "a"), Factor(("other",), ("u", "v", "w", "x"), "u"))
    for count, named in ((8, True), (7, False)):
        text = Design(made, {str(place): place for place in places[:count]}).describe()
        assert f"{count} of 20 cells, no full cross; " in text
        assert ("missing: c with u; c with v; c with w and 9 more" in text) == named
        assert text.endswith(f"{20 - count} are missing.") != named
    small = (made[0], Factor(("other",), ("u", "v"), "u"))
    few = Design(small, {str(place): place for place in [("a", "u"), ("b", "v"), ("c", "u")]})
    assert few.describe() == "one (5) x other (2): 3 of 10 cells, no full cross; 7 are missing."


def test_the_reference_is_the_bases_level_where_it_is_one():
    experiment = vary(parse({"kind": "training", "base": {"activation": "tanh"}}), {"activation": ["relu", "tanh"]})
    known = registry.current()
    base = resolve(experiment.model_copy(update={"variants": []}), known)[0]
    assert design(resolve(experiment, known), base).factors[0].reference == "tanh"
    assert design(resolve(experiment, known)).factors[0].reference == "relu"
    elsewhere = vary(experiment, {"activation": ["relu", "sigmoid"]})
    assert design(resolve(elsewhere, known), base).factors[0].reference == "relu"


def test_branches_differ_in_where_they_begin():
    found = design(runs({}, {"fork": {"step": 3, "variant": "v0"}}))
    assert found.factors[0].levels == ("no fork", "from step 3 of v0")


def test_equal_variants_share_a_cell():
    found = design(runs({}, {}, {"activation": "tanh"}))
    assert found.cells == {("relu",): "v0", ("tanh",): "v2"}
    assert design(runs({}, {})).factors == ()
    with pytest.raises(KeyError, match="allowed: activation"):
        found.factor("optimizer")


# --- verdicts


@given(st.lists(st.floats(-1, 1).map(lambda x: round(x, 4)), min_size=2, max_size=12))
def test_the_interval_and_p_are_those_of_scipy(differences):
    found = contrast(differences, 1.0)
    if len(set(differences)) == 1:
        assert found.half == 0
        assert found.p == (1.0 if differences[0] == 0 else 2.0 ** (1 - len(differences)))
        return
    oracle = stats.ttest_1samp(differences, 0.0)
    low, high = oracle.confidence_interval(0.95)
    assert found.mean == pytest.approx(np.mean(differences), abs=1e-12)
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high), abs=1e-9)
    assert found.p == pytest.approx(oracle.pvalue, abs=1e-12)


def test_equal_differences_in_a_few_seeds_are_no_proof():
    """2^(1-n) is the share of sign flips with a sum as large: counted here."""
    for n in (2, 3, 6):
        flips = [abs(sum(signs)) for signs in itertools.product((-1, 1), repeat=n)]
        assert contrast([0.1] * n, 1.0).p == pytest.approx(np.mean([total >= n for total in flips]))
    assert verdict(contrast([0.1] * 3, 1.0), contrast([0.1] * 3, 1.0).p, ACCURACY) == UNSURE


def test_holm_by_hand():
    """Holm 1979: the smallest times 4, the next times 3, ..., never below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    alone = holm([math.nan, 0.02])
    assert math.isnan(alone[0])
    assert alone[1] == 0.02
    assert holm([]) == []


@pytest.mark.parametrize(
    ("differences", "adjusted", "metric", "word"),
    [
        ([0.10, 0.11, 0.12], 0.01, ACCURACY, "helps"),
        ([-0.10, -0.11, -0.12], 0.01, ACCURACY, "harms"),
        ([-0.10, -0.11, -0.12], 0.01, LOSS, "helps"),
        ([0.10, 0.11, 0.12], 0.20, ACCURACY, "likely helps"),
        ([0.10, -0.11, 0.12], 0.90, ACCURACY, UNSURE),
        ([0.0, 0.0], 1.0, ACCURACY, EQUAL),
        ([0.3], math.nan, ACCURACY, ALONE),
    ],
)
def test_the_words(differences, adjusted, metric, word):
    assert verdict(contrast(differences, 1.0), adjusted, metric) == word


def test_the_sentence_has_the_numbers_in_it():
    found = contrast([0.02, 0.03, 0.046], 1.0)
    low, high = stats.ttest_1samp([2.0, 3.0, 4.6], 0.0).confidence_interval(0.95)
    low_said = f"{low:.1f}".replace("-", "\N{MINUS SIGN}")
    assert said("likely helps", found, ACCURACY) == (
        f"likely helps: +3.2 points (95 % interval {low_said} to {high:.1f}, 3 seeds)"
    )
    assert said(UNSURE, found, ACCURACY).startswith("not distinguishable with 3 seeds: +3.2 points (95 % interval")
    assert said(ALONE, contrast([-0.02]), ACCURACY) == "\N{MINUS SIGN}2.0 points; one seed proves nothing"
    assert said("harms", contrast([0.25, 0.35], 1.0), LOSS).startswith("harms: +0.3 (95 % interval ")
    assert said(EQUAL, contrast([0.0, 0.0]), LOSS) == "no difference with any of 2 seeds"


# --- scores


def test_a_run_that_diverged_counts_as_what_it_reached_and_is_named():
    rows = summary({"a": [0.9, 0.8], "b": [0.1, 0.2], "c": [0.5, 0.5], "d": [0.7, 0.7]})
    rows["outcome"] = ["finished", "finished", "diverged", "diverged", "finished", "failed", "stopped", "finished"]
    found = scores(rows, CURVE)
    assert found.metric == ACCURACY
    assert found.of("b").tolist() == [0.1, 0.2]
    assert found.of("c").tolist() == [0.5]
    assert found.of("d").tolist() == [0.7]
    assert found.of("nobody").empty
    assert found.remarks == (
        "b diverged with 2 of 2 seeds and counts there with the test accuracy it had then: 10.0 % to 20.0 %.",
        "Runs of c failed; they do not count.",
        "Runs of d were stopped; they do not count.",
    )


def test_networks_without_an_accuracy_are_compared_by_their_loss():
    rows = summary({"a": [math.nan] * 2, "b": [math.nan] * 2})
    rows.loc[3, "outcome"] = "diverged"
    steps = pd.concat([looks({"a": [0.5, 0.6], "b": [0.1]}), pd.DataFrame(
        {"variant": "b", "seed": 1, "step": [2, 0, 1, 1], "split": ["test"] * 3 + ["train"],
         "loss": [math.inf, 9.0, 4.0, 7.0]}
    )])  # fmt: skip
    assert metric_of(rows) == LOSS
    found = scores(rows, steps)
    assert found.of("b").tolist() == [0.1, 4.0]
    assert "b diverged with 1 of 2 seeds and counts there with its last finite test error: 4." in found.remarks
    lost = scores(rows, looks({"a": [0.5, 0.6], "b": [0.1]}))
    assert lost.of("b").tolist() == [0.1]
    assert lost.remarks == ("b diverged with 1 of 2 seeds before it reached a number, and does not count there.",)


# --- effects


NOISE = {("x",): [0.50, 0.52, 0.54], ("y",): [0.60, 0.61, 0.66], ("z",): [0.40, 0.55, 0.50]}


def test_a_simple_effect_is_the_paired_t_test():
    made, table = crossed(NOISE, ("x", "y", "z"))
    found = simple_effects(made, table).set_index("level")
    for level in "yz":
        oracle = stats.ttest_rel(NOISE[level,], NOISE["x",])
        low, high = oracle.confidence_interval(0.95)
        row = found.loc[level]
        assert (row["low"], row["high"], row["p"]) == pytest.approx((low, high, oracle.pvalue))
        assert row["where"] == EVERYWHERE
        assert row["seeds"] == 3
    assert found["adjusted"].tolist() == pytest.approx(holm(found["p"].tolist()))


def test_effects_are_compared_where_they_were_measured():
    values = {
        ("shallow", "none"): [0.90, 0.91, 0.92], ("shallow", "norm"): [0.90, 0.92, 0.91],
        ("deep", "none"): [0.10, 0.12, 0.11], ("deep", "norm"): [0.89, 0.90, 0.91],
    }  # fmt: skip
    made, table = crossed(values, ("shallow", "deep"), ("none", "norm"))
    simple = simple_effects(made, table).set_index(["level", "where"])
    assert simple.loc[("norm", "deep"), "effect"] == pytest.approx(0.79)
    assert simple.loc[("norm", "shallow"), "effect"] == pytest.approx(0.0)
    assert simple.loc[("norm", "deep"), "verdict"] == "helps"
    assert simple.loc[("norm", "shallow"), "verdict"] == UNSURE
    assert simple.loc[("deep", "none"), "verdict"] == "harms"
    mains = main_effects(made, table)
    assert mains["level"].tolist() == ["deep", "norm"]  # the largest first: 0.405 and 0.395
    assert mains["effect"].tolist() == pytest.approx([-0.405, 0.395])
    assert mains["cells"].tolist() == [2, 2]
    [row] = interactions(made, table).to_dict("records")
    oracle = stats.ttest_1samp([0.79 - 0.0, 0.78 - 0.01, 0.80 + 0.01], 0.0)
    assert (row["level"], row["with"], row["other"]) == ("norm", "a", "deep")
    assert row["effect"] == pytest.approx(0.79)
    assert (row["low"], row["high"]) == pytest.approx(tuple(oracle.confidence_interval(0.95)))
    assert row["verdict"] == "more together"
    by = effects_by(made, table, made.factor("b"), made.factor("a"))
    assert by["where"].tolist() == ["shallow", "deep"]
    assert effects_finding(Matrix(made, table)).startswith(
        "norm helps with deep (+79.0 points), not with shallow (+0.0 points): the effect of b depends on a."
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-50, 50), min_size=2, max_size=3),
    st.lists(st.integers(-50, 50), min_size=2, max_size=3),
    st.lists(st.integers(-50, 50), min_size=2, max_size=2),
    st.lists(st.integers(-50, 50), min_size=2, max_size=4),
)
def test_what_adds_up_has_no_interactions(first, second, third, seeds):
    """Score = a + b + c + seed: every effect is the level's number less the reference's, wherever."""
    levels = [
        tuple(f"{key}{index}" for index in range(len(part)))
        for key, part in zip("abc", (first, second, third), strict=True)
    ]
    sizes = [dict(zip(names, part, strict=True)) for names, part in zip(levels, (first, second, third), strict=True)]
    values = {
        place: [0.01 * (sum(size[level] for size, level in zip(sizes, place, strict=True)) + seed) for seed in seeds]
        for place in itertools.product(*levels)
    }
    made, table = crossed(values, *levels)
    both = interactions(made, table)
    assert len(both) == sum((len(one) - 1) * (len(other) - 1) for one, other in itertools.combinations(levels, 2))
    assert both["effect"].tolist() == [0.0] * len(both)
    assert set(both["verdict"]) == {EQUAL}
    for row in [*simple_effects(made, table).to_dict("records"), *main_effects(made, table).to_dict("records")]:
        size = next(size for size in sizes if row["level"] in size)
        assert row["effect"] == pytest.approx(0.01 * (size[row["level"]] - size[row["reference"]]), abs=1e-9)


def test_cells_that_are_not_there_are_left_out():
    values = {("x", "u"): [0.1, 0.2], ("y", "u"): [0.3, 0.5], ("x", "v"): [0.4, 0.4]}
    made, table = crossed(values, ("x", "y"), ("u", "v"))
    mains = main_effects(made, table).set_index("level")
    assert mains.loc["y", ["effect", "cells"]].tolist() == [pytest.approx(0.25), 1]
    assert not len(interactions(made, table))
    assert "No interaction can be computed" in effects_finding(Matrix(made, table))


def test_a_seed_counts_when_it_is_in_every_cell():
    values = {("x", "u"): [0.1, 0.2, 0.3], ("y", "u"): [0.3, 0.5, 0.5], ("x", "v"): [0.4, 0.4], ("y", "v"): [0.5, 0.6]}
    made, table = crossed(values, ("x", "y"), ("u", "v"))
    row = main_effects(made, table).set_index("level").loc["y"]
    assert row["seeds"] == 2
    assert row["effect"] == pytest.approx(np.mean([(0.2 + 0.1) / 2, (0.3 + 0.2) / 2]))
    assert simple_effects(made, table).set_index(["level", "where"]).loc[("y", "u"), "seeds"] == 3


def test_a_cell_whose_seeds_do_not_meet_spoils_no_average():
    values = {("x", "u"): [0.1, 0.2], ("y", "u"): [0.3, 0.5], ("x", "v"): [0.4, math.nan], ("y", "v"): [math.nan, 0.6]}
    made, table = crossed(values, ("x", "y"), ("u", "v"))
    row = main_effects(made, table).set_index("level").loc["y"]
    assert (row["cells"], row["seeds"], row["effect"]) == (1, 2, pytest.approx(0.25))


def test_one_seed_proves_nothing():
    made, table = crossed({("x",): [0.1], ("y",): [0.9]}, ("x", "y"))
    [row] = simple_effects(made, table).to_dict("records")
    assert row["verdict"] == ALONE
    assert math.isnan(row["low"])
    assert row["text"] == "+80.0 points; one seed proves nothing"
    assert effects_finding(Matrix(made, table)) == (
        "One seed proves nothing: add seeds. In this one the largest difference is y instead of x, +80.0 points."
    )


def test_more_comparisons_ask_for_more():
    """p = 0.0131 for itself; among eight equal ones Holm lets none through."""
    differences = [0.02, 0.025, 0.03]
    assert stats.ttest_1samp(differences, 0.0).pvalue == pytest.approx(0.0131, abs=1e-4)
    values = {("r",): [0.5, 0.5, 0.5]} | {(f"l{i}",): [0.5 + d for d in differences] for i in range(8)}
    made, table = crossed(values, tuple(place[0] for place in values))
    assert set(simple_effects(made, table)["verdict"]) == {"likely helps"}
    made, table = crossed({key: values[key] for key in [("r",), ("l0",)]}, ("r", "l0"))
    assert set(simple_effects(made, table)["verdict"]) == {"helps"}


def test_what_holds_only_alone_is_not_said_to_help():
    """Pure noise: with 43 levels some intervals leave out 0, and the sentence says how many would by chance."""
    noise = np.random.default_rng(5).normal(0.5, 0.01, (44, 3)).round(4)
    values = {(f"l{number}",): list(row) for number, row in enumerate(noise)}
    made, table = crossed(values, tuple(place[0] for place in values))
    alone = sum(stats.ttest_rel(row, noise[0]).pvalue <= 0.05 for row in noise[1:])
    assert alone > 0
    assert effects_finding(Matrix(made, table)) == (
        "No level is distinguishable from its reference with 3 seeds. "
        f"{alone} of 43 would hold alone; about 2 would by chance."
    )
    values["sure",] = [row + 0.4 for row in noise[0] + np.array([0.0, 1e-5, 2e-5])]
    made, table = crossed(values, tuple(place[0] for place in values))
    text = effects_finding(Matrix(made, table))
    assert text.startswith("sure (+40.0 points) helps. 43 of 44 cannot be told from chance with 3 seeds. ")
    assert text.endswith(f"{alone} of 44 would hold alone; about 2 would by chance.")


def test_a_place_where_it_only_likely_helps_is_not_said_to_help():
    """Effects of +-0.05 with noise common to both places: their difference is sure, neither is among two."""
    noise = [-0.019, 0.0, 0.019]
    values = {
        ("shallow", "none"): [0.5] * 3, ("shallow", "norm"): [0.45 + e for e in noise],
        ("deep", "none"): [0.5] * 3, ("deep", "norm"): [0.55 + e for e in (-0.019, 0.001, 0.019)],
    }  # fmt: skip
    made, table = crossed(values, ("shallow", "deep"), ("none", "norm"))
    by = effects_by(made, table, made.factor("b"), made.factor("a"))
    assert by["verdict"].tolist() == ["likely harms", "likely helps"]
    assert interactions(made, table)["verdict"].tolist() == ["more together"]
    assert effects_finding(Matrix(made, table)).startswith(
        "norm does better with deep (+5.0 points) than with shallow (\N{MINUS SIGN}5.0 points): "
        "the effect of b depends on a."
    )


def test_pairs_of_variants_that_are_no_cross():
    _, table = crossed(NOISE, ("x", "y", "z"))
    found = pairs(table, ["x", "y", "z", "gone"])
    assert found[["against", "variant"]].values.tolist() == [["x", "y"], ["x", "z"], ["y", "z"]]
    oracle = stats.ttest_rel(NOISE["z",], NOISE["y",])
    assert found.iloc[2]["p"] == pytest.approx(oracle.pvalue)
    assert pairs(table, ["x", "y", "z"], against="z")["variant"].tolist() == ["x", "y"]
    assert found["text"].iloc[0].startswith(("better", "likely better", "not distinguishable"))


def test_the_whole_matrix_of_an_experiment_in_lines():
    experiment = vary(parse({"kind": "training", "seeds": [0, 1]}), {"activation": ["relu", "tanh"]})
    records = summary({"relu": [0.5, 0.6], "tanh": [0.7, 0.79]})
    lines = effects_lines(matrix(experiment, registry.current(), records, CURVE))
    assert lines[0] == "One factor: activation (2)."
    assert lines[-1].startswith("  tanh instead of relu: helps: +19.5 points (95 % interval ")
    alone = parse({"kind": "training"})
    assert effects_lines(matrix(alone, registry.current(), summary({"base": [0.5]}), CURVE)) == []


def test_a_loss_that_falls_helps():
    rows = summary({"u": [math.nan] * 3, "v": [math.nan] * 3})
    found = scores(rows, looks({"u": [0.5, 0.6, 0.55], "v": [0.1, 0.2, 0.16]}))
    made = Design((Factor(("a",), ("u", "v"), "u"),), {"u": ("u",), "v": ("v",)})
    [row] = simple_effects(made, found).to_dict("records")
    assert row["verdict"] == "helps"
    assert row["effect"] == pytest.approx(-0.3966667)
    assert "v (\N{MINUS SIGN}0.397) helps." in effects_finding(Matrix(made, found))


# --- the lesson


def test_batch_norm_helps_the_deep_network_of_the_lesson_and_hardly_the_shallow_one(bench):
    lesson = read(house.folder("lessons") / "remedies-by-architecture.toml")
    whole = design(resolve(lesson, registry.current()))
    assert whole.full
    assert [len(factor.levels) for factor in whole.factors] == [3, 5]
    names = {"mlp, no remedies", "mlp, batch_norm", "deep_cnn, no remedies", "deep_cnn, batch_norm"}
    part = lesson.model_copy(update={"variants": [each for each in lesson.variants if each.name in names]})
    parts = []
    for run in resolve(part, bench.registry):
        row, _ = bench.execute(run)
        parts.append({"variant": run.variant, "seed": run.seed, **row})
    found = matrix(part, bench.registry, pd.DataFrame(parts), CURVE)
    effect = simple_effects(found.design, found.scores, found.design.factor("batch_norm")).set_index("where")
    assert effect.loc["deep_cnn", "verdict"] == "helps"
    assert effect.loc["deep_cnn", "low"] > 0.5
    assert effect.loc["mlp", "verdict"] == UNSURE
    [row] = interactions(found.design, found.scores).to_dict("records")
    assert row["verdict"] == "more together"
