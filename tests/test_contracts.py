"""What every component promises, asked of all that are registered: a new one is tested by being there."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from workbench import Block, Case, Clock, Remedy, house, registry
from workbench.components import KINDS
from workbench.errors import WorkbenchError
from workbench.experiment import parse, resolve
from workbench.param import Param
from workbench.records import MemoryRecorder
from workbench.stepping import has_modes, needs_closure
from workbench.training.doctor import ask
from workbench.training.loop import execute
from workbench.training.network import Network

known = registry.current()
EVERY = [(kind, component) for kind in KINDS for component in known.all(kind)]
PATIENCE = 12  # steps: some only look on at first
PLACES = {  # where data sets lie that are not there without a network, or without one's own data
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "kmnist": "KMNIST",
    "cifar10": "cifar-10-batches-py",
    "image_folder": "images",
    "table": "table.csv",
}


def of(kind: str, wanted: Callable[[Any], bool] = lambda component: True) -> Any:
    chosen = [component for component in known.all(kind) if wanted(component)]
    return pytest.mark.parametrize("component", chosen, ids=lambda component: component.name)


def make(kind: str, component: Any, *arguments: Any, **settings: Any) -> Any:
    complete = known.settings(kind, component.name, settings)
    return known.make(kind, {"use": component.name} | complete, *arguments)


def corners(param: Param) -> list[Any]:
    """Every choice and both truth values; a number only at its default."""
    if param.choices:
        return list(param.choices)
    if isinstance(param.default, bool):
        return [True, False]
    return [param.default]


@pytest.mark.parametrize(("kind", "component"), EVERY, ids=[f"{kind}-{c.name}" for kind, c in EVERY])
def test_it_tells_people_what_it_is(kind: str, component: Any) -> None:
    assert component.title
    assert component.title == component.title.strip()
    assert component.summary or component.reference
    assert component.summary.endswith(".") or not component.summary, "a summary is a sentence"
    assert component.equation.count("{") == component.equation.count("}")
    owner = known.owner(kind, component.name)
    assert (kind, component.name) in owner.components
    if kind != "page":
        for param in component.params:
            assert param.help, f"{param.name} has no help"
        assert known.settings(kind, component.name, {}) == {param.name: param.default for param in component.params}


def advance(optimizer: torch.optim.Optimizer, parameters: list[torch.Tensor], needs_closure: bool) -> None:
    """One step on the sum of squares."""

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.stack([(p**2).sum() for p in parameters]).sum()
        loss.backward()
        return loss

    if needs_closure:
        optimizer.step(closure)
    else:
        closure()
        optimizer.step()


def layer(dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    """A weight matrix and a bias."""
    weight = torch.tensor([[0.9, -0.7], [0.3, 0.4]], dtype=dtype)
    return [weight.requires_grad_(), torch.tensor([0.5, -0.2], dtype=dtype).requires_grad_()]


@of("optimizer")
def test_an_optimizer_steps_in_double_precision(component: Any) -> None:
    for name, value in [("", None)] + [(param.name, value) for param in component.params for value in corners(param)]:
        settings = {name: value} if name else {}
        if name == "nesterov" and value and any(param.name == "momentum" for param in component.params):
            settings["momentum"] = 0.9  # torch asks for it
        parameters = layer()
        optimizer = make("optimizer", component, parameters, **settings)
        assert isinstance(optimizer, torch.optim.Optimizer)
        for _ in range(PATIENCE):
            advance(optimizer, parameters, component.needs_closure)
        for parameter, start in zip(parameters, layer(), strict=True):
            assert parameter.dtype == torch.float64
            assert torch.isfinite(parameter).all()
            assert not torch.equal(parameter, start), f"{PATIENCE} steps with {settings} moved nothing"


@of("optimizer")
def test_an_optimizer_is_deterministic(component: Any) -> None:
    ends = []
    for _ in range(2):
        torch.manual_seed(0)
        shape = (3, 2) if component.least_dim > 1 else (3,)
        weight = torch.ones(shape, dtype=torch.float64, requires_grad=True)
        optimizer = make("optimizer", component, [weight])
        for _ in range(5):
            advance(optimizer, [weight], component.needs_closure)
        ends.append(weight.detach().clone())
    assert torch.equal(*ends)


@of("optimizer")
def test_an_optimizer_says_truly_what_it_asks_for(component: Any) -> None:
    optimizer = make("optimizer", component, layer())
    assert needs_closure(optimizer) == component.needs_closure
    assert has_modes(optimizer) == component.modes
    rates = [param for param in component.params if param.name == "lr"]
    assert all(rate.search for rate in rates), "the rate is what everybody tries first"


@of("optimizer", lambda component: component.modes)
def test_the_modes_of_an_optimizer_are_two_places_and_training_goes_on_as_if_nobody_had_looked(component: Any) -> None:
    watched, alone = layer(), layer()
    optimizers = [make("optimizer", component, parameters, lr=0.01) for parameters in (watched, alone)]
    for _ in range(PATIENCE):
        for optimizer, parameters in zip(optimizers, (watched, alone), strict=True):
            advance(optimizer, parameters, component.needs_closure)
        optimizers[0].eval()
        optimizers[0].eval()  # a second time changes nothing
        judged = [parameter.detach().clone() for parameter in watched]
        optimizers[0].train()
        optimizers[0].train()
        assert all(torch.allclose(*pair, rtol=1e-12) for pair in zip(watched, alone, strict=True))
    assert not any(torch.equal(*pair) for pair in zip(watched, judged, strict=True))


@of("optimizer")
def test_an_optimizer_goes_on_from_its_state_bit_for_bit(component: Any) -> None:
    whole, parted = layer(torch.float32), layer(torch.float32)  # as networks are trained
    one = make("optimizer", component, whole)
    other = make("optimizer", component, parted)
    for index in range(8):
        if index == 4:
            state = copy.deepcopy(other.state_dict())
            other = make("optimizer", component, parted)
            other.load_state_dict(state)
        for optimizer, parameters in ((one, whole), (other, parted)):
            for group in optimizer.param_groups:
                if "lr" in group:
                    group["lr"] *= 0.9
            torch.manual_seed(index)  # some draw numbers
            advance(optimizer, parameters, component.needs_closure)
    assert all(torch.equal(*pair) for pair in zip(whole, parted, strict=True))


@of("optimizer", lambda component: "its rate follows from" not in component.summary)  # which says so itself
def test_an_optimizer_takes_the_rate_that_is_written_into_its_groups(component: Any) -> None:
    ends = []
    for factor in (1.0, 0.1):
        parameters = layer()
        optimizer = make("optimizer", component, parameters)
        rates = [factor * group["lr"] for group in optimizer.param_groups]
        for _ in range(PATIENCE):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate
            advance(optimizer, parameters, component.needs_closure)
        ends.append(parameters)
    assert not any(torch.equal(*pair) for pair in zip(*ends, strict=True))


@of("optimizer", lambda component: component.critical_rate)
def test_the_critical_rate_is_where_a_quadratic_starts_to_diverge(component: Any) -> None:
    curvature, settings = 40.0, known.settings("optimizer", component.name, {})
    limit = component.critical_rate(curvature, **{k: v for k, v in settings.items() if k != "lr"})
    ends = []
    for rate in (0.97 * limit, 1.03 * limit):
        weight = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
        optimizer = make("optimizer", component, [weight], lr=rate)
        for _ in range(600):
            optimizer.zero_grad()
            (curvature / 2 * weight**2).sum().backward()
            optimizer.step()
        ends.append(abs(weight.item()))
    assert ends[0] < 1 < ends[1]


@of("activation")
def test_an_activation_works_element_by_element_and_is_differentiable(component: Any) -> None:
    for name, value in [("", None)] + [(param.name, value) for param in component.params for value in corners(param)]:
        torch.manual_seed(0)
        module = make("activation", component, **({name: value} if name else {}))
        assert isinstance(module, nn.Module)
        module = module.double().eval()
        x = torch.randn(4, 3, 2, dtype=torch.float64, requires_grad=True)
        y = module(x)
        assert y.shape == x.shape
        assert torch.allclose(module(x.flatten()).reshape(x.shape), y)
        y.sum().backward()
        assert x.grad is not None
        step = 1e-6
        with torch.no_grad():
            slope = (module(x + step) - module(x - step)) / (2 * step)
        assert torch.allclose(x.grad, slope, atol=1e-5), "autograd and difference quotient"


@of("initializer")
@pytest.mark.parametrize("shape", [(16, 8), (8, 16), (6, 3, 3, 3), (1, 1)], ids=str)
def test_an_initializer_fills_in_place(component: Any, shape: tuple[int, ...]) -> None:
    weight = torch.full(shape, math.nan)
    torch.manual_seed(0)
    make("initializer", component, weight)
    assert weight.shape == shape
    assert torch.isfinite(weight).all(), "every entry was filled"
    again = torch.full(shape, math.nan)
    torch.manual_seed(0)
    make("initializer", component, again)
    assert torch.equal(weight, again), "torch's seed decides"
    if component.fill_bias is not None:
        bias = torch.full(shape[:1], math.nan)
        component.fill_bias(bias, weight)
        assert torch.isfinite(bias).all()


@of("initializer", lambda component: component.finish)
def test_an_initializer_that_looks_at_the_network_leaves_only_weights_behind(component: Any) -> None:
    hidden = [Block(nn.Linear(6, 6), nn.Tanh(), norm=[nn.BatchNorm1d(6)], after=[nn.Dropout()]) for _ in range(4)]
    hidden[1].residual, hidden[3].skip = True, 2
    network = Network([*hidden, Block(nn.Linear(6, 3))])
    settings, inputs = known.settings("initializer", component.name, {}), torch.randn(32, 6)
    with torch.no_grad():
        for layer in network.weight_layers:
            component.factory(layer.module.weight, **settings)
        kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        drawn, given = torch.get_rng_state(), inputs.clone()
        component.finish(network, inputs, **settings)
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, kept[name])}
    assert changed
    assert changed <= {f"stages.{number}.layer.weight" for number in range(5)}
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())
    assert torch.equal(drawn, torch.get_rng_state())
    assert torch.equal(given, inputs)
    assert network.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


@of("schedule")
@pytest.mark.parametrize("total", [1.0, 10.0, 1000.0])
def test_a_schedule_gives_factors_that_are_finite_and_not_negative(component: Any, total: float) -> None:
    steps = 50
    bumpy = tuple(2.0 + math.cos(index) for index in range(60))
    for name, value in [("", None)] + [(param.name, value) for param in component.params for value in corners(param)]:
        settings = {name: value} if name else {}
        factors: dict[bool, list[float]] = {}
        for told in (False, True):
            factors[told] = [
                make(
                    "schedule",
                    component,
                    Clock(step, steps, total * step / steps, total, bumpy[:step] if told else ()),
                    **settings,
                )
                for step in range(steps + 1)
            ]
            assert all(math.isfinite(factor) and factor >= 0 for factor in factors[told])
            assert factors[told][0] > 0, "the first step would do nothing"
        assert (factors[False] != factors[True]) == component.needs_losses, "it says truly whether it follows losses"


@of("surface")
def test_a_surface_is_differentiable_and_flat_at_its_minima(component: Any) -> None:
    torch.manual_seed(0)
    (left, right), (low, high) = component.x, component.y
    assert left < right
    assert low < high
    x = (left + (right - left) * torch.rand(5, 4, dtype=torch.float64)).requires_grad_()
    y = (low + (high - low) * torch.rand(5, 4, dtype=torch.float64)).requires_grad_()
    value = make("surface", component, x, y)
    assert value.shape == x.shape
    assert value.dtype == torch.float64
    assert torch.isfinite(value).all()
    dx, dy = torch.autograd.grad(value.sum(), (x, y))
    step = 1e-6
    with torch.no_grad():
        assert torch.allclose(
            dx, (make("surface", component, x + step, y) - make("surface", component, x - step, y)) / (2 * step),
            rtol=1e-4, atol=1e-4,
        )  # fmt: skip
        assert torch.allclose(
            dy, (make("surface", component, x, y + step) - make("surface", component, x, y - step)) / (2 * step),
            rtol=1e-4, atol=1e-4,
        )  # fmt: skip
    depths = []
    for place in component.minima_of(known.settings("surface", component.name, {})):
        point = torch.tensor(place, dtype=torch.float64, requires_grad=True)
        depth = make("surface", component, point[0], point[1])
        [slope] = torch.autograd.grad(depth, point)
        assert slope.abs().max() < 1e-6, f"not flat at {place}"
        around = torch.randn(200, 2, dtype=torch.float64) * 1e-3 + point.detach()
        assert (make("surface", component, around[:, 0], around[:, 1]) >= depth.item() - 1e-12).all(), "not a minimum"
        depths.append(depth.item())
    assert depths == pytest.approx(sorted(depths), abs=1e-12), "the lowest comes first"
    if depths:
        assert value.min() >= depths[0] - 1e-9, "a lower place was met by chance"
    start_x, start_y = component.start
    assert left <= start_x <= right
    assert low <= start_y <= high


@of("dataset")
def test_a_dataset_hands_over_inputs_and_class_numbers(component: Any) -> None:
    if component.name in PLACES and not (house.data() / PLACES[component.name]).exists():
        pytest.skip(f"{component.name} is not in {house.data()}; set WORKBENCH_DATA to a folder that has it")
    settings = {k: v for k, v in known.settings("dataset", component.name, {}).items() if k != "classes" or v != ""}
    data = known.make("dataset", {"use": component.name} | settings, house.data())
    for inputs, targets in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
        assert inputs.dtype == torch.float32
        assert targets.dtype == torch.int64
        assert inputs.shape[:1] == targets.shape
        assert len(inputs) > 0
        assert torch.isfinite(inputs).all()
        assert 0 <= int(targets.min()) <= int(targets.max()) < len(data.classes)
    if data.train_x.dim() == 4:
        assert float(data.train_x.min()) >= 0
        assert float(data.train_x.max()) <= 1, "pictures are floats in [0, 1]"


@of("model")
@pytest.mark.parametrize("shape", [(12,), (1, 8, 8)], ids=str)
def test_a_model_is_a_list_of_blocks_that_ends_in_logits(component: Any, shape: tuple[int, ...]) -> None:
    try:
        blocks, refusal = make("model", component, shape, 7, nn.ReLU), ""
    except WorkbenchError as error:
        blocks, refusal = [], str(error)
    if len(shape) == 1 and "reads pictures" in refusal:
        return  # a model may want pictures, if it says so
    assert not refusal
    assert all(isinstance(block, Block) for block in blocks)
    assert blocks[-1].activation is None, "logits are not squashed"
    said = Network(blocks)(torch.randn(5, *shape))
    assert said.shape == (5, math.prod(shape) if component.reconstructs else 7)
    modules = [id(block.activation) for block in blocks if block.activation is not None]
    assert len(modules) == len(set(modules)), "each block has an activation of its own"


@of("remedy")
def test_a_remedy_does_something_and_keeps_its_settings(component: type[Remedy]) -> None:
    remedy = make("remedy", component)
    assert isinstance(remedy, Remedy)
    for param in component.params:
        assert getattr(remedy, param.name) == param.default
    methods = [name for name in vars(Remedy) if not name.startswith("_") and callable(getattr(Remedy, name))]
    changed = [name for name in methods if getattr(component, name) is not getattr(Remedy, name)]
    assert set(changed) - {"needs_network"}, "a remedy that overrides nothing helps nobody"
    for other in component.clashes:
        assert isinstance(other, str)


def trained(activation: str = "relu", **more: Any) -> Case:
    """A short, healthy training as a rule is shown it."""
    plain = {"dataset": "digits", "epochs": 2, "device": "cpu"}
    base = {"activation": activation, "initializer": "kaiming_normal"}
    [run] = resolve(parse({"kind": "training", "task": plain, "base": base}), known)
    recorder = MemoryRecorder()
    summary = execute(run, known, recorder)
    tables = {"curve": recorder.table("curve"), "layers": recorder.table("layers")}
    case = {"variant": "base", "seed": 0, "outcome": summary["outcome"], "steps": summary["steps"], "epochs": 2}
    return Case(**case | {"live": False, "task": run.task, "base": run.base} | tables | more)


@pytest.fixture(scope="module")
def healthy() -> Case:
    return trained()


@of("rule")
def test_a_rule_finds_nothing_in_a_healthy_training_and_leaves_its_records_alone(component: Any, healthy: Case) -> None:
    before = healthy.curve.copy(), healthy.layers.copy()
    assert ask(component, healthy, known) == []
    assert healthy.curve.equals(before[0])
    assert healthy.layers.equals(before[1])


@of("rule")
@pytest.mark.parametrize("outcome", ["", "stopped", "diverged"])
def test_a_rule_bears_with_records_that_are_hardly_there(component: Any, healthy: Case, outcome: str) -> None:
    """A run that has just begun, one without probes, one that broke at its first step."""
    state = {"outcome": outcome, "live": not outcome, "steps": 0}
    start = {"curve": healthy.curve.query("step == 0"), "layers": healthy.layers.query("step == 0")}
    for tables in (start, start | {"layers": healthy.layers.iloc[:0]}, start | {"curve": healthy.curve.iloc[:1]}):
        for diagnosis in ask(component, dataclasses.replace(healthy, **state | tables), known):
            assert diagnosis.evidence.endswith(".")
    broken = start["curve"].assign(loss=math.nan, grad_norm=math.nan)
    ask(component, dataclasses.replace(healthy, **state | start | {"curve": broken}), known)
    lost = {"curve": healthy.curve.assign(loss=math.nan), "layers": healthy.layers.assign(value=math.nan)}
    ask(component, dataclasses.replace(healthy, **state | lost), known)


@of("page")
def test_a_page_is_a_script_that_compiles(component: Any) -> None:
    compile(component.factory.read_text(encoding="utf-8"), str(component.factory), "exec")
    assert component.icon.startswith(":material/")


def test_orders_of_pages_are_unique() -> None:
    orders = [page.order for page in known.all("page")]
    assert len(orders) == len(set(orders))
