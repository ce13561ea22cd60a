"""Before and after, from records whose content is known."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from workbench.charts.before_after import before_after, before_after_said, telling
from workbench.charts.style import PALETTE
from workbench.records import frame


def records(**ends: tuple[list[float], float]) -> dict[str, pd.DataFrame]:
    """For each variant the first layer's signal, seed by seed, over a last layer's of 2, and its final accuracy."""
    curve: list[dict[str, Any]] = []
    layers: list[dict[str, Any]] = []
    summary: list[dict[str, Any]] = []
    for name, (firsts, accuracy) in ends.items():
        for seed, first in enumerate(firsts):
            who = {"variant": name, "seed": seed}
            for step, loss in ((0, 2.3), (10, 0.5)):
                reached = accuracy if step else 0.1
                for split in ("train", "test"):
                    curve.append(who | {"step": step, "split": split, "loss": loss, "accuracy": reached})
                for index, value in ((1, first), (2, 1.0), (3, 2.0)):
                    at = who | {"step": step, "layer": f"linear {index}", "index": index}
                    layers.append(at | {"statistic": "signal_grad_norm", "value": value})
                    layers.append(at | {"statistic": "dead_fraction", "value": 0.25 * index if step else 0.0})
                    layers.append(at | {"statistic": "update_ratio", "value": first * index})
            summary.append(who | {"outcome": "finished", "steps": 10})
    return {
        "curve": frame("curve", curve, who=True),
        "layers": frame("layers", layers, who=True),
        "summary": frame("summary", summary, who=True),
    }


def test_the_sentence_has_the_numbers_of_the_records() -> None:
    made = records(ill=([2e-8], 0.114), well=([0.8], 0.971))
    assert before_after_said(made, "ill", "well", "signal_grad_norm", "batch norm") == (
        "Batch norm: layer 1's gradient goes from 1e-08 to 0.4 times the last layer's at the start and test accuracy "
        "from 11.4 % to 97.1 %; one seed proves nothing."
    )
    dead = before_after_said(made, "ill", "well", "dead_fraction", "leaky ReLU")
    assert "the share of dead units goes from 75.0 % to 75.0 % in the worst layer at the end" in dead
    update = before_after_said(made, "ill", "well", "update_ratio", "rate")
    assert "the largest update goes from 6e-08 to 2.4 of the size of the weights" in update


def test_seeds_are_averaged_over_those_that_both_have() -> None:
    made = records(ill=([2.0, 4.0, 60.0], 0.2), well=([6.0, 6.0], 0.9))
    text = before_after_said(made, "ill", "well", "signal_grad_norm", "x")
    assert "goes from 1.5 to 3 times" in text
    assert text.endswith("(2 seeds).")


def test_what_has_not_ended_says_so() -> None:
    made = records(ill=([1.0], 0.2), well=([1.0], 0.9))
    made["summary"] = made["summary"][made["summary"]["variant"] == "ill"]
    assert "so far" in before_after_said(made, "ill", "well", "signal_grad_norm", "x")
    assert (
        before_after_said(records(ill=([1.0], 0.2)), "ill", "well", "signal_grad_norm", "x") == "well: no records yet."
    )


def test_without_accuracy_it_is_the_loss() -> None:
    made = records(ill=([1.0], math.nan), well=([1.0], math.nan))
    made["curve"]["accuracy"] = math.nan
    assert "test loss goes from 0.5 to 0.5" in before_after_said(made, "ill", "well", "", "x")


def test_the_measurement_that_the_evidence_names_is_shown() -> None:
    layers = records(ill=([1.0], 0.2))["layers"]
    assert telling("dead_fraction", layers) == "dead_fraction"
    assert telling("", layers) == "signal_grad_norm"
    assert telling("saturated_fraction", layers) == "signal_grad_norm", "that was not measured"
    assert telling("dead_fraction", layers.iloc[:0]) == ""


@pytest.mark.parametrize("statistic", ["signal_grad_norm", "dead_fraction", "update_ratio", ""])
@pytest.mark.parametrize("room", [1000, 360])
def test_the_picture_is_valid_and_keeps_the_colours_of_the_page(statistic: str, room: int) -> None:
    made = records(other=([1.0], 0.2), ill=([0.0], 0.2), well=([1.0], 0.9))
    names = ["other", "ill", "well"]
    spec = before_after(made["curve"], made["layers"], ["ill", "well"], statistic, room, names).to_dict()
    rows = [len(row["hconcat"]) for row in spec["vconcat"]]
    assert rows == ([1] if not statistic else [2] if room > 640 else [1, 1])
    scale = spec["vconcat"][0]["hconcat"][0]["layer"][0]["encoding"]["color"]["scale"]
    assert scale == {"domain": ["ill", "well"], "range": list(PALETTE[1:3])}


def test_a_gradient_of_exactly_0_is_marked() -> None:
    made = records(ill=([0.0], 0.2), well=([1.0], 0.9))
    spec = before_after(made["curve"], made["layers"], ["ill", "well"], "signal_grad_norm").to_dict()
    marks = [layer["mark"]["type"] for layer in spec["vconcat"][0]["hconcat"][1]["layer"]]
    assert marks == ["line", "point"]
    assert "goes from 0 to 0.5 times" in before_after_said(made, "ill", "well", "signal_grad_norm", "x")


def test_a_loss_that_is_not_finite_breaks_no_picture() -> None:
    made = records(ill=([1.0], 0.2), well=([1.0], 0.9))
    made["curve"].loc[made["curve"]["variant"] == "ill", "loss"] = math.inf
    before_after(made["curve"], made["layers"], ["ill", "well"], "signal_grad_norm").to_dict()
