"""Data that are made up: noise with a set correlation, and spirals."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from workbench import Data, registry
from workbench.experiment import loads, resolve
from workbench.training.data import check

known = registry.current()


def make(name: str, **settings: Any) -> Data:
    data = known.make("dataset", {"use": name} | known.settings("dataset", name, settings), Path("nowhere"))
    check(data)
    return data


def pearson(x: torch.Tensor) -> float:
    """Mean correlation of all pairs of different inputs."""
    table = torch.corrcoef(x.double())
    n = len(table)
    return float((table.sum() - n) / (n * (n - 1)))


def test_uncorrelated_noise_is_what_the_generator_draws() -> None:
    data = make("gaussian", samples=7, features=5, classes=3, seed=11)
    drawn = torch.Generator().manual_seed(11)
    for x, y in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
        assert torch.equal(x, torch.randn(7, 5, generator=drawn))
        assert torch.equal(y, torch.randint(3, (7,), generator=drawn))


@pytest.mark.parametrize("wanted", [0.0, 0.25, 0.9])
def test_any_two_inputs_have_the_correlation_that_is_set(wanted: float) -> None:
    data = make("gaussian", samples=100, features=10_000, correlation=wanted)
    both = torch.cat((data.train_x, data.test_x))
    assert pearson(both) == pytest.approx(wanted, abs=0.02)  # of one shared vector of 10,000 numbers: 1/100
    assert float(both.var()) == pytest.approx(1, abs=0.05), "and stay standard normal"


def test_at_correlation_1_all_inputs_are_one_and_labels_stay_what_they_are() -> None:
    data, other = make("gaussian", correlation=1.0), make("gaussian")
    assert torch.equal(data.train_x, data.train_x[:1].expand_as(data.train_x))
    assert torch.equal(data.test_x[0], data.train_x[0])
    assert torch.equal(data.train_y, other.train_y)


@pytest.mark.parametrize("arms", [2, 3, 7])
def test_a_point_of_a_spiral_tells_its_arm_by_radius_and_angle(arms: int) -> None:
    data = make("spirals", samples=210, classes=arms, turns=2.25, noise=0.0)
    for points, targets in ((data.train_x.double(), data.train_y), (data.test_x.double(), data.test_y)):
        radius = points.norm(dim=1)
        assert radius.min() > 0
        assert radius.max() <= 1 + 1e-6
        rest = torch.atan2(points[:, 1], points[:, 0]) / (2 * math.pi) - 2.25 * radius
        far = radius > 0.05  # at the middle, single precision does not tell angles apart
        arm = (rest * arms).round().remainder(arms).long()
        assert torch.equal(arm[far], targets[far])
        assert int(far.sum()) > 150
        assert targets.bincount().tolist() == [210 // arms] * arms
    assert not torch.equal(data.train_x, data.test_x)


def test_noise_moves_both_coordinates_by_its_standard_deviation() -> None:
    moved = make("spirals", samples=20_000, noise=0.5, turns=0.0, seed=3).train_x
    # Without turns the arms are two rays: y is noise alone, and x has the variance of r (1/12) and of noise besides.
    assert float(moved[:, 1].std()) == pytest.approx(0.5, rel=0.02)
    assert float(moved[::2, 0].var()) == pytest.approx(1 / 12 + 0.25, rel=0.04)
    assert float(moved[::2, 0].mean()) == pytest.approx(0.5, abs=0.02)


def test_the_seed_decides() -> None:
    for name in ("gaussian", "spirals"):
        assert torch.equal(make(name, seed=5).train_x, make(name, seed=5).train_x)
        assert not torch.equal(make(name, seed=5).train_x, make(name, seed=6).train_x)


def test_the_samples_in_the_docs_resolve() -> None:
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    samples = re.findall(r"^```toml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    names = [run.task["dataset"]["use"] for sample in samples for run in resolve(loads(sample), known)]
    assert names == ["spirals", "image_folder", "table"]
