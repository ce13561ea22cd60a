"""The built-in optimizers, step for step: against torch, their equations, and other people's code."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from workbench import registry
from workbench.errors import WorkbenchError
from workbench.experiment import parse, resolve
from workbench.records import MemoryRecorder

known = registry.current()
STEPS = 60
Step = Callable[[Tensor], Any]


def built(name: str, parameters: Any, **given: Any) -> Any:
    return known.make("optimizer", {"use": name} | known.settings("optimizer", name, given), parameters)


def start(seed: int) -> list[Tensor]:
    """A matrix, a vector and a column, in double precision."""
    torch.manual_seed(seed)
    return [torch.randn(*shape, dtype=torch.float64).requires_grad_() for shape in ((4, 3), (5,), (6, 1))]


def look(parameters: list[Tensor], seed: int, index: int) -> None:
    """Noisy gradients of a function with curvatures 0.5 to 5, the noise large enough to keep them from zero."""
    generator = torch.Generator().manual_seed(1000 * seed + index)
    for p in parameters:
        scale = torch.linspace(0.5, 5.0, p.numel(), dtype=torch.float64).reshape(p.shape)
        noise = torch.randn(p.shape, generator=generator, dtype=torch.float64)
        p.grad = scale * (p.detach() - 2.0) + 0.3 * noise


def follow(
    make: Callable[[list[Tensor]], Any], seed: int, schedule: Callable[[int], float] = lambda index: 1.0
) -> list[list[Tensor]]:
    """Where each of the steps led."""
    parameters = start(seed)
    optimizer = make(parameters)
    rates = [group["lr"] for group in optimizer.param_groups]
    places = []
    for index in range(STEPS):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * schedule(index)
        look(parameters, seed, index)
        optimizer.step()
        places.append([p.detach().clone() for p in parameters])
    return places


def assert_together(
    ours: list[list[Tensor]], theirs: list[list[Tensor]], begun: list[Tensor], rtol: float = 1e-9
) -> None:
    """The same steps: of how far they have come, not only of where they are."""
    for one, other in zip(ours, theirs, strict=True):
        for p, q, p0 in zip(one, other, begun, strict=True):
            assert torch.isfinite(p).all()
            torch.testing.assert_close(p - p0, q - p0, rtol=rtol, atol=1e-14)
    assert not torch.equal(ours[-1][0], begun[0])


# -- torch: settings arrive where they belong ----------------------------------------------------------------------

TORCH = [
    ("sgd", {"momentum": 0.8, "nesterov": True}, lambda p: torch.optim.SGD(p, momentum=0.8, nesterov=True)),
    ("adagrad", {"lr_decay": 0.1}, lambda p: torch.optim.Adagrad(p, lr_decay=0.1)),
    ("rmsprop", {"momentum": 0.5, "centered": True}, lambda p: torch.optim.RMSprop(p, momentum=0.5, centered=True)),
    ("adadelta", {"rho": 0.8}, lambda p: torch.optim.Adadelta(p, rho=0.8)),
    ("adam", {"beta1": 0.8, "amsgrad": True}, lambda p: torch.optim.Adam(p, betas=(0.8, 0.999), amsgrad=True)),
    ("adamw", {"beta2": 0.9, "weight_decay": 0.2}, lambda p: torch.optim.AdamW(p, betas=(0.9, 0.9), weight_decay=0.2)),
    ("nadam", {}, torch.optim.NAdam),
    (
        "nadam",
        {"beta1": 0.7, "beta2": 0.9, "momentum_decay": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
        lambda p: torch.optim.NAdam(
            p, betas=(0.7, 0.9), momentum_decay=0.1, weight_decay=0.1, decoupled_weight_decay=True
        ),
    ),
    ("radam", {}, torch.optim.RAdam),
    (
        "radam",
        {"beta1": 0.8, "beta2": 0.9, "eps": 1e-4, "weight_decay": 0.1, "decoupled_weight_decay": True},
        lambda p: torch.optim.RAdam(p, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1, decoupled_weight_decay=True),
    ),
    ("adamax", {}, torch.optim.Adamax),
    (
        "adamax",
        {"beta1": 0.8, "beta2": 0.9, "eps": 1e-3, "weight_decay": 0.1},
        lambda p: torch.optim.Adamax(p, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1),
    ),
    ("asgd", {}, torch.optim.ASGD),
    (
        "asgd",
        {"lambd": 0.1, "alpha": 0.5, "t0": 10.0, "weight_decay": 0.1},
        lambda p: torch.optim.ASGD(p, lambd=0.1, alpha=0.5, t0=10.0, weight_decay=0.1),
    ),
    ("rprop", {}, torch.optim.Rprop),
    (
        "rprop",
        {"eta_minus": 0.3, "eta_plus": 1.5, "step_min": 1e-3, "step_max": 0.1},
        lambda p: torch.optim.Rprop(p, etas=(0.3, 1.5), step_sizes=(1e-3, 0.1)),
    ),
    ("adafactor", {}, torch.optim.Adafactor),
    (
        "adafactor",
        {"beta2_decay": -0.5, "eps1": 1.0, "eps2": 0.1, "d": 2.0, "weight_decay": 0.1},
        lambda p: torch.optim.Adafactor(p, beta2_decay=-0.5, eps=(1.0, 0.1), d=2.0, weight_decay=0.1),
    ),
]


@pytest.mark.parametrize(("name", "given", "theirs"), TORCH, ids=lambda value: value if isinstance(value, str) else "")
def test_it_is_torchs_own(name, given, theirs):
    ours = follow(lambda p: built(name, p, **given), 0)
    for one, other in zip(ours, follow(theirs, 0), strict=True):
        assert all(map(torch.equal, one, other))


def quartic(parameters: list[Tensor]) -> Callable[[], Tensor]:
    def closure() -> Tensor:
        loss = torch.stack([((p - 2.0) ** 4 + (p - 1.0) ** 2).sum() for p in parameters]).sum()
        for p, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            p.grad = slope
        return loss

    return closure


@pytest.mark.parametrize(
    ("given", "theirs"),
    [
        ({"lr": 0.1}, {"lr": 0.1}),
        (
            {"line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 4, "max_eval": 9},
            {"line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 4, "max_eval": 9},
        ),
        (
            {"lr": 0.1, "tolerance_grad": 1.0, "tolerance_change": 1e-3},
            {"lr": 0.1, "tolerance_grad": 1.0, "tolerance_change": 1e-3},
        ),
    ],
)
def test_lbfgs_is_torchs_own(given, theirs):
    one, other = start(1), start(1)
    ours, torchs = built("lbfgs", one, **given), torch.optim.LBFGS(other, **theirs)
    for _ in range(5):
        ours.step(quartic(one))
        torchs.step(quartic(other))
        assert all(map(torch.equal, one, other))
    assert not torch.equal(one[0], start(1)[0])


def test_lbfgs_finds_the_minimum_of_a_quadratic_in_one_step():
    at = torch.tensor([-1.5, 1.7], dtype=torch.float64).requires_grad_()

    def closure() -> Tensor:
        loss = 20 * at[0] ** 2 + 2 * at[1] ** 2
        [at.grad] = torch.autograd.grad(loss, [at])
        return loss

    built("lbfgs", [at], line_search_fn="strong_wolfe", tolerance_change=0.0).step(closure)
    assert at.abs().max() < 1e-6


# -- torch's through the equations that are shown ------------------------------------------------------------------


def nadam_by_equation(lr=0.002, b1=0.9, b2=0.999, eps=1e-8, psi=0.004) -> Step:
    m = v = 0.0
    t, product = 0, 1.0

    def step(g: Tensor) -> Tensor:
        nonlocal m, v, t, product
        t += 1
        mu, following = (b1 * (1 - 0.5 * 0.96 ** (s * psi)) for s in (t, t + 1))
        product *= mu
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        ahead = following * m / (1 - product * following) + (1 - mu) * g / (1 - product)
        return lr * ahead / ((v / (1 - b2**t)).sqrt() + eps)

    return step


def radam_by_equation(lr=0.001, b1=0.9, b2=0.999, eps=1e-8) -> Step:
    m = v = 0.0
    t, most = 0, 2 / (1 - b2) - 1

    def step(g: Tensor) -> Tensor:
        nonlocal m, v, t
        t += 1
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        rho = most - 2 * t * b2**t / (1 - b2**t)
        if rho <= 5:
            return lr * m / (1 - b1**t)
        r = math.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
        return lr * m / (1 - b1**t) * r * math.sqrt(1 - b2**t) / (v.sqrt() + eps)

    return step


def adamax_by_equation(lr=0.002, b1=0.9, b2=0.999, eps=1e-8) -> Step:
    m, t = 0.0, 0
    u: Any = torch.zeros(())

    def step(g: Tensor) -> Tensor:
        nonlocal m, u, t
        t += 1
        m, u = b1 * m + (1 - b1) * g, torch.maximum(b2 * u, g.abs() + eps)
        return lr / (1 - b1**t) * m / u

    return step


def rprop_by_equation(lr=0.01, minus=0.5, plus=1.2, least=1e-6, most=50.0) -> Step:
    before: Any = 0.0
    size: Any = None

    def step(g: Tensor) -> Tensor:
        nonlocal before, size
        size = torch.full_like(g, lr) if size is None else size
        agree = before * g
        size = torch.where(agree > 0, (plus * size).clamp(max=most), size)
        size = torch.where(agree < 0, (minus * size).clamp(min=least), size)
        before = torch.where(torch.as_tensor(agree < 0), 0.0, g)
        return size * before.sign()

    return step


EQUATIONS = {
    "nadam": nadam_by_equation,
    "radam": radam_by_equation,
    "adamax": adamax_by_equation,
    "rprop": rprop_by_equation,
}


class ByEquation:
    """Steps as an equation says, with an optimizer's face."""

    def __init__(self, parameters: list[Tensor], equation: Callable[[], Step]) -> None:
        self.steps = [(p, equation()) for p in parameters]
        self.param_groups: list[dict[str, Any]] = []

    @torch.no_grad()
    def step(self) -> None:
        for p, step in self.steps:
            p -= step(p.grad)


@pytest.mark.parametrize("name", EQUATIONS)
def test_it_is_its_equation(name):
    # torch keeps NAdam's product of momenta in single precision
    rtol = 1e-5 if name == "nadam" else 1e-9
    ours = follow(lambda p: built(name, p), 2)
    assert_together(ours, follow(lambda p: ByEquation(p, EQUATIONS[name]), 2), start(2), rtol)


def test_asgd_falls_by_its_law_and_averages_from_t0_on():
    lr, lambd, alpha, t0 = 0.01, 0.1, 0.75, 20
    at = torch.tensor([3.0], dtype=torch.float64).requires_grad_()
    optimizer = built("asgd", [at], lambd=lambd, t0=float(t0))
    x, mean, eta, mu = 3.0, 0.0, lr, 1.0
    for t in range(1, STEPS):
        at.grad = 2 * at.detach() + 1
        optimizer.step()
        x = (1 - lambd * eta) * x - eta * (2 * x + 1)
        mean += mu * (x - mean)
        eta, mu = lr / (1 + lambd * lr * t) ** alpha, 1 / max(1, t - t0)
        assert at.item() == pytest.approx(x, rel=1e-6)  # torch keeps its rates in single precision
        assert optimizer.state[at]["ax"].item() == pytest.approx(mean, rel=1e-6)


def test_adafactor_is_its_equation():
    lr, tau, least, d, decay = 0.05, -0.8, 1e-3, 1.0, 0.1
    torch.manual_seed(0)
    w = torch.randn(4, 3, dtype=torch.float64)
    at = w.clone().requires_grad_()
    optimizer = built("adafactor", [at], lr=lr, weight_decay=decay)
    rows, columns = torch.zeros(4, 1, dtype=torch.float64), torch.zeros(1, 3, dtype=torch.float64)

    def rms(x: Tensor) -> float:
        return math.sqrt(x.square().mean().item())

    for t in range(1, STEPS):
        at.grad = torch.randn(4, 3, dtype=torch.float64)
        optimizer.step()
        new = t**tau
        rows = (1 - new) * rows + new * at.grad.square().mean(dim=1, keepdim=True)
        columns = (1 - new) * columns + new * at.grad.square().mean(dim=0, keepdim=True)
        update = at.grad / (rows * columns / rows.mean()).sqrt()
        size = max(least, rms(w)) * min(lr, 1 / math.sqrt(t))
        w = (1 - lr * decay) * w - size * update / max(1, rms(update) / d)
        torch.testing.assert_close(at.detach(), w, rtol=1e-9, atol=1e-12)


# -- Muon ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"lr": 0.1, "momentum": 0.5, "nesterov": False, "ns_steps": 3, "weight_decay": 0.0, "eps": 1e-3},
        {"ns_a": 3.0, "ns_b": -4.0, "ns_c": 2.0, "adjust_lr_fn": "match_rms_adamw", "adamw_lr": 0.02},
        {"adamw_beta1": 0.5, "adamw_beta2": 0.8, "adjust_lr_fn": "spectral_unclamped"},
    ],
    ids=str,
)
def test_muon_is_torchs_muon_for_matrices_and_adamw_for_the_rest(given):
    def theirs(parameters: list[Tensor]) -> list[Any]:
        settings = {
            "lr": 0.001, "weight_decay": 0.1, "momentum": 0.95, "nesterov": True, "eps": 1e-7, "ns_steps": 5,
            "adjust_lr_fn": "original",
        }  # fmt: skip
        settings |= {key: value for key, value in given.items() if key in settings}
        coefficients = (given.get("ns_a", 3.4445), given.get("ns_b", -4.775), given.get("ns_c", 2.0315))
        betas = (given.get("adamw_beta1", 0.9), given.get("adamw_beta2", 0.95))
        rate = given.get("adamw_lr", 3e-4)
        return [
            torch.optim.Muon([parameters[0], parameters[2]], ns_coefficients=coefficients, **settings),
            torch.optim.AdamW([parameters[1]], lr=rate, betas=betas, weight_decay=0.0),
        ]

    one, other = start(0), start(0)
    ours, pair = built("muon", one, **given), theirs(other)
    for index in range(STEPS):
        look(one, 0, index)
        look(other, 0, index)
        ours.step()
        for part in pair:
            part.step()
        assert all(map(torch.equal, one, other))


def test_muon_makes_all_directions_of_a_matrix_about_equally_long():
    torch.manual_seed(0)
    at = torch.zeros(8, 5, dtype=torch.float64).requires_grad_()
    u, _, v = torch.linalg.svd(torch.randn(8, 5, dtype=torch.float64), full_matrices=False)
    at.grad = u @ torch.diag(torch.tensor([100.0, 30.0, 10.0, 3.0, 1.0], dtype=torch.float64)) @ v
    built("muon", [at], lr=0.1).step()
    lengths = torch.linalg.svdvals(at.detach()) / (0.1 * math.sqrt(8 / 5))
    assert lengths.min() > 0.4, "a hundred times shorter in the gradient"
    assert lengths.max() < 1.3


def test_muon_sends_convolutions_to_adamw_and_keeps_the_rates_of_groups_in_proportion():
    kernel, weight, bias = (torch.zeros(*shape, requires_grad=True) for shape in ((2, 2, 3, 3), (3, 2), (3,)))
    groups = [{"params": [kernel]}, {"params": [weight, bias], "lr": 0.01}]
    optimizer = built("muon", groups, lr=0.1, adamw_lr=0.002)
    found = [(group["lr"], group["weight_decay"], *map(id, group["params"])) for group in optimizer.param_groups]
    rates = [(0.01, 0.1, id(weight)), (0.002, 0.0, id(kernel)), (pytest.approx(0.0002), 0.0, id(bias))]
    assert found == rates


def test_muon_does_with_matrices_alone_and_with_none():
    for shape in ((3, 2), (3,)):
        at = torch.ones(*shape, requires_grad=True)
        at.grad = torch.ones(*shape)
        built("muon", [at]).step()
        assert not torch.equal(at.detach(), torch.ones(*shape))


# -- other people's code ---------------------------------------------------------------------------------------------

# pytorch_optimizer's schedule-free AdamW adds 1e-15 under the root; its LAMB divides by the norm plus eps
OTHERS: list[tuple[str, dict[str, Any], str, dict[str, Any], float]] = [
    ("sign_sgd", {}, "SignSGD", {"momentum": 0.0}, 1e-9),
    ("sign_sgd", {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.3}, "SignSGD",
     {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.3}, 1e-9),
    ("lion", {}, "Lion", {}, 1e-9),
    ("lion", {"lr": 0.01, "beta1": 0.7, "beta2": 0.95, "weight_decay": 0.2}, "Lion",
     {"lr": 0.01, "betas": (0.7, 0.95), "weight_decay": 0.2}, 1e-9),
    ("lars", {"lr": 0.001}, "LARS", {}, 1e-9),
    ("lars", {"lr": 0.5, "momentum": 0.5, "trust_coefficient": 0.1, "weight_decay": 0.2, "nesterov": True}, "LARS",
     {"lr": 0.5, "momentum": 0.5, "trust_coefficient": 0.1, "weight_decay": 0.2, "nesterov": True}, 1e-9),
    ("lars", {"lr": 0.1, "momentum": 0.0}, "LARS", {"lr": 0.1, "momentum": 0.0}, 1e-9),
    ("lamb", {"bias_correction": False, "eps": 1e-12}, "Lamb", {"eps": 1e-12, "adam_debias": True}, 1e-9),
    ("lamb", {"bias_correction": False}, "Lamb", {"adam_debias": True}, 1e-5),
    ("lamb", {"lr": 0.02, "beta1": 0.8, "beta2": 0.9, "weight_decay": 0.3, "bias_correction": False, "eps": 1e-12},
     "Lamb", {"lr": 0.02, "betas": (0.8, 0.9), "weight_decay": 0.3, "weight_decouple": False, "eps": 1e-12,
              "adam_debias": True}, 1e-9),
    ("schedule_free_sgd", {"lr": 0.1}, "ScheduleFreeSGD", {"lr": 0.1}, 1e-9),
    ("schedule_free_sgd",
     {"lr": 0.2, "momentum": 0.7, "weight_decay": 0.1, "r": 1.0, "weight_lr_power": 1.0, "warmup_steps": 9},
     "ScheduleFreeSGD",
     {"lr": 0.2, "momentum": 0.7, "weight_decay": 0.1, "r": 1.0, "weight_lr_power": 1.0, "warmup_steps": 9}, 1e-9),
    ("schedule_free_adamw", {}, "ScheduleFreeAdamW", {}, 1e-9),
    ("schedule_free_adamw",
     {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-4, "weight_decay": 0.1, "r": 2.0, "warmup_steps": 9},
     "ScheduleFreeAdamW",
     {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1, "r": 2.0, "warmup_steps": 9}, 1e-9),
    ("prodigy", {}, "Prodigy", {}, 1e-9),
    ("prodigy", {"growth_rate": 1.02, "d0": 1e-4}, "Prodigy", {"growth_rate": 1.02, "d0": 1e-4}, 1e-9),
    ("prodigy",
     {"lr": 0.7, "beta1": 0.8, "beta2": 0.99, "beta3": 0.9, "weight_decay": 0.05, "d0": 1e-3, "d_coef": 1.5,
      "growth_rate": 1.3, "bias_correction": True, "safeguard_warmup": True, "eps": 1e-5},
     "Prodigy",
     {"lr": 0.7, "betas": (0.8, 0.99), "beta3": 0.9, "weight_decay": 0.05, "d0": 1e-3, "d_coef": 1.5,
      "growth_rate": 1.3, "bias_correction": True, "safeguard_warmup": True, "eps": 1e-5}, 1e-9),
]  # fmt: skip


@pytest.fixture
def double():
    """pytorch_optimizer keeps Prodigy's estimate in torch's default precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("schedule", [lambda index: 1.0, lambda index: 0.97**index], ids=["constant", "falling"])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("name", "given", "theirs", "their_settings", "rtol"), OTHERS)
def test_it_steps_as_other_peoples_code_does(name, given, theirs, their_settings, rtol, seed, schedule):
    other = pytest.importorskip("pytorch_optimizer", reason="the other code to compare with is not installed")
    ours = follow(lambda p: built(name, p, **given), seed, schedule)
    twin = follow(lambda p: getattr(other, theirs)(p, **their_settings), seed, schedule)
    assert_together(ours, twin, start(seed), rtol)


# -- truths ----------------------------------------------------------------------------------------------------------


def test_the_sign_moves_every_coordinate_by_the_rate():
    for name in ("sign_sgd", "lion"):
        at = torch.tensor([3.0, -2.0, 0.0], dtype=torch.float64).requires_grad_()
        at.grad = torch.tensor([1e-9, -1e9, 0.0], dtype=torch.float64)
        built(name, [at], lr=0.25).step()
        assert at.tolist() == [2.75, -1.75, 0.0]


def test_a_thousandfold_gradient_of_one_layer_changes_nothing_under_lars():
    ends = []
    for factor in (1.0, 1000.0):
        parameters = start(0)
        optimizer = built("lars", parameters, lr=1.0, trust_coefficient=0.1)
        for index in range(STEPS):
            look(parameters, 0, index)
            parameters[0].grad *= factor
            optimizer.step()
        ends.append(parameters)
    torch.testing.assert_close(ends[0][0], ends[1][0], rtol=1e-10, atol=0)


def test_the_local_rate_of_lars():
    w = torch.tensor([[3.0, 4.0]], dtype=torch.float64).requires_grad_()
    w.grad = torch.tensor([[0.0, 2.0]], dtype=torch.float64)
    built("lars", [w], lr=2.0, momentum=0.0, trust_coefficient=0.01, weight_decay=0.1).step()
    local = 0.01 * 5 / (2 + 0.1 * 5)
    assert w.tolist()[0] == pytest.approx([3 - 2 * local * 0.3, 4 - 2 * local * 2.4], rel=1e-14)


def test_lars_takes_plain_steps_where_there_is_nothing_to_measure():
    weight, bias = torch.zeros(2, 2).requires_grad_(), torch.ones(2).requires_grad_()
    weight.grad, bias.grad = torch.ones(2, 2), torch.ones(2)
    built("lars", [weight, bias], lr=0.5, weight_decay=0.25).step()
    assert weight.eq(-0.5).all()
    assert bias.eq(0.5).all(), "no decay either"


@pytest.mark.parametrize(("scale", "length"), [(0.1, None), (100.0, 10.0)])
def test_the_step_of_lamb_is_as_long_as_the_weights(scale, length):
    parameters = start(0)
    for p in parameters:
        p.data *= scale
    before = [p.detach().clone() for p in parameters]
    optimizer = built("lamb", parameters, lr=0.01, weight_decay=0.1)
    for index in range(3):
        look(parameters, 0, index)
        before = [p.detach().clone() for p in parameters]
        optimizer.step()
        for p, place in zip(parameters, before, strict=True):
            expected = 0.01 * (length or place.norm().item())
            assert (p - place).norm().item() == pytest.approx(expected, rel=1e-12)


def test_lamb_is_its_equation():
    lr, b1, b2, eps, decay = 0.02, 0.8, 0.9, 1e-3, 0.5
    parameters = start(0)
    optimizer = built("lamb", parameters, lr=lr, beta1=b1, beta2=b2, eps=eps, weight_decay=decay)
    w = [p.detach().clone() for p in parameters]
    m, v = [torch.zeros_like(p) for p in w], [torch.zeros_like(p) for p in w]
    for t in range(1, STEPS):
        look(parameters, 0, t)
        optimizer.step()
        for i, p in enumerate(parameters):
            m[i], v[i] = b1 * m[i] + (1 - b1) * p.grad, b2 * v[i] + (1 - b2) * p.grad**2
            r = m[i] / (1 - b1**t) / ((v[i] / (1 - b2**t)).sqrt() + eps) + decay * w[i]
            w[i] = w[i] - lr * w[i].norm().clamp(max=10.0) / r.norm() * r
            torch.testing.assert_close(p.detach(), w[i], rtol=1e-9, atol=1e-12)


def test_the_first_direction_of_lamb_is_the_sign_thanks_to_its_bias_correction():
    at = torch.tensor([3.0, 4.0], dtype=torch.float64).requires_grad_()
    at.grad = torch.tensor([1e3, -1e5], dtype=torch.float64)
    built("lamb", [at], lr=0.1).step()
    assert at.tolist() == pytest.approx([3 - 0.5 / math.sqrt(2), 4 + 0.5 / math.sqrt(2)], rel=1e-8)


@pytest.mark.parametrize(("name", "beta"), [("schedule_free_sgd", "momentum"), ("schedule_free_adamw", "beta1")])
def test_schedule_free_judges_the_mean_of_the_fast_weights_and_asks_between(name, beta):
    at = torch.tensor([2.0, -1.0], dtype=torch.float64).requires_grad_()
    optimizer = built(name, [at], lr=0.05, **{beta: 0.8})
    fast = []
    for index in range(STEPS):
        at.grad = torch.tensor([5.0, 1.0], dtype=torch.float64) * at.detach() + math.sin(index)
        optimizer.step()
        z = optimizer.state[at]["z"]
        fast.append(z.clone())
        y = at.detach().clone()
        optimizer.eval()
        mean = torch.stack(fast).mean(dim=0)
        torch.testing.assert_close(at.detach(), mean, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(y, 0.2 * z + 0.8 * mean, rtol=1e-9, atol=1e-12)
        optimizer.train()
        assert torch.equal(at.detach(), y), "to the last bit"


def test_schedule_free_does_not_step_from_the_mean():
    at = torch.ones(2, requires_grad=True)
    at.grad = torch.ones(2)
    optimizer = built("schedule_free_sgd", [at])
    optimizer.eval()
    with pytest.raises(RuntimeError, match=r"call train\(\) before step\(\)"):
        optimizer.step()


def test_schedule_free_at_rate_zero_stays_where_it_is():
    at = torch.ones(2, requires_grad=True)
    at.grad = torch.ones(2)
    optimizer = built("schedule_free_adamw", [at], lr=0.0)
    optimizer.step()
    assert at.eq(1).all()


def test_prodigy_never_believes_that_it_is_farther_away_than_it_is():
    # f = |x - 7| from 0: the distance is 7, and the estimate a lower bound of it (Mishchenko and Defazio, section 3)
    at = torch.zeros(1, dtype=torch.float64).requires_grad_()
    optimizer = built("prodigy", [at])
    distances = []
    for _ in range(200):
        at.grad = (at.detach() - 7).sign()
        optimizer.step()
        distances.append(optimizer.param_groups[0]["d"])
    assert distances == sorted(distances)
    assert 0.7 < distances[-1] <= 7
    assert abs(at.item() - 7) < 1


def test_prodigy_wants_one_rate_and_stays_without_a_gradient():
    one, other = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    optimizer = built("prodigy", [{"params": [one], "lr": 1.0}, {"params": [other], "lr": 0.5}])
    one.grad = other.grad = torch.zeros(1)
    with pytest.raises(ValueError, match="give every group the same lr"):
        optimizer.step()
    optimizer.param_groups[1]["lr"] = 1.0
    optimizer.step()
    assert one.item() == other.item() == 1.0


@pytest.mark.parametrize("name", [name for name in known.names("optimizer") if not name.startswith("zoo_")])
def test_at_rate_zero_nothing_moves(name):
    parameters = start(0)
    optimizer = built(name, parameters)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    for _ in range(3):
        optimizer.step(quartic(parameters))
    if name == "rprop":  # its least step is above 0
        assert all((p - q).abs().max() < 1e-5 for p, q in zip(parameters, start(0), strict=True))
    else:
        assert all(map(torch.equal, parameters, start(0)))


@pytest.mark.parametrize("name", [name for name in known.names("optimizer") if not name.startswith("zoo_")])
def test_a_parameter_without_a_gradient_stays(name):
    frozen, *free = start(0)
    optimizer = built(name, [frozen, *free])
    for _ in range(3):
        optimizer.step(quartic(free))
    assert torch.equal(frozen, start(0)[0])
    assert not torch.equal(free[0], start(0)[1])


# -- on the bench ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("sign_sgd", "lr"), ("sign_sgd", "momentum"), ("sign_sgd", "weight_decay"), ("lion", "lr"), ("lion", "beta2"),
        ("schedule_free_sgd", "lr"), ("schedule_free_sgd", "momentum"), ("schedule_free_adamw", "lr"),
    ],
)  # fmt: skip
def test_settings_go_in_one_pass(name, parameter):
    from workbench.descent.sweep import execute

    keys = {"parameter": parameter, "low": 0.05, "high": 0.5, "count": 7}
    experiment = {"kind": "sweep", "task": {"steps": 30}, "base": {"optimizer": name}, "sweep": keys}
    [run] = resolve(parse(experiment), known)
    summary = execute(run, known, MemoryRecorder())
    assert "one by one" not in summary["message"]


@pytest.mark.parametrize("name", ["lars", "muon"])
def test_what_is_made_for_matrices_is_refused_on_a_surface(name):
    with pytest.raises(WorkbenchError, match=f"'{name}' does not work on a surface: .* a point on a surface has 1"):
        resolve(parse({"kind": "descent", "base": {"optimizer": name}}), known)
