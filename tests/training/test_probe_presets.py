"""What the presets measure, and that measuring changes nothing."""

from __future__ import annotations

import math

import pytest
import torch

from workbench.training.probes import PRESETS, curvature_steps, probe_steps

TASK = {
    "dataset": {"use": "gaussian", "samples": 203, "features": 12, "classes": 3},
    "model": {"use": "mlp", "depth": 2, "width": 16},
    "epochs": 2,
    "batch_size": 20,
    "device": "cpu",
}
BASES = {
    "plain": {},
    "norm and dropout": {"remedies": ["batch_norm", {"use": "dropout", "p": 0.3}]},
    "spectral norm": {"remedies": ["spectral_norm"], "activation": "prelu"},
    "closure": {"optimizer": {"use": "lbfgs", "lr": 0.01}},
    "frozen": {"remedies": ["batch_norm", {"use": "freeze", "layers": 1}]},
}


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_a_run_with_all_probes_is_the_run_without(bench, base):
    kept = {}
    for preset in PRESETS:
        summary, recorder = bench.train(TASK | {"probes": preset}, base)
        assert summary["outcome"] == "finished"
        kept[preset] = recorder
    for preset in ("light", "full"):
        assert kept[preset].table("curve").equals(kept["off"].table("curve"))
        weights = kept[preset].weights
        assert weights.keys() == kept["off"].weights.keys()
        assert all(torch.equal(tensor, kept["off"].weights[name]) for name, tensor in weights.items())


def test_what_each_preset_records(bench):
    found = {preset: bench.train(TASK | {"probes": preset}, {})[1] for preset in PRESETS}
    assert found["off"].table("layers").query("index > 0").empty
    assert found["off"].table("histograms").empty
    light, full = found["light"].table("layers"), found["full"].table("layers")
    assert found["light"].table("histograms").empty
    dear = full["layer"] == "network"
    columns = ["step", "index", "statistic", "value"]
    assert full[~dear].reset_index(drop=True)[columns].equals(light.reset_index(drop=True)[columns])
    assert set(full[~dear]["step"]) == probe_steps(22)
    assert set(full[dear]["step"]) == curvature_steps(22)
    assert set(full[dear]["statistic"]) == {"noise_scale", "hessian_eigenvalue"}
    assert (full[dear & (full["statistic"] == "hessian_eigenvalue")]["value"] > 0).all()
    assert set(found["full"].table("histograms")["what"]) == {"gradient", "activation"}


def test_curvature_of_the_untrained_network_that_is_only_looked_at(bench):
    layers = bench.train(TASK | {"epochs": 0, "probes": "full"}, {})[1].table("layers")
    assert math.isfinite(layers.query("statistic == 'hessian_eigenvalue'")["value"].item())


def test_the_seconds_of_measuring_are_counted(bench):
    seconds = {}
    for preset in PRESETS:
        timing = bench.train(TASK | {"probes": preset}, {})[1].table("timing")
        seconds[preset] = timing["probe_seconds"].iloc[-1]
        assert (timing["probe_seconds"] <= timing["seconds"]).all()
    assert seconds["off"] == 0 < seconds["light"] < seconds["full"]
