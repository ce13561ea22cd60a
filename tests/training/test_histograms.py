"""Histograms of gradients and activations against numpy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from workbench import Block
from workbench.training.network import Network
from workbench.training.probes import Probe
from workbench.training.probes.histograms import Histogram


def test_the_counts_are_those_of_numpy():
    values = torch.randn(300, 40, generator=torch.Generator().manual_seed(0)) ** 5
    edges = np.arange(-40, 40) / 2
    counts, _ = np.histogram(np.log10(np.abs(values.double().numpy())), edges)
    expected = {low: count for low, count in zip(edges[:-1], counts, strict=True) if count}
    assert dict(Histogram(values).counts()) == expected


def test_the_ends():
    tiny, largest = torch.tensor(1e-45), torch.finfo(torch.float32).max
    values = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan, float(tiny), -largest, 1.0, -1.0])
    assert dict(Histogram(values).counts()) == {-45.0: 1, 0.0: 2, 38.5: 1, -math.inf: 2, math.inf: 3}


def test_powers_of_ten_open_their_bin():
    for power in range(-20, 21):
        (low, count), *more = Histogram(torch.tensor([10.0**power], dtype=torch.float64)).counts()
        assert (low, count, more) == (power, 1, [])


def test_parts_add_up():
    one, two = torch.rand(10, 3), torch.rand(4, 3) * 1e-3
    both = Histogram(one)
    both.add(two)
    assert both.counts() == Histogram(torch.cat([one, two])).counts()
    assert Histogram().counts() == []


@pytest.mark.parametrize("preset", ["light", "full"])
def test_a_probe_counts_every_gradient_and_every_activation(preset):
    network = Network([Block(nn.Linear(6, 5), nn.ReLU()), Block(nn.Linear(5, 3))])
    probe = Probe(network, 4, preset)
    network(torch.randn(20, 6)).square().mean().backward()
    probe.gradients()
    totals: dict[tuple[str, int, str], int] = {}
    for row in probe.histograms:
        assert set(row) == {"step", "layer", "index", "what", "bin", "count"}
        key = (row["layer"], row["index"], row["what"])
        totals[key] = totals.get(key, 0) + row["count"]
    full = {
        ("linear 1", 1, "gradient"): 30,
        ("linear 1", 1, "activation"): 100,
        ("linear 2", 2, "gradient"): 15,
        ("linear 2", 2, "activation"): 60,
    }
    assert totals == (full if preset == "full" else {})
