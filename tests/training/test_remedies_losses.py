"""What remedies make of the loss."""

from __future__ import annotations

import pandas
import pytest
import torch
from remedying import CLOCK, remedy, same, trained
from torch.nn import functional

from workbench import Block, Model, Param
from workbench.errors import WorkbenchError
from workbench.registry import Plugin

SMALLEST = 2.0**-149  # of single precision


def logits(*shape: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


# -- label_smoothing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_label_smoothing_is_its_equation(smoothing):
    z, y = logits(9, 4), torch.arange(9) % 4
    loss = remedy("label_smoothing", smoothing=smoothing).edit_loss(functional.cross_entropy)
    wanted = (1 - smoothing) * functional.one_hot(y, 4).double() + smoothing / 4
    expected = -(wanted * z.log_softmax(1)).sum(1).mean()
    assert loss(z, y).item() == pytest.approx(expected.item(), rel=1e-12)
    ours, theirs = (torch.autograd.grad(value, z)[0] for value in (loss(z, y), expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-15)


def test_the_order_of_smoothing_and_scaling_does_not_matter():
    z, y = logits(9, 4), torch.arange(9) % 4
    smooth, scale = remedy("label_smoothing"), remedy("loss_scaling", scale=8.0)
    one = scale.edit_loss(smooth.edit_loss(functional.cross_entropy))
    other = smooth.edit_loss(scale.edit_loss(functional.cross_entropy))
    assert one(z, y).item() == pytest.approx(other(z, y).item(), rel=1e-12)
    first, second = (torch.autograd.grad(loss(z, y), z)[0] for loss in (one, other))
    torch.testing.assert_close(first, second, rtol=1e-10, atol=1e-15)


def test_a_smoothed_loss_does_not_go_to_zero_and_the_test_loss_is_the_plain_one():
    task = {"epochs": 60}
    base = {"optimizer": {"use": "adam", "lr": 0.01}, "activation": "relu"}
    runs = [trained(base | {"remedies": names}, task) for names in ([], ["label_smoothing"])]
    losses = [run.summary["final_loss"] for run in runs]
    # the least there is: the entropy of the targets (0.91, 0.01 nine times)
    least = -(0.91 * torch.tensor(0.91).log() + 0.09 * torch.tensor(0.01).log()).item()
    assert losses[0] < 0.1 < least <= losses[1] < 2 * least
    untrained = [run.table("curve").query("split == 'test' and step == 0")["loss"].item() for run in runs]
    assert untrained[0] == untrained[1]


def test_a_model_that_gives_its_input_back_has_no_labels_to_smooth(bench):
    def back(shape, classes, activation, width):
        flat = int(torch.tensor(shape).prod())
        return [
            Block(torch.nn.Linear(flat, width), activation(), before=[torch.nn.Flatten()]),
            Block(torch.nn.Linear(width, flat)),
        ]

    model = Model("mirror", back, params=[Param("width", 4, low=1, high=9, help="w")], reconstructs=True)
    bench.registry.add("model", model, Plugin("mirror", "test", ""))
    try:
        task = {"dataset": "digits", "model": "mirror", "epochs": 1}
        with pytest.raises(WorkbenchError, match=r"remedy 'label_smoothing': .*not classes"):
            bench.train(task, {"remedies": ["label_smoothing"]})
        summary, _ = bench.train(task, {"remedies": ["loss_scaling"]})
        assert summary["outcome"] == "finished"
    finally:
        bench.registry._components["model"].pop("mirror")


# -- loss_scaling ----------------------------------------------------------------------------------------------------


def test_scaling_keeps_the_loss_and_multiplies_its_gradient():
    z, y = logits(9, 4), torch.arange(9) % 4
    loss = remedy("loss_scaling", scale=1024.0).edit_loss(functional.cross_entropy)
    plain = functional.cross_entropy(z, y)
    assert loss(z, y).item() == plain.item()
    ours, theirs = (torch.autograd.grad(value, z)[0] for value in (loss(z, y), plain))
    assert torch.equal(ours, 1024 * theirs), "a power of 2 rounds nothing"


def test_dividing_gives_the_gradient_back():
    w = torch.randn(5, requires_grad=True)
    plain = torch.randn(5)
    w.grad = 1024 * plain
    remedy("loss_scaling", scale=1024.0).before_step([w, torch.zeros(1, requires_grad=True)], CLOCK)
    assert torch.equal(w.grad, plain)
    w.grad = 1024 * plain
    remedy("loss_scaling", scale=1024.0, unscale=False).before_step([w], CLOCK)
    assert torch.equal(w.grad, 1024 * plain)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_where_nothing_underflows_a_training_is_the_same_to_the_last_bit(optimizer):
    plain, scaled = (trained({"optimizer": optimizer, "remedies": names}) for names in ([], ["loss_scaling"]))
    assert same(plain.weights, scaled.weights)
    one, other = (run.table("curve").query("split == 'train'").reset_index(drop=True) for run in (plain, scaled))
    assert one["loss"].tolist() == other["loss"].tolist()
    assert (65536 * one["grad_norm"]).tolist() == pytest.approx(other["grad_norm"].tolist(), rel=1e-12)


def test_the_curvature_and_the_noise_of_the_gradient_are_those_of_the_plain_loss():
    tables = [
        trained({"remedies": names}, {"probes": "full"}).table("layers").set_index(["step", "index"])
        for names in ([], ["loss_scaling"])
    ]
    for statistic in ("hessian_eigenvalue", "noise_scale"):
        plain, scaled = (table[table["statistic"] == statistic]["value"] for table in tables)
        assert plain.notna().any()
        pandas.testing.assert_series_equal(plain, scaled, check_exact=True)


def test_a_gradient_that_underflows_on_its_way_comes_through():
    """d(loss)/dw = 1e-30 * 1e-30 * 1e40 = 1e-20, but the first two factors alone are 0 in single precision."""
    grads = []
    for scaling in (None, remedy("loss_scaling", scale=2.0**80)):
        w = torch.ones(1, requires_grad=True)
        product = (w * 1e20 * 1e20 * 1e-30 * 1e-30).sum()  # the way back meets them in the other order
        loss = (lambda value, _: value) if scaling is None else scaling.edit_loss(lambda value, _: value)
        loss(product, None).backward()
        if scaling is not None:
            scaling.before_step([w], CLOCK)
        grads.append(w.grad.item())
    assert grads[0] == 0
    assert grads[1] == pytest.approx(1e-20, rel=1e-5)


def chain(depth: int):
    """Sigmoids in a row, each with slope 1/4: (sigmoid(x) - 1/2) at 0; returns the number at the head and the loss."""
    w = torch.zeros(1, requires_grad=True)
    x = w
    for _ in range(depth):
        x = torch.sigmoid(x) - 0.5
    return w, x.sum()


@pytest.mark.parametrize(("depth", "comes"), [(70, True), (74, True), (75, False), (90, False)])
def test_a_quarter_to_the_power_of_the_depth_underflows_and_scaling_shows_it(depth, comes):
    w, loss = chain(depth)
    loss.backward()
    assert (w.grad.item() > 0) == comes, "0.25 ** 74 = 2 ** -148 is the last that single precision holds"
    w, loss = chain(depth)
    remedy("loss_scaling", scale=2.0**100).edit_loss(lambda value, _: value)(loss, None).backward()
    assert w.grad.item() == 2.0 ** (100 - 2 * depth)
    assert 0.25**74 >= SMALLEST > 0.25**75


def test_an_optimizer_that_does_not_mind_the_scale_moves_what_had_no_gradient():
    moved = []
    for unscale in (True, False):
        scaling = remedy("loss_scaling", scale=2.0**120, unscale=unscale)
        w, loss = chain(90)
        optimizer = torch.optim.SGD([w], lr=1.0) if unscale else torch.optim.Adam([w], lr=0.1, eps=1e-30)
        scaling.edit_loss(lambda value, _: value)(loss, None).backward()
        scaling.before_step([w], CLOCK)
        optimizer.step()
        moved.append(w.item())
    assert moved[0] == 0, "divided again it is below all numbers of single precision"
    assert moved[1] == pytest.approx(-0.1, rel=1e-4)


def test_a_gradient_that_the_scale_makes_infinite_stays_infinite():
    w = torch.ones(1, requires_grad=True)
    scaling = remedy("loss_scaling", scale=1e38)
    scaling.edit_loss(lambda value, _: value)((100 * w).sum(), None).backward()
    scaling.before_step([w], CLOCK)
    assert w.grad.isinf().all()
