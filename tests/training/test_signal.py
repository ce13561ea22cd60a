"""What a layer multiplies a signal by: the fit, what it is called, and the factors of real networks."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from workbench import house
from workbench.experiment import read, resolve
from workbench.records import label
from workbench.training.signal import BACKWARD, FORWARD, at_start, closed_form, factors, per_layer, said

LEAKY = {"use": "leaky_relu", "negative_slope": 0.2}
COLUMNS = ["variant", "seed", "step", "layer", "index", "statistic", "value"]


def recorded(depth: int = 6, forward: float = 0.5, backward: float = 1.5, seeds: int = 1) -> pd.DataFrame:
    """A network whose second moment goes with ``forward`` a layer, and whose signal's square with ``backward``."""
    rows = []
    for seed in range(seeds):
        for index in range(1, depth + 1):
            moment, norm = forward**index * (1 + seed), math.sqrt(backward ** (depth - index))
            numbers = {
                "activation_mean": 0.6 * math.sqrt(moment),
                "activation_std": 0.8 * math.sqrt(moment),
                "signal_grad_norm": 7 * norm,
                "theory_second_moment": forward**index,
                "theory_signal_norm": norm,
            }
            rows += [("net", seed, 0, f"linear {index}", index, *pair) for pair in numbers.items()]
            rows.append(("net", seed, 9, f"linear {index}", index, "signal_grad_norm", 1e9))
        rows.append(("net", seed, 0, "network", 0, "noise_scale", 3.0))
    return pd.DataFrame(rows, columns=COLUMNS)


def test_the_factor_is_the_slope_of_the_logarithms():
    assert per_layer([1, 2, 3], [5.0, 10.0, 20.0]) == pytest.approx(2)
    assert per_layer([2, 4], [1.0, 9.0]) == pytest.approx(3)
    wobbling = [math.exp(0.3 * i + e) for i, e in zip(range(4), (0.1, -0.1, -0.1, 0.1), strict=True)]
    assert per_layer(range(4), wobbling) == pytest.approx(math.exp(0.3))
    bent = [1.0, 0.1, 0.09, 0.08, 0.08, 0.08]  # biases hold the signal up: no single factor
    assert math.isnan(per_layer(range(6), bent))
    for broken in ([1.0, 0.0], [1.0, math.nan], [1.0, math.inf], [1.0]):
        assert math.isnan(per_layer(range(len(broken)), broken))


def test_the_start_is_step_zero_and_has_one_row_a_layer():
    table = at_start(recorded()).set_index(["direction", "index"])
    assert len(table) == 12
    assert table.loc[(FORWARD, 3), "measured"] == pytest.approx(0.5**3)
    assert table.loc[(FORWARD, 3), "theory"] == pytest.approx(0.5**3)
    assert table.loc[(BACKWARD, 1), "measured"] == pytest.approx(7 * 1.5**2.5)
    assert table.loc[(BACKWARD, 1), "theory"] == pytest.approx(7 * 1.5**2.5)  # made to agree in the last layer
    assert at_start(recorded().query("step > 0")).empty


def test_the_mean_over_seeds_has_its_range():
    row = at_start(recorded(seeds=3)).set_index(["direction", "index"]).loc[(FORWARD, 2)]
    assert row[["low", "measured", "high"]].tolist() == pytest.approx([0.25, 0.5, 0.75])


def test_what_is_not_finite_or_has_no_theory_says_so():
    rows = recorded()
    rows = rows[~rows.statistic.str.startswith("theory")]
    rows.loc[(rows["index"] == 4) & (rows.statistic == "signal_grad_norm"), "value"] = math.inf
    table = at_start(rows)
    assert table.theory.isna().all()
    assert table.set_index(["direction", "index"]).measured.isna().sum() == 1
    found = factors(table).set_index("direction")
    assert math.isnan(found.measured[BACKWARD])
    assert found.measured[FORWARD] == pytest.approx(0.5)
    assert said(factors(table), BACKWARD) == ""
    assert said(factors(table), FORWARD) == (
        "Measured factor of the second moment per layer toward the output: net 0.5."
    )


def test_factors_are_of_squares_and_go_with_the_signal():
    found = factors(at_start(recorded(backward=math.pi / (math.pi - 1)))).set_index("direction")
    assert found.measured.to_dict() == pytest.approx({FORWARD: 0.5, BACKWARD: 1.466942})
    assert found.theory.to_dict() == pytest.approx({FORWARD: 0.5, BACKWARD: 1.466942})
    assert (found.layers == 4).all()  # not the first, not the last
    assert factors(at_start(recorded(depth=4))).empty
    text = said(found.reset_index(), BACKWARD)
    assert text.endswith("toward the input: net 1.47 (theory 1.467 ≈ π/(π - 1)).")


@pytest.mark.parametrize(
    ("value", "name"), [(1.47, "π/(π - 1)"), (0.503, "1/2"), (1 / 6, "1/6"), (1.3, ""), (math.nan, ""), (0.999, "1")]
)
def test_closed_forms_are_recognised(value, name):
    assert closed_form(value) == name


@pytest.mark.parametrize(
    ("base", "direction", "exact"),
    [
        ({"activation": "relu", "initializer": "kaiming_normal", "remedies": ["batch_norm"]}, BACKWARD, 1.466942),
        ({"activation": "tanh", "initializer": "xavier_normal", "remedies": ["batch_norm"]}, BACKWARD, 1.1778),
        ({"activation": "relu", "initializer": "kaiming_normal"}, FORWARD, 1.0),
        ({"activation": "relu", "initializer": "xavier_normal"}, FORWARD, 0.5),
        ({"activation": LEAKY, "initializer": "xavier_normal", "remedies": ["batch_norm"]}, BACKWARD, 1.2436),
    ],
)
def test_the_factors_of_real_networks(bench, base, direction, exact):
    """Closed forms at initialisation: wide, a large batch, Gaussian inputs."""
    parts = []
    for seed in (0, 1):
        task = {
            "dataset": {"use": "gaussian", "samples": 512, "features": 256},
            "model": {"use": "mlp", "depth": 8, "width": 256}, "epochs": 0, "batch_size": 512,
        }  # fmt: skip
        run = bench.run(task, base, seed=seed)
        _, recorder = bench.execute(run)
        parts.append(label("layers", recorder.table("layers"), "net", seed))
    found = factors(at_start(pd.concat(parts))).set_index("direction").loc[direction]
    assert found["measured"] == pytest.approx(exact, rel=0.06)
    assert np.isnan(found["theory"]) or found["theory"] == pytest.approx(exact, rel=0.03)


def test_the_lesson_shows_what_its_text_says(bench):
    experiment = read(house.folder("lessons") / "bn-relu-explosion.toml")
    parts = []
    for run in resolve(experiment, bench.registry):
        _, recorder = bench.execute(run)
        parts.append(label("layers", recorder.table("layers"), run.variant, run.seed))
    start = at_start(pd.concat(parts))
    found = factors(start).set_index(["direction", "variant"])
    exact = {
        (FORWARD, "ReLU + He"): 1.0,
        (BACKWARD, "ReLU + He"): 1.0,
        (FORWARD, "ReLU + Xavier"): 0.5,
        (BACKWARD, "ReLU + Xavier"): 0.5,
        (FORWARD, "ReLU + batch norm"): 1.0,
        (BACKWARD, "ReLU + batch norm"): 1.466942,
        (BACKWARD, "ReLU + torch's default"): 1 / 6,
        (BACKWARD, "tanh + batch norm"): 1.1778,
    }
    for where, factor in exact.items():
        assert found.measured[where] == pytest.approx(factor, rel=0.04), where
        assert found.theory[where] == pytest.approx(factor, rel=0.02), where
    own = start[(start.variant == "ReLU + batch norm") & (start.direction == BACKWARD)].set_index("index").measured
    assert 500 < (own[2] / own[20]) ** 2 < 2000
