"""The Transfer page, without a browser: every view of a transfer that has run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from workbench.experiment import dump, parse
from workbench.runs.job import plan
from workbench_ui.bench import open_bench

VARIANTS = ["From scratch", "Frozen", "Fine-tuning", "First layer frozen"]
PLAIN: dict[str, Any] = {
    "kind": "transfer",
    "title": "t",
    "task": {
        "source": {"use": "digits", "classes": "0-4"},
        "source_epochs": 1,
        "dataset": {"use": "digits", "classes": "5-9"},
        "labels_per_class": 5,
        "model": {"use": "mlp", "depth": 2, "width": 16},
        "epochs": 2,
    },
    "variants": [
        {"name": "From scratch", "task": {"source": "none"}},
        {"name": "Frozen", "remedies": ["freeze"]},
        {"name": "Fine-tuning"},
        {"name": "First layer frozen", "remedies": [{"use": "freeze", "layers": 1}]},
    ],
}


def spec_on(visit: Callable[..., AppTest], tab: str) -> dict[str, Any]:
    """The picture of a tab."""
    experiment = parse(PLAIN)
    test = visit("transfer", transfer__plain=dump(experiment))
    open_bench().wait(plan(experiment))
    test.session_state["transfer.tabs"] = tab
    test.run()
    assert not test.exception
    assert not test.error
    [chart] = test.get("vega_lite_chart")
    return dict(json.loads(chart.proto.spec))


@pytest.mark.parametrize("tab", ["Accuracy", "Loss"])
def test_every_strategy_has_its_place_among_the_colours(visit: Callable[..., AppTest], tab: str) -> None:
    layers = spec_on(visit, tab)["layer"]
    scales = [layer["encoding"]["color"]["scale"] for layer in layers if "scale" in layer["encoding"].get("color", {})]
    assert scales
    assert all(scale["domain"] == VARIANTS for scale in scales)


def test_four_strategies_stand_two_by_two(visit: Callable[..., AppTest]) -> None:
    assert '"columns": 2' in json.dumps(spec_on(visit, "Gradients"))
