"""LARS, LARC and LAMB around an optimizer: a rate for each layer."""

from __future__ import annotations

import pytest
import torch
from remedying import made, remedy, trained, with_gradient
from torch import Tensor

STEPS = 60


def start(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(*shape, dtype=dtype).requires_grad_() for shape in ((4, 3), (5,), (2, 3, 2, 2))]


def slope(parameters: list[Tensor], step: int) -> None:
    """Gradients that change from step to step."""
    torch.manual_seed(step)
    for p in parameters:
        p.grad = 2 * (p.detach() - 1) + 0.3 * torch.randn_like(p)


def wrapped(name: str, inner: torch.optim.Optimizer, **given: object) -> torch.optim.Optimizer:
    return remedy(name, **given).wrap_optimizer(inner)


def assert_same_way(one, ours: list[Tensor], other, theirs: list[Tensor], rtol: float) -> None:
    for step in range(STEPS):
        for optimizer, parameters in ((one, ours), (other, theirs)):
            slope(parameters, step)
            optimizer.step()
        for p, q in zip(ours, theirs, strict=True):
            assert torch.isfinite(p).all()
            torch.testing.assert_close(p, q, rtol=rtol, atol=1e-12)


# -- LARS ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("lr", [1.0, 0.2])
def test_the_local_rate_is_that_of_the_paper(decay, lr):
    p = with_gradient([[3.0, 0.0], [0.0, 4.0]], [[0.0, 2.0], [0.0, 0.0]])
    before, gradient = p.detach().clone(), p.grad.clone()
    wrapped("lars", torch.optim.SGD([p], lr=lr), trust_coefficient=0.01, weight_decay=decay).step()
    rate = 0.01 * 5 / (2 + decay * 5)  # eta |w| / (|g| + decay |w|)
    torch.testing.assert_close(p.detach(), before - lr * rate * (gradient + decay * before), rtol=1e-12, atol=0)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_lars_around_sgd_with_momentum_is_the_optimizer_lars(decay, nesterov):
    ours, theirs = start(), start()
    settings = {"lr": 0.5, "momentum": 0.9, "nesterov": nesterov}
    one = wrapped("lars", made("optimizer", "sgd", ours, **settings), trust_coefficient=0.02, weight_decay=decay)
    other = made("optimizer", "lars", theirs, **settings, trust_coefficient=0.02, weight_decay=decay)
    assert_same_way(one, ours, other, theirs, 1e-9)


def test_a_thousandfold_gradient_of_one_layer_changes_nothing():
    for name in ("lars", "lamb"):
        for one, other in thousandfold(name):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=0)
    plain = thousandfold(None)
    assert not torch.allclose(*plain[0], rtol=1e-3)


def thousandfold(name: str | None) -> list[tuple[Tensor, Tensor]]:
    """Where tensors go, and where they go when the gradients of the first one are a thousand times as large."""
    ends = []
    for factor in (1.0, 1000.0):
        parameters = start()
        inner = made("optimizer", "sgd", parameters, lr=0.1, momentum=0.9)
        optimizer = wrapped(name, inner) if name else inner
        for step in range(5):
            torch.manual_seed(step)
            for index, p in enumerate(parameters):
                p.grad = torch.randn_like(p) * (factor if index == 0 else 1.0)
            optimizer.step()
        ends.append([p.detach() for p in parameters])
    return list(zip(*ends, strict=True))


# -- LARC ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "factor"), [(100.0, 0.01 * 5 / 100 / 0.1), (0.1, 1.0), (0.5, 1.0)])
def test_larc_shortens_and_never_lengthens(size, factor):
    p = with_gradient([[3.0, 0.0], [0.0, 4.0]], [[0.0, size], [0.0, 0.0]])
    before, gradient = p.detach().clone(), p.grad.clone()
    wrapped("larc", torch.optim.SGD([p], lr=0.1), trust_coefficient=0.01).step()
    torch.testing.assert_close(p.detach(), before - 0.1 * factor * gradient, rtol=1e-12, atol=0)


def test_larc_around_sgd_is_nvidias():
    """Their step, written out: the L2 penalty inside, the rate cut off at the group's."""
    trust, lr, decay, momentum = 0.02, 0.3, 0.1, 0.9
    parameters = [p for p in start() if p.dim() > 1]
    twins = [p.detach().clone() for p in parameters]
    buffers = [torch.zeros_like(p) for p in twins]
    inner = made("optimizer", "sgd", parameters, lr=lr, momentum=momentum)
    optimizer = wrapped("larc", inner, trust_coefficient=trust, weight_decay=decay)
    clipped = 0
    for step in range(STEPS):
        slope(parameters, step)
        gradients = [p.grad.clone() for p in parameters]
        optimizer.step()
        for index, (w, g) in enumerate(zip(twins, gradients, strict=True)):
            adaptive = trust * w.norm() / (g.norm() + w.norm() * decay)
            clipped += int(adaptive / lr < 1)
            buffers[index] = momentum * buffers[index] + min(adaptive / lr, 1) * (g + decay * w)
            twins[index] = w - lr * buffers[index]
        for p, w in zip(parameters, twins, strict=True):
            torch.testing.assert_close(p.detach(), w, rtol=1e-9, atol=1e-12)
    assert clipped > 0


def test_larc_that_never_clips_is_its_optimizer():
    ours, theirs = start(), start()
    one = wrapped("larc", made("optimizer", "sgd", ours, lr=1e-3), trust_coefficient=1e3)
    assert_same_way(one, ours, made("optimizer", "sgd", theirs, lr=1e-3), theirs, 1e-12)


# -- both ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lars", "larc"])
def test_biases_and_what_is_at_zero_step_as_the_optimizer_does(name):
    bias = with_gradient([1.0, 2.0], [30.0, 40.0])
    empty = with_gradient([[0.0, 0.0]], [[30.0, 40.0]])
    still = with_gradient([[1.0, 2.0]], [[0.0, 0.0]])
    wrapped(name, torch.optim.SGD([bias, empty, still], lr=0.1)).step()
    assert bias.tolist() == pytest.approx([-2.0, -2.0])
    assert empty.tolist()[0] == pytest.approx([-3.0, -4.0])
    assert still.tolist() == [[1.0, 2.0]]


def test_a_rate_of_zero_moves_nothing():
    for name in ("lars", "larc", "lamb"):
        parameters = start()
        wrapped(name, made("optimizer", "sgd", parameters, lr=0.0)).step()
        slope(parameters, 0)
        wrapped(name, made("optimizer", "sgd", parameters, lr=0.0)).step()
        assert all(map(torch.equal, parameters, start()))


@pytest.mark.parametrize("name", ["lars", "larc", "lamb"])
def test_what_evaluates_as_it_likes_or_has_no_rate_is_refused(name):
    with pytest.raises(ValueError, match="LBFGS asks for several gradients"):
        wrapped(name, made("optimizer", "lbfgs", start()))
    with pytest.raises(ValueError, match="LBFGS asks for several gradients"):
        wrapped(name, remedy("lookahead").wrap_optimizer(made("optimizer", "lbfgs", start())))

    class Rateless(torch.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {})

    if name != "lars":
        with pytest.raises(ValueError, match="goes by the learning rate, and Rateless has none"):
            wrapped(name, Rateless(start()))


# -- LAMB ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_norm", [10.0, 1.0])
@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_lamb_around_adamw_is_the_optimizer_lamb(decay, max_norm):
    ours, theirs = start(), start()
    settings = {"lr": 0.03, "eps": 1e-6, "weight_decay": decay}
    one = wrapped("lamb", made("optimizer", "adamw", ours, **settings), max_norm=max_norm)
    assert_same_way(one, ours, made("optimizer", "lamb", theirs, **settings, max_norm=max_norm), theirs, 1e-7)


@pytest.mark.parametrize("name", ["sgd", "adam", "lion", "rmsprop"])
def test_the_step_of_lamb_is_the_rate_times_the_weights_long(name):
    parameters = start()
    optimizer = wrapped("lamb", made("optimizer", name, parameters, lr=0.07))
    for step in range(5):
        before = [p.detach().clone() for p in parameters]
        slope(parameters, step)
        optimizer.step()
        for p, q in zip(parameters, before, strict=True):
            assert (p.detach() - q).norm().item() == pytest.approx(0.07 * q.norm().item(), rel=1e-9)


def test_lamb_leaves_the_step_of_a_tensor_at_zero_alone():
    p = with_gradient([0.0, 0.0], [3.0, 4.0])
    wrapped("lamb", torch.optim.SGD([p], lr=0.1)).step()
    assert p.tolist() == pytest.approx([-0.3, -0.4])


def test_lamb_refuses_what_keeps_two_sets_of_weights():
    with pytest.raises(ValueError, match="keeps two sets of weights of its own"):
        wrapped("lamb", made("optimizer", "schedule_free_sgd", start()))


# -- on the bench ----------------------------------------------------------------------------------------------------


def test_lars_moves_every_layer_by_the_same_share_of_its_weights():
    base = {"optimizer": {"use": "sgd", "lr": 1.0}, "remedies": [{"use": "lars", "trust_coefficient": 0.01}]}
    layers = trained(base).table("layers")
    ratios = layers.query("statistic == 'update_ratio'")["value"]
    assert ratios.tolist() == pytest.approx([0.01] * len(ratios), rel=1e-4)
