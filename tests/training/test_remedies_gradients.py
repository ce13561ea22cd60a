"""What remedies make of gradients before a step."""

from __future__ import annotations

import math

import pytest
import torch
from remedying import CLOCK, mlp, remedy, trained, with_gradient
from torch import Tensor, nn

from workbench import Block, Clock
from workbench.training.network import Network


def network() -> Network:
    """Convolution and Linear layers with random weights and gradients, and a parameter without one."""
    torch.manual_seed(0)
    blocks = [Block(nn.Conv2d(2, 4, 3), nn.Tanh()), *mlp(6, 5, 3)]
    made = Network(blocks).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter)
        parameter.grad = torch.randn_like(parameter)
    blocks[1].layer.bias.grad = None
    return made


def gradients(made: Network) -> list[Tensor | None]:
    return [None if p.grad is None else p.grad.clone() for p in made.parameters()]


def changed(name: str, made: Network, **given: object) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Parameter, gradient before and after, wherever there is one."""
    chosen = remedy(name, **given)
    chosen.after_init(made, torch.zeros(1))
    before = gradients(made)
    chosen.before_step(list(made.parameters()), CLOCK)
    rows = list(zip(made.parameters(), before, gradients(made), strict=True))
    assert all((old is None) == (new is None) for _, old, new in rows)
    return [row for row in rows if row[1] is not None]


# -- clip_value ------------------------------------------------------------------------------------------------------


def test_clip_value_is_torchs():
    ours, theirs = network(), network()
    changed("clip_value", ours, clip_value=0.3)
    nn.utils.clip_grad_value_(theirs.parameters(), 0.3)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert one.grad is other.grad is None or torch.equal(one.grad, other.grad)


def test_clip_value_keeps_nan_and_cuts_infinities():
    p = with_gradient([0.0] * 4, [math.nan, math.inf, -math.inf, 0.1])
    remedy("clip_value", clip_value=2.0).before_step([p], CLOCK)
    assert p.grad[0].isnan()
    assert p.grad[1:].tolist() == [2.0, -2.0, 0.1]


# -- agc -------------------------------------------------------------------------------------------------------------


def test_agc_shortens_a_unit_to_a_share_of_its_weights():
    made = Network(mlp(2, 2, 2)).double()
    weight = made.blocks[0].layer.weight
    with torch.no_grad():
        weight.copy_(torch.tensor([[3.0, 4.0], [30.0, 40.0]]))
    weight.grad = torch.tensor([[0.6, 0.8], [0.3, 0.4]], dtype=torch.float64)
    [(_, before, after)] = changed("agc", made, clipping=0.01)
    assert after[0].tolist() == pytest.approx((0.05 * before[0]).tolist(), rel=1e-12)  # |w| = 5, |g| = 1
    assert torch.equal(after[1], before[1]), "|w| = 50 lets |g| = 0.5 through"


def test_agc_is_other_peoples_agc_but_for_the_last_layer():
    agc = pytest.importorskip("pytorch_optimizer.optimizer", reason="the other code is not installed").agc
    for clipping in (0.01, 0.3):
        made = network()
        last = {id(p) for p in made.weight_layers[-1].module.parameters()}
        rows = changed("agc", made, clipping=clipping)
        for p, before, after in rows:
            expected = before if id(p) in last else agc(p.detach(), before, agc_eps=1e-3, agc_clip_val=clipping)
            torch.testing.assert_close(after, expected, rtol=1e-12, atol=0)
        assert any(not torch.equal(before, after) for _, before, after in rows)


def test_agc_measures_units_without_weights_by_eps_and_keeps_nan():
    made = Network(mlp(2, 2, 2)).double()
    bias, weight = made.blocks[0].layer.bias, made.blocks[0].layer.weight
    nn.init.zeros_(bias)
    bias.grad = torch.tensor([3.0, 4.0], dtype=torch.float64)
    weight.grad = torch.tensor([[math.nan, 1.0], [0.0, 0.0]], dtype=torch.float64)
    changed("agc", made, clipping=0.01, eps=1e-3)
    assert bias.grad.norm().item() == pytest.approx(1e-5, rel=1e-12)
    assert weight.grad[0, 0].isnan()
    assert weight.grad[1].eq(0).all()


# -- gradient_centralization -----------------------------------------------------------------------------------------


def test_centralised_gradients_sum_to_zero_in_every_row():
    for p, before, after in changed("gradient_centralization", network()):
        if p.dim() > 1:
            assert after.flatten(1).sum(1).abs().max().item() < 1e-13
            one_mean = before.flatten(1).mean(1).view(-1, *[1] * (p.dim() - 1))
            torch.testing.assert_close(before - after, one_mean.expand_as(p))
        else:
            assert torch.equal(before, after)


def test_gradient_centralization_is_other_peoples():
    theirs = pytest.importorskip("pytorch_optimizer.optimizer.gradient_centralization", reason="not installed")
    for _, before, after in changed("gradient_centralization", network()):
        theirs.centralize_gradient(before)
        torch.testing.assert_close(after, before, rtol=1e-12, atol=1e-15)


def test_the_sum_of_a_units_weights_never_moves():
    base = {"optimizer": {"use": "sgd", "lr": 0.1, "momentum": 0.9}}
    start = trained(base, {"epochs": 0}).weights
    plain, central = (trained(base | {"remedies": names}).weights for names in ([], ["gradient_centralization"]))
    for name in ("stages.0.layer.weight", "stages.3.layer.weight"):
        drift = (central[name] - start[name]).sum(1).abs().max().item()
        assert drift < 1e-4 < (plain[name] - start[name]).sum(1).abs().max().item()


def test_a_unit_with_one_input_would_get_no_gradient():
    with pytest.raises(ValueError, match="would get no gradient at all"):
        remedy("gradient_centralization").after_init(Network(mlp(1, 4, 3)), torch.zeros(1))


# -- gradient_noise --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "eta", "gamma"), [(0, 0.01, 0.55), (99, 0.01, 0.55), (7, 1.0, 0.0), (3, 0.3, 2.0)])
def test_the_noise_has_the_variance_of_its_equation(step, eta, gamma):
    torch.manual_seed(0)
    p = with_gradient([[0.0] * 500] * 200, [[3.0] * 500] * 200)
    remedy("gradient_noise", eta=eta, gamma=gamma).before_step([p], Clock(step, 100, 0, 1))
    noise = p.grad - 3.0
    assert noise.var().item() == pytest.approx(eta / (1 + step) ** gamma, rel=0.02)
    assert abs(noise.mean().item()) < 4 * math.sqrt(eta / (1 + step) ** gamma / 1e5)


def test_the_noise_comes_from_torchs_own_generator():
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        p = with_gradient([0.0] * 3, [1.0] * 3)
        remedy("gradient_noise").before_step([p], CLOCK)
        draws.append(p.grad)
    torch.manual_seed(5)
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(draws[0], 1 + 0.1 * torch.randn(3, dtype=torch.float64))


def test_no_noise_is_no_noise():
    p = with_gradient([0.0] * 3, [1.0] * 3)
    remedy("gradient_noise", eta=0.0).before_step([p], CLOCK)
    assert p.grad.eq(1).all()
