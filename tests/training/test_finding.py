"""The sentences, from records whose content is known."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from workbench.records import TABLES, WHO
from workbench.training.findings.finding import finding, half_width, share, times, transfer_finding


def table(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*WHO, *TABLES[name]])


def summary(**accuracies: list[float]) -> pd.DataFrame:
    return table(
        "summary",
        [
            {"variant": name, "seed": seed, "outcome": "finished", "steps": 10, "final_accuracy": value}
            for name, values in accuracies.items()
            for seed, value in enumerate(values)
        ],
    )


def start(*names: str, at: float = 0.1) -> pd.DataFrame:
    rows = [{"variant": n, "seed": 0, "step": 0, "epoch": 0.0, "split": "test", "accuracy": at} for n in names]
    return table("curve", rows)


NOTHING = table("layers", [])


def test_nothing_yet():
    assert finding(summary(), start(), NOTHING) == transfer_finding(summary(), start()) == "No run has finished yet."


def test_who_learns_and_that_one_seed_proves_nothing():
    text = finding(summary(a=[0.5], b=[0.971], c=[0.114]), start("a", "b", "c"), NOTHING)
    assert text == (
        "1 of 3 learn. b reaches a test accuracy of 97.1 %, a 50.0 %; one seed proves nothing, add seeds. "
        "a (50.0 %) and c (11.4 %) do not get half as far."
    )


def test_a_lead_beyond_the_paired_interval_is_a_lead():
    text = finding(summary(a=[0.90, 0.91, 0.92], b=[0.80, 0.81, 0.825]), start("a", "b"), NOTHING)
    assert "2 of 2 learn. a reaches a test accuracy of 91.0 % ± 1.0 (3 seeds), 9.8 points ahead of b" in text
    assert "(95 % interval ±0.7 points, 3 seeds)" in text


def test_a_lead_within_it_is_none():
    text = finding(summary(a=[0.9, 0.8], b=[0.85, 0.82]), start("a", "b"), NOTHING)
    assert "not distinguishable from b with 2 seeds" in text


def test_the_interval_is_students():
    assert half_width(pd.Series([0.0, 2.0])) == pytest.approx(12.7062047, rel=1e-6)  # t(0.975, 1) times 1
    assert half_width(pd.Series([1.0, 2.0, 3.0])) == pytest.approx(4.30265273 / 3**0.5, rel=1e-6)


def test_none_learns():
    assert finding(summary(a=[0.11]), start("a"), NOTHING) == (
        "a ends at a test accuracy of 11.0 %, where an untrained network starts."
    )
    assert finding(summary(a=[0.11], b=[0.1]), start("a", "b"), NOTHING).startswith(
        "None of 2 learns: the best, a, ends"
    )


def test_divergence_failure_and_stop_are_told():
    rows = summary(a=[0.9], b=[0.1], c=[0.1], d=[0.1])
    rows["outcome"] = ["finished", "diverged", "failed", "stopped"]
    rows.loc[1, "steps"] = 3
    text = finding(rows, start("a"), NOTHING)
    assert "b diverged at step 3." in text
    assert "c could not be run." in text
    assert "d was stopped." in text


def test_only_some_seeds_diverged():
    rows = summary(a=[0.9, 0.1, 0.1])
    rows["outcome"] = ["finished", "diverged", "diverged"]
    rows["steps"] = [10, 3, 5]
    assert "a diverged at steps 3 to 5 with 2 of its seeds." in finding(rows, start("a"), NOTHING)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1e-6, 1.0], "the gradient of a is 1 million times smaller in layer 1 (nearest the input) than in layer 2."),
        ([86.0, 1.0], "is 86 times larger in layer 1"),
        ([0.0, 1.0], "At the start the gradient of a is exactly 0 in layer 1."),
        ([1.0, 2.0], "In no variant do the first and the last layer's gradients differ tenfold at the start."),
    ],
)
def test_the_steepest_gradient(values, words):
    rows = [
        {"variant": "a", "seed": 0, "step": 0, "index": i, "statistic": "weight_grad_norm", "value": value}
        for i, value in enumerate(values, 1)
    ]
    assert words in finding(summary(a=[0.9]), start("a"), table("layers", rows))
    untrained = summary(a=[0.1]).assign(steps=0)
    text = finding(untrained, start("a"), table("layers", rows))
    assert text.startswith("Untrained networks, measured on one batch.")
    assert words in text


def test_transfer_tells_the_head_start():
    curve = pd.concat([start("a", "b"), start("a", at=0.6).assign(epoch=1.0), start("b", at=0.2).assign(epoch=1.0)])
    text = transfer_finding(summary(a=[0.9], b=[0.9]), curve)
    assert text.endswith("After one epoch a stands at 60.0 %, b at 20.0 %.")
    level = pd.concat([start("a", "b"), start("a", at=0.25).assign(epoch=1.0), start("b", at=0.2).assign(epoch=1.0)])
    assert "After one epoch" not in transfer_finding(summary(a=[0.9], b=[0.9]), level)


def test_numbers_are_written_as_people_do():
    assert share(pd.Series([0.5])) == "50.0 %"
    assert times(856.0) == "856 times larger"
    assert times(12345.0) == "12 thousand times larger"
    assert times(1 / 4.02e8) == "402 million times smaller"
    assert times(1e15) == "1.0e+15 times larger"
    assert times(1 / 3) == "3 times smaller"


def test_networks_that_give_back_their_input_are_ranked_by_their_error_on_the_test_split():
    rows = [("wide", 0, 0.010), ("wide", 1, 0.012), ("narrow", 0, 0.030), ("narrow", 1, 0.0322)]
    ended = {"outcome": "finished", "steps": 9, "final_loss": 1.0, "final_accuracy": math.nan}
    summary = pd.DataFrame([{"variant": v, "seed": s} | ended for v, s, _ in rows])
    tests = [{"variant": v, "seed": s, "split": "test", "step": 9, "epoch": 1.0, "loss": loss} for v, s, loss in rows]
    first = [row | {"step": 0, "epoch": 0.0, "loss": 5.0} for row in tests]
    curve = pd.DataFrame(tests + first).assign(accuracy=math.nan)
    layers = pd.DataFrame(columns=["variant", "seed", "step", "index", "statistic", "value"])
    half = 12.7062 * 0.0001  # t(1) at 97.5 % times the standard error: the gaps are 0.0200 and 0.0202
    said = (
        "wide gives its input back with a mean squared error of 0.011 ± 0.0014 (2 seeds), 0.0201 ahead of narrow "
        f"(95 % interval ±{half:.3g}, 2 seeds)."
    )
    assert finding(summary, curve, layers) == said

    sorts = summary.iloc[:1].assign(variant="sorts", final_accuracy=0.9)
    start = {"variant": "sorts", "seed": 0, "split": "test", "step": 0, "epoch": 0.0, "loss": 2.3, "accuracy": 0.1}
    mixed = pd.concat([curve, pd.DataFrame([start])], ignore_index=True)
    assert finding(pd.concat([summary, sorts], ignore_index=True), mixed, layers) == (
        "sorts reaches a test accuracy of 90.0 %. wide and narrow give their input back, have no accuracy and do not "
        "count."
    )
    assert "nan" not in transfer_finding(summary, curve)


def test_the_layer_that_is_named_is_the_first_that_is_trained():
    rows = [(3, 0.01), (4, 0.05), (5, 0.5)]
    gradients = [
        {"variant": "frozen", "seed": 0, "step": 0, "index": index, "statistic": "weight_grad_norm", "value": value}
        for index, value in rows
    ]
    said = finding(table("summary", [summary_row("frozen")]), table("curve", []), pd.DataFrame(gradients))
    assert "50 times smaller in layer 3 (the first that is trained) than in layer 5" in said


def summary_row(variant: str) -> dict[str, Any]:
    return {"variant": variant, "seed": 0, "outcome": "diverged", "steps": 3}
