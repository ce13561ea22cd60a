"""Built-in optimizers, schedules and surfaces against closed forms and torch itself."""

import inspect
import math
from itertools import pairwise

import pytest
import torch

from workbench import Clock

OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "asgd": torch.optim.ASGD,
    "rprop": torch.optim.Rprop,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adadelta": torch.optim.Adadelta,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "adafactor": torch.optim.Adafactor,
    "muon": torch.optim.Muon,
    "lbfgs": torch.optim.LBFGS,
}
SPLIT = {  # tuples, one Param for each number
    "betas": ("beta1", "beta2"),
    "etas": ("eta_minus", "eta_plus"),
    "step_sizes": ("step_min", "step_max"),
    "ns_coefficients": ("ns_a", "ns_b", "ns_c"),
}
# torch's None, as a setting of a fixed type
NONE = {"eps1": 0.0, "max_eval": 0, "line_search_fn": "none", "adjust_lr_fn": "original"}
# how torch computes, not what; Adam with decoupled decay is AdamW, which is there
LEFT_OUT = {"foreach", "fused", "capturable", "differentiable", "maximize"}
OWN = {"muon": {"adamw_lr", "adamw_beta1", "adamw_beta2"}}


def pull(registry, reference, gradient, steps, start=0.0):
    """How far each step under a constant gradient moves, shape (steps,)."""
    settings = registry.settings("optimizer", reference["use"], {k: v for k, v in reference.items() if k != "use"})
    at = torch.tensor([start], dtype=torch.float64, requires_grad=True)
    optimizer = registry.make("optimizer", {"use": reference["use"], **settings}, [at])
    places = [start]
    for _ in range(steps):
        at.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        places.append(at.item())
    return [before - after for before, after in pairwise(places)]


def test_spelled_and_defaulted_as_torch(registry):
    for name, made in OPTIMIZERS.items():
        component = registry.get("optimizer", name)
        signature = inspect.signature(made.__init__).parameters
        known = {key: value.default for key, value in signature.items() if key not in LEFT_OUT | {"self", "params"}}
        if name == "adam":
            known.pop("decoupled_weight_decay")
        for key, names in (SPLIT | ({"eps": ("eps1", "eps2")} if name == "adafactor" else {})).items():
            if key in known:
                known |= dict(zip(names, known.pop(key), strict=True))
        known = {key: NONE[key] if value is None else value for key, value in known.items()}
        ours = {param.name: param.default for param in component.params if param.name not in OWN.get(name, set())}
        assert ours == known, name
        assert component.equation
        assert component.reference


def test_every_optimizer_of_torch_is_there():
    theirs = {made for made in vars(torch.optim).values() if isinstance(made, type)}
    optimizers = {made for made in theirs if issubclass(made, torch.optim.Optimizer)} - {torch.optim.Optimizer}
    assert optimizers - set(OPTIMIZERS.values()) == {torch.optim.SparseAdam}, "no gradient of the bench is sparse"


@pytest.mark.parametrize("gradient", [1e-3, 3.0, 1e4])
def test_first_steps_under_a_constant_gradient(registry, gradient):
    g = gradient
    assert pull(registry, {"use": "sgd", "lr": 0.1}, g, 3) == pytest.approx([0.1 * g] * 3)
    heavy = pull(registry, {"use": "sgd", "lr": 0.1, "momentum": 0.9}, g, 5)
    assert heavy == pytest.approx([0.1 * g * (1 - 0.9**t) / (1 - 0.9) for t in range(1, 6)])
    for name in ("adam", "adamw"):
        assert pull(registry, {"use": name, "lr": 0.1, "weight_decay": 0.0}, g, 4) == pytest.approx([0.1] * 4, rel=2e-5)
    assert pull(registry, {"use": "rmsprop", "lr": 0.1}, g, 1) == pytest.approx([1.0], rel=2e-4)
    ada = pull(registry, {"use": "adagrad", "lr": 0.1}, g, 4)
    assert ada == pytest.approx([0.1 / math.sqrt(t) for t in range(1, 5)], rel=1e-6)


def test_first_step_of_adadelta(registry):
    assert pull(registry, {"use": "adadelta"}, 1e4, 1) == pytest.approx([0.0031623], rel=1e-5)


def test_decoupled_decay_shrinks_and_l2_moves_by_the_rate(registry):
    for name in ("sgd", "adamw"):
        moved = pull(registry, {"use": name, "lr": 0.01, "weight_decay": 0.1}, 0.0, 100, start=1.0)
        assert 1 - sum(moved) == pytest.approx((1 - 0.01 * 0.1) ** 100, rel=1e-12)
    moved = pull(registry, {"use": "adam", "lr": 0.01, "weight_decay": 0.1}, 0.0, 100, start=10.0)
    assert sum(moved) / 100 == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize(
    ("reference", "theirs"),
    [
        ({"use": "constant"}, lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0)),
        ({"use": "step", "every": 7, "factor": 0.3}, lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.3)),
        ({"use": "exponential", "factor": 0.9}, lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9)),
    ],
)
def test_schedules_equal_torch(registry, reference, theirs):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = theirs(optimizer)
    for time in range(40):
        ours = 0.5 * registry.make("schedule", reference, Clock(time, 40, time, 40))
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        scheduler.step()


def test_surfaces_have_the_minima_they_declare(registry):
    from workbench.descent.surface import Landscape

    for name in registry.names("surface"):
        landscape = Landscape({"use": name} | registry.settings("surface", name, {}), registry)
        values = []
        for minimum in landscape.minima:
            point = torch.tensor(minimum, dtype=torch.float64)
            value, gradient = landscape.slope(point)
            assert gradient.abs().max() < 1e-9
            assert torch.linalg.eigvalsh(landscape.hessian(minimum))[0] > 0
            values.append(value.item())
        assert values == sorted(values)
        assert landscape.inside(*landscape.start)
        _, _, grid = landscape.grid(101)
        if values:
            assert grid.min() >= values[0] - 1e-9
