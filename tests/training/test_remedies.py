"""Remedies, each against its equation."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from workbench import Block, Clock, registry
from workbench.errors import WorkbenchError
from workbench.training.network import Network


def made(name: str, **given: object):
    known = registry.current()
    return known.make("remedy", {"use": name} | known.settings("remedy", name, given))


def mlp(*sizes: int) -> list[Block]:
    blocks = [Block(nn.Linear(a, b), nn.Tanh()) for a, b in pairwise(sizes)]
    blocks[-1].activation = None
    return blocks


def test_clip_norm_shortens_all_gradients_together():
    a, b = torch.zeros(2, requires_grad=True), torch.zeros(1, requires_grad=True)
    a.grad, b.grad = torch.tensor([3.0, 4.0]), torch.tensor([12.0])
    made("clip_norm", max_norm=1.0).before_step([a, b], Clock(0, 1, 0, 1))
    assert a.grad[0].item() == pytest.approx(0.23076921, abs=1e-7)
    assert torch.cat([a.grad, b.grad]).norm().item() == pytest.approx(1, abs=1e-6)


def test_clip_norm_leaves_short_gradients_and_keeps_nan():
    a = torch.zeros(2, requires_grad=True)
    a.grad = torch.tensor([0.3, 0.4])
    made("clip_norm", max_norm=1.0).before_step([a], Clock(0, 1, 0, 1))
    assert a.grad.tolist() == torch.tensor([0.3, 0.4]).tolist()
    a.grad = torch.tensor([float("nan"), 1.0])
    made("clip_norm", max_norm=1.0).before_step([a], Clock(0, 1, 0, 1))
    assert a.grad.isnan().all()


def test_warmup_multiplies_the_schedule_by_a_ramp():
    factor = made("warmup", steps=4).edit_schedule(lambda clock: 0.5)
    assert [factor(Clock(step, 9, 0, 1)) for step in range(6)] == [0.125, 0.25, 0.375, 0.5, 0.5, 0.5]


def test_batch_norm_stands_between_layer_and_activation_but_not_behind_the_last():
    blocks = made("batch_norm").edit_blocks(mlp(5, 4, 4, 3))
    assert [len(block.norm) for block in blocks] == [1, 1, 0]
    network = Network(blocks)
    x = torch.randn(64, 5)
    z = blocks[0].layer(x)
    by_hand = torch.tanh((z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt())
    assert torch.allclose(network.stages[0](x), by_hand, atol=1e-5)


def test_batch_norm_knows_convolutions_and_refuses_what_it_does_not_know():
    blocks = made("batch_norm").edit_blocks([Block(nn.Conv2d(1, 6, 3), nn.ReLU())])
    assert blocks[0].norm[0].num_features == 6
    with pytest.raises(ValueError, match="use Linear or Conv"):
        made("batch_norm").edit_blocks([Block(nn.Bilinear(2, 2, 2), nn.ReLU())])


def test_residual_adds_the_input_where_the_shapes_agree():
    blocks = made("residual").edit_blocks(mlp(5, 4, 4, 4))
    network = Network(blocks)
    x = torch.randn(7, 4)
    layer = blocks[1].layer
    assert torch.equal(network.stages[1](x), torch.tanh(layer(x)) + x)
    assert torch.equal(network.stages[2](x), blocks[2].layer(x))  # the last one is left alone
    wide = torch.randn(7, 5)
    assert torch.equal(network.stages[0](wide), torch.tanh(blocks[0].layer(wide)))


def test_residual_with_a_zero_branch_passes_signal_and_gradient_unchanged():
    blocks = made("residual").edit_blocks(mlp(*[6] * 31))
    for block in blocks[:-1]:
        nn.init.zeros_(block.layer.weight)
        nn.init.zeros_(block.layer.bias)
    network = Network(blocks)
    x = torch.randn(3, 6, requires_grad=True)
    h = x
    for stage in network.stages[:-1]:
        h = stage(h)
    g = torch.randn(3, 6)
    h.backward(g)
    assert torch.equal(h, x)
    assert torch.equal(x.grad, g)


@pytest.mark.parametrize(("layers", "frozen"), [(-1, [1, 1, 0]), (1, [1, 0, 0]), (2, [1, 1, 0]), (0, [0, 0, 0])])
def test_freeze_counts_from_the_input(layers, frozen):
    network = Network(mlp(5, 4, 4, 3))
    made("freeze", layers=layers).after_init(network, torch.zeros(2, 5))
    assert [not block.layer.weight.requires_grad for block in network.blocks] == [bool(flag) for flag in frozen]


def test_freeze_refuses_to_leave_nothing():
    with pytest.raises(ValueError, match="leaves nothing to train"):
        made("freeze", layers=3).after_init(Network(mlp(5, 4, 4, 3)), torch.zeros(2, 5))


def test_frozen_means_frozen(bench):
    task = {
        "source": {"use": "digits", "classes": "0-4"},
        "dataset": {"use": "digits", "classes": "5-9"},
        "epochs": 2,
        "model": {"use": "mlp", "depth": 2, "width": 16},
    }
    run = bench.run(task, {"remedies": ["batch_norm", "freeze"]}, kind="transfer")
    _, source = bench.execute(run.source)
    summary, target = bench.execute(run)
    assert summary["outcome"] == "finished"
    kept = [name for name in source.weights if "stages.2." not in name]
    assert any("running_mean" in name for name in kept)
    for name in kept:
        assert torch.equal(source.weights[name], target.weights[name]), name
    assert not torch.equal(source.weights["stages.2.layer.weight"], target.weights["stages.2.layer.weight"])
    assert not source.weights["stages.0.norm.0.running_mean"].eq(0).all()


def test_freezing_everything_names_the_remedy(bench):
    with pytest.raises(WorkbenchError, match=r"remedy 'freeze': .* nothing to train"):
        bench.train({"epochs": 1}, {"remedies": [{"use": "freeze", "layers": 3}]})
