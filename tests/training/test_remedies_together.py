"""What every remedy owes to the others: clashes by name, frozen layers, pauses, surfaces, any order in the list."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from remedying import TASK, known, mlp, remedy, same, trained

from workbench.descent.simulate import execute as descend
from workbench.errors import ExperimentError
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder
from workbench.training.loop import execute
from workbench.training.network import Network

BUILT_IN = [each for each in known.all("remedy") if known.owner("remedy", each.name).place == "built-in"]
NAMES = [each.name for each in BUILT_IN]
EVERYTHING = [
    "loss_scaling", "weight_standardization", "group_norm", "residual", "rezero", "stochastic_depth", "dropout",
    "label_smoothing", "clip_value", "gradient_centralization", "gradient_noise", "agc", "clip_norm", "warmup", "larc",
    "sam", "lookahead", "ema",
]  # fmt: skip
OTHERS = ["spectral_norm", "batch_norm", "layer_scale", "lamb", "ema", "freeze"]


def test_all_that_are_promised_are_there():
    assert set(NAMES) == {
        "agc", "batch_norm", "clip_norm", "clip_value", "dropout", "ema", "freeze", "gradient_centralization",
        "gradient_noise", "group_norm", "label_smoothing", "lamb", "larc", "lars", "layer_norm", "layer_scale",
        "lookahead", "loss_scaling", "residual", "rezero", "rms_norm", "sam", "spectral_norm", "stochastic_depth",
        "warmup", "weight_standardization",
    }  # fmt: skip


@pytest.mark.parametrize("one", BUILT_IN, ids=lambda each: each.name)
def test_a_clash_is_named_on_both_sides(one):
    assert one.name not in one.clashes
    for name in one.clashes:
        assert one.name in known.get("remedy", name).clashes
        with pytest.raises(ExperimentError, match="clash"):
            resolve(parse({"kind": "training", "base": {"remedies": [one.name, name]}}), known)


@pytest.mark.parametrize("one", BUILT_IN, ids=lambda each: each.name)
def test_it_says_where_it_comes_from(one):
    assert any(char.isdigit() for char in one.reference), "a year"
    assert one.equation
    for param in one.params:
        if type(param.default) in (int, float):
            assert param.low is not None
            assert param.high is not None


# -- frozen stays frozen ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False], ids=["freeze first", "freeze last"])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "freeze"])
def test_frozen_layers_stay_frozen_whatever_else_there_is(name, first):
    task = {"model": {"use": "mlp", "depth": 3, "width": 64}}  # 64 inputs: the first block has a shortcut, too
    freeze = {"use": "freeze", "layers": 2}
    base = {
        "remedies": [freeze, name] if first else [name, freeze],
        "optimizer": {"use": "adamw", "lr": 0.01, "weight_decay": 0.1},
    }
    before, after = (trained(base, task | {"epochs": epochs}).weights for epochs in (0, 2))
    frozen = [key for key in after if key.startswith(("stages.0.", "stages.1."))]
    assert len(frozen) >= 4
    for key in frozen:
        assert torch.equal(before[key], after[key]), key
    assert any(not torch.equal(before[key], after[key]) for key in set(after) - set(frozen))


def test_freezing_holds_shortcuts_and_branches():
    blocks = mlp(6, 6, 6, 3)
    blocks[0].skip, blocks[0].shortcut = 1, torch.nn.Linear(6, 6)
    network = Network(remedy("rezero").edit_blocks(blocks))
    remedy("freeze", layers=1).after_init(network, torch.zeros(1))
    moving = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert not any(name.startswith("stages.0.") for name in moving)
    assert "stages.2.layer.weight" in moving


# -- pauses and order ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [EVERYTHING, EVERYTHING[::-1], OTHERS, OTHERS[::-1]], ids=["all", "llA", "rest", "R"])
def test_all_together_train_and_go_on_after_a_pause_bit_for_bit(names):
    assert not [name for name in names for other in names if other in known.get("remedy", name).clashes]
    base = {"remedies": names, "optimizer": {"use": "adamw", "lr": 0.01}}
    whole, parted = trained(base, {"epochs": 2}), trained(base, {"epochs": 2}, pause=7)
    assert same(whole.weights, parted.weights)
    for table in ("curve", "layers"):
        assert whole.table(table).equals(parted.table(table))
    assert whole.summary["final_accuracy"] == parted.summary["final_accuracy"]


@pytest.mark.parametrize("scaling", ["lars", "larc", "lamb"])
def test_the_order_of_what_stands_around_an_optimizer_does_not_matter(scaling):
    base = {"optimizer": {"use": "sgd", "lr": 0.5, "momentum": 0.9}}
    first, *rest = (
        trained(base | {"remedies": list(order)}).weights
        for order in permutations([scaling, "lookahead", "ema", "sam"])
    )
    assert all(same(first, other) for other in rest)
    assert not same(first, trained(base | {"remedies": ["lookahead", "ema", "sam"]}).weights)


# -- forks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_branch_that_changes_nothing_is_its_trunk(name):
    variants = [{"name": "trunk"}, {"name": "branch", "fork": {"step": 5, "variant": "trunk"}}]
    task = TASK | {"model": {"use": "mlp", "depth": 2, "width": 16}}
    runs = resolve(parse({"kind": "training", "task": task, "base": {"remedies": [name]}, "variants": variants}), known)
    ends = []
    for run in runs:
        recorder = MemoryRecorder()
        assert execute(run, known, recorder)["outcome"] == "finished"
        ends.append(recorder.weights)
    assert same(*ends)


# -- surfaces --------------------------------------------------------------------------------------------------------

ON_SURFACES = {"clip_norm", "clip_value", "ema", "gradient_noise", "lookahead", "sam", "warmup"}


@pytest.mark.parametrize("one", BUILT_IN, ids=lambda each: each.name)
def test_a_remedy_descends_a_surface_or_is_refused(one):
    assert one.needs_network() == (one.name not in ON_SURFACES)
    base = {"optimizer": {"use": "sgd", "lr": 0.01}, "remedies": [one.name]}
    experiment = parse({"kind": "descent", "task": {"steps": 30}, "base": base})
    if one.name not in ON_SURFACES:
        with pytest.raises(ExperimentError, match="a surface has none"):
            resolve(experiment, known)
        return
    [run] = resolve(experiment, known)
    ends = []
    for _ in range(2):
        recorder = MemoryRecorder()
        descend(run, known, recorder)
        ends.append(recorder.table("path"))
    assert ends[0]["value"].iloc[-1] < ends[0]["value"].iloc[0]
    assert ends[0].equals(ends[1]), "the seed decides"
