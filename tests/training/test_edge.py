"""The curvature that a learning rate can bear, against the closed forms."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from workbench.training.edge import borne, edges

CURVE = pd.DataFrame(
    {
        "variant": "base",
        "seed": [0, 0, 0, 1],
        "step": [0, 1, 1, 0],
        "split": ["train", "train", "test", "train"],
        "lr": [0.1, 0.05, math.nan, 0.1],
    }
)


@pytest.mark.parametrize(
    ("settings", "product"),
    [
        ({}, 2.0),
        ({"momentum": 0.9}, 3.8),  # 2 (1 + b), Polyak
        ({"momentum": 0.9, "nesterov": True}, 3.8 / 2.8),  # 2 (1 + b) / (1 + 2 b)
    ],
)
def test_the_edge_is_a_number_over_the_rate(bench, settings, product):
    run = bench.run({}, {"optimizer": {"use": "sgd", **settings}})
    assert borne(run, 0.1, bench.registry) == pytest.approx(product / 0.1)
    assert borne(run, 1e-4, bench.registry) == pytest.approx(product / 1e-4)


def test_weight_decay_takes_its_share(bench):
    run = bench.run({}, {"optimizer": {"use": "sgd", "weight_decay": 0.5}})
    assert borne(run, 0.1, bench.registry) == pytest.approx(19.5)
    assert math.isnan(borne(run, 5.0, bench.registry))  # it diverges on a plane already: 2 / 0.5


def test_the_edge_follows_the_rate_of_every_step(bench):
    run = bench.run({}, {"optimizer": {"use": "sgd", "lr": 0.1}})
    found = edges([run], CURVE.assign(variant=run.variant), bench.registry)
    assert found[["step", "value"]].to_numpy().tolist() == [[0, pytest.approx(20)], [1, pytest.approx(40)]]


@pytest.mark.parametrize("base", [{"optimizer": "adam"}, {"optimizer": "sgd", "remedies": ["clip_norm"]},
                                  {"optimizer": "sgd", "remedies": ["lookahead"]}])  # fmt: skip
def test_there_is_none_where_no_closed_form_holds(bench, base):
    run = bench.run({}, base)
    assert edges([run], CURVE.assign(variant=run.variant), bench.registry).empty


def test_a_remedy_that_only_builds_leaves_it(bench):
    run = bench.run({}, {"optimizer": "sgd", "remedies": ["batch_norm", "warmup"]})
    assert len(edges([run], CURVE.assign(variant=run.variant), bench.registry)) == 2
