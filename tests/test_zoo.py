"""The optimizers of pytorch_optimizer: what is read from its source is true, and each one that is offered works."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from workbench import registry
from workbench.discovery import find
from workbench.errors import UnknownComponent
from workbench.registry import Plugin, Registry, load_one
from workbench.runs import checkpoint
from workbench.training.state import counters

zoo = pytest.importorskip("pytorch_optimizer", reason="pip install -e '.[zoo]' to test the zoo")
CLASSES = {kind.__name__: kind for kind in sys.modules["pytorch_optimizer.optimizer"].OPTIMIZER_LIST}


def loaded() -> tuple[Registry, Plugin]:
    known = Registry()
    [source] = [source for source in find() if source.name == "zoo"]
    load_one(known, source)
    return known, known.plugins[0]


known, plugin = loaded()
OFFERED = known.all("optimizer")
every = pytest.mark.parametrize("component", OFFERED, ids=lambda component: component.name)
UNUSABLE = {("zoo_rose", "wd_schedule"), ("zoo_soap", "merge_dims")}
ENGINE = {"foreach", "fused", "capturable", "differentiable", "maximize", "check_numerics"}


def class_of(component: Any) -> Any:
    return CLASSES[component.title.removesuffix(" (zoo)")]


def make(component: Any, params: Any, **settings: Any) -> torch.optim.Optimizer:
    complete = known.settings("optimizer", component.name, settings)
    return known.make("optimizer", {"use": component.name} | complete, params)


def reason(name: str) -> str:
    return plugin.left_out["optimizer", f"zoo_{name.lower()}"]


def point() -> torch.Tensor:
    return torch.tensor([-1.5, 1.7], dtype=torch.float64, requires_grad=True)


def descend(optimizer: torch.optim.Optimizer, at: torch.Tensor, steps: int) -> None:
    """Steps down 20 x^2 + 2 y^2 as a descent takes them."""
    for _ in range(steps):
        loss = 20 * at[0] ** 2 + 2 * at[1] ** 2
        [at.grad] = torch.autograd.grad(loss, at)
        optimizer.step(lambda loss=loss: loss.detach())


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))


def train(optimizer: torch.optim.Optimizer, net: nn.Module, batches: range, closure: bool) -> None:
    for number in batches:
        torch.manual_seed(100 + number)  # the bench puts the random state back, too
        x, y = torch.randn(16, 6), torch.randint(0, 3, (16,))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step(*[lambda loss=loss: loss] if closure else [])


# -- what is read from the source ------------------------------------------------------------------------------


def test_every_optimizer_is_offered_or_left_out_with_a_reason() -> None:
    assert plugin.errors == []
    assert plugin.version == importlib.metadata.version("pytorch_optimizer")
    names = {name for _, name in plugin.components} | {name for _, name in plugin.left_out}
    assert {f"zoo_{name.lower()}" for name in CLASSES} <= names
    assert not {name for _, name in plugin.components} & {name for _, name in plugin.left_out}
    assert len(OFFERED) > 90
    assert all(text and not text.endswith(".") for text in plugin.left_out.values())


def test_the_package_is_not_imported_before_it_is_needed() -> None:
    script = (
        "import sys\nfrom workbench import registry\nknown = registry.load()\n"
        "assert 'zoo_lion' in known.names('optimizer')\nassert 'pytorch_optimizer' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@every
def test_the_settings_are_those_of_the_constructor(component: Any) -> None:
    """``inspect`` looks at the imported class, the plugin at its text."""
    constructor = list(inspect.signature(class_of(component)).parameters.values())[1:]
    wanted: dict[str, Any] = {}
    for argument in constructor:
        value = argument.default
        if argument.kind is not argument.VAR_KEYWORD and argument.name not in ENGINE:
            wanted[argument.name] = value
    rest, at_default = dict(wanted), []
    if "; at its default stays " in component.summary:
        at_default = component.summary.split("; at its default stays ")[1].rstrip(".").split("; ")[0].split(", ")
    for name in at_default:
        value = rest.pop(name)
        if (component.name, name) not in UNUSABLE:
            assert not isinstance(value, bool | float) or value == float("inf"), f"{name} could be a setting"
    flat: dict[str, Any] = {}
    for name, value in rest.items():
        if isinstance(value, tuple):
            root = name.replace("betas", "beta{}").replace("nus", "nu{}")
            flat |= {root.format(number): part for number, part in enumerate(value, 1)}
        else:
            flat[name] = value
    assert {param.name: param.default for param in component.params} == flat
    for param in component.params:
        assert param.help
        assert "\n" not in param.help


@every
def test_the_defaults_give_what_the_class_itself_gives(component: Any) -> None:
    if component.least_dim:
        pytest.skip("it is given groups; see the test of the matrices")
    one, other = point(), point()
    built, direct = make(component, [one]), class_of(component)([other])
    assert isinstance(built, type(direct))
    for key, value in direct.param_groups[0].items():
        if key != "params":
            assert repr(built.param_groups[0][key]) == repr(value), key
    torch.manual_seed(0)
    descend(built, one, 5)
    torch.manual_seed(0)
    descend(direct, other, 5)
    assert torch.equal(one, other)


def test_pairs_reach_the_class_as_pairs() -> None:
    one, other = point(), point()
    built = make(known.get("optimizer", "zoo_qhadam"), [one], lr=0.1, beta1=0.8, beta2=0.95, nu1=0.7, nu2=0.9)
    direct = zoo.QHAdam([other], lr=0.1, betas=(0.8, 0.95), nus=(0.7, 0.9))
    descend(built, one, 10)
    descend(direct, other, 10)
    assert torch.equal(one, other)
    [mars] = [component for component in OFFERED if component.name == "zoo_mars"]
    group = make(mars, [point()], beta1=0.5, beta2_1d=0.25).param_groups[0]
    assert group["betas"] == (0.5, 0.99)
    assert group["betas_1d"] == (0.9, 0.25)


@every
def test_the_constructor_takes_every_bound_and_every_choice(component: Any) -> None:
    for param in component.params:
        values = [*param.choices, *(bound for bound in (param.low, param.high) if bound is not None)]
        if isinstance(param.default, bool):
            values = [True, False]
        for value in values:
            settings = {param.name: type(param.default)(value)}
            if component.name == "zoo_alice" and param.name == "rank":
                settings["leading_basis"] = 1  # a basis is no larger than its space
            make(component, [torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)], **settings)


def test_bounds_come_from_the_checks_of_the_constructor() -> None:
    def bounds(name: str, setting: str) -> tuple[float | None, float | None]:
        [found] = [param for param in known.get("optimizer", f"zoo_{name}").params if param.name == setting]
        return found.low, found.high

    assert bounds("adan", "beta3") == (0.0, 0.999999)
    assert bounds("pnm", "beta2") == (0.0, 1.0)
    assert bounds("padam", "partial") == (1e-6, 1.0)
    assert bounds("qhadam", "nu1") == (0.0, 1.0)
    assert bounds("soap", "precondition_frequency") == (1.0, None)
    assert bounds("lion", "weight_decay") == (0.0, None)
    with pytest.raises(ValueError, match="beta3"):
        zoo.Adan([point()], betas=(0.9, 0.9, 1.5))
    with pytest.raises(registry.SettingError, match=r"1\.5 is not allowed; allowed: a number from 0 to 0\.999999"):
        known.settings("optimizer", "zoo_adan", {"beta3": 1.5})
    [mode] = [param for param in known.get("optimizer", "zoo_bcos").params if param.name == "mode"]
    assert mode.choices == ("g", "m", "c")
    [kind] = [param for param in known.get("optimizer", "zoo_conda").params if param.name == "projection_type"]
    assert kind.choices == ("std", "reverse_std", "right", "left", "full", "random"), "a name from another file"
    for component in OFFERED:
        for param in component.params:
            if param.name == "lr":
                assert (param.low, param.scale) == (1e-30 if component.name == "zoo_mars" else 0.0, "log")
                assert param.search in ((1e-4, 1.0), (1e-2, 10.0))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("adabelief", "arXiv:2010.07468"),
        ("lion", "arXiv:2302.06675"),
        ("apollodqn", "arXiv:2009.13586"),  # not APOLLO, which differs in case only
        ("came", "https://aclanthology.org/2023.acl-long.243/"),
        ("qhm", "arXiv:1810.06801"),
        ("lars", "arXiv:1708.03888"),
        ("sgdsai", "arXiv:2412.11768"),
    ],
)
def test_the_reference_is_the_paper_and_whose_code_it_is(name: str, said: str) -> None:
    text = known.get("optimizer", f"zoo_{name}").reference
    assert said in text
    assert text.endswith(f"code: pytorch_optimizer {plugin.version}")
    assert text.count("arXiv") <= 1


def test_licences_that_are_not_permissive_are_named() -> None:
    named = {component.name for component in OFFERED if component.licence}
    assert named == {"zoo_fromage", "zoo_nero"}
    notes = importlib.metadata.distribution("pytorch_optimizer").read_text("METADATA") or ""
    [line] = [line for line in notes.splitlines() if "CC BY-NC" in line]
    assert "`Fromage`, `Nero`" in line
    for kind in CLASSES.values():
        if kind.__module__.startswith("pytorch_optimizer"):
            source = inspect.getsource(sys.modules[kind.__module__])
            assert ("BY-NC" not in source and "GPL" not in source) or kind.__name__ in ("Fromage", "Nero")


# -- what each one needs, by trying ----------------------------------------------------------------------------


@every
def test_it_takes_twenty_steps_on_a_quadratic_or_says_that_it_cannot(component: Any) -> None:
    at = point()
    if component.off_surface:
        [group] = make(component, [at]).param_groups
        assert group["use_muon"] is False, "on a point it would be AdamW"
        return
    descend(make(component, [at]), at, 20)
    assert at.dtype == torch.float64
    assert torch.isfinite(at).all()
    assert not torch.equal(at, point())


@every
def test_it_trains_a_network(component: Any) -> None:
    net = network()
    before = [parameter.detach().clone() for parameter in net.parameters()]
    optimizer = make(component, [{"params": list(net.parameters())}])
    assert isinstance(optimizer, torch.optim.Optimizer)
    train(optimizer, net, range(12), component.needs_closure)  # AdaShift waits for ten gradients
    for old, new in zip(before, net.parameters(), strict=True):
        assert torch.isfinite(new).all()
        assert not torch.equal(old, new)


@every
def test_a_closure_is_needed_where_the_loss_decides(component: Any) -> None:
    ends = []
    for trend in (0.0, 1.0):
        at = torch.tensor([[-1.5, 1.7]], dtype=torch.float64, requires_grad=True)
        optimizer = make(component, [at])
        torch.manual_seed(0)
        for number in range(12):
            [at.grad] = torch.autograd.grad((at**2).sum(), at)
            told = torch.tensor(1.0 + trend * number, dtype=torch.float64)  # and not what the gradient is of
            optimizer.step(lambda told=told: told)
        ends.append(at.detach().clone())
    assert component.needs_closure is not torch.equal(*ends)
    if component.needs_closure:
        with pytest.raises(TypeError, match="closure"):
            optimizer.step()


@every
def test_the_rate_of_the_group_decides_or_the_summary_says_what_does(component: Any) -> None:
    """Over 12 steps: schedules write it there."""
    ends = []
    for factor in (1.0, 0.1):
        weight = torch.tensor([[-1.5, 1.7], [0.3, 0.2]], dtype=torch.float64, requires_grad=True)
        optimizer = make(component, [weight])
        torch.manual_seed(0)
        for _ in range(12):
            loss = (weight**2).sum()
            [weight.grad] = torch.autograd.grad(loss, weight)
            for group in optimizer.param_groups:
                if group.get("lr") is not None and "first" not in group:
                    group["lr"], group["first"] = factor * group["lr"], True
            optimizer.step(lambda loss=loss: loss.detach())
        ends.append(weight.detach().clone())
    assert ("; its rate follows from " in component.summary) is torch.equal(*ends)


@pytest.mark.parametrize(("name", "setting"), sorted(UNUSABLE))
def test_settings_that_do_not_work_stay_at_their_defaults(name: str, setting: str) -> None:
    component = known.get("optimizer", name)
    weight = torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
    optimizer = class_of(component)([weight], **{setting: True})
    weight.grad = weight.detach().clone()
    with pytest.raises((RuntimeError, TypeError)):
        optimizer.step()
    assert setting not in {param.name for param in component.params}


@every
def test_modes_are_there_where_they_are_announced(component: Any) -> None:
    at = torch.tensor([[-1.5, 1.7]], dtype=torch.float64, requires_grad=True)
    optimizer: Any = make(component, [at])
    assert component.modes is (hasattr(optimizer, "train") and hasattr(optimizer, "eval"))
    if not component.modes:
        return
    for _ in range(8):
        [at.grad] = torch.autograd.grad((at**2).sum(), at)
        optimizer.step()
    trained = at.detach().clone()
    optimizer.eval()
    judged = at.detach().clone()
    assert not torch.equal(trained, judged), "the weights to judge are others"
    optimizer.train()
    assert torch.allclose(trained, at, rtol=1e-12)


@every
def test_it_goes_on_where_it_was(component: Any) -> None:
    """Six steps are three, kept as the bench keeps them, and three more: to the last bit."""
    starts_over = component.summary.endswith("so an interrupted run starts over.")
    whole, half, again = network(), network(), network()
    optimizer = make(component, list(whole.parameters()))
    train(optimizer, whole, range(6), component.needs_closure)
    first = make(component, list(half.parameters()))
    train(first, half, range(3), component.needs_closure)
    state = {"optimizer": first.state_dict(), "counters": counters(first)}
    if starts_over:
        with pytest.raises(TypeError, match="cannot be kept"):
            checkpoint.dumps(state)
        return
    kept = checkpoint.loads(checkpoint.dumps(state))
    again.load_state_dict(half.state_dict())
    second = make(component, list(again.parameters()))
    second.load_state_dict(kept["optimizer"])
    second.__dict__.update(kept["counters"])
    train(second, again, range(3, 6), component.needs_closure)
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("component", [c for c in OFFERED if c.least_dim], ids=lambda component: component.name)
def test_matrices_are_set_apart_and_the_rest_gets_adamw(component: Any) -> None:
    with pytest.raises(Exception, match=r"use_muon|only supports Tensor"):
        class_of(component)([point()])
    weight = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    bias, mine = point(), point()
    rates = [{"params": [weight, bias]}]
    settings = {param.name: param.default for param in component.params}
    group = make(component, rates).param_groups[1]
    beta1, beta2 = (settings[f"adamw_beta{number}"] for number in (1, 2))
    optimizer = make(component, rates)
    assert [group["use_muon"] for group in optimizer.param_groups] == [True, False]
    assert [group["lr"] for group in optimizer.param_groups] == [settings["lr"], settings["adamw_lr"]]
    oracle = torch.optim.AdamW([mine], settings["adamw_lr"], (beta1, beta2), group["eps"], settings["adamw_wd"])
    for _ in range(5):
        [bias.grad] = torch.autograd.grad((bias**2).sum(), bias)
        [mine.grad] = torch.autograd.grad((mine**2).sum(), mine)
        [weight.grad] = torch.autograd.grad((weight**2).sum(), weight)
        optimizer.step()
        oracle.step()
    assert torch.allclose(bias, mine, rtol=1e-9)
    layer = make(component, [{"params": [weight], "lr": 0.5}, {"params": [bias], "lr": 0.25}]).param_groups
    assert [(group["use_muon"], group["lr"]) for group in layer] == [(True, 0.5), (False, 0.25)]


# -- what is left out ------------------------------------------------------------------------------------------


def test_torchs_own_classes_are_left_to_the_built_ins() -> None:
    own = {name for name, kind in CLASSES.items() if kind.__module__.startswith("torch.")}
    assert own == {"LBFGS", "SGD", "Adam", "AdamW", "NAdam", "RMSprop"}
    for name in own:
        assert reason(name) == f"it is torch's own {name}: use {name.lower()}"


def fails(name: str) -> str:
    """What happens when a class is used as the bench would use it."""
    net = network()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer = getattr(zoo, name)(list(net.parameters()))
            train(optimizer, net, range(1), closure=True)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("AdaHessian", "does not require grad", "create_graph"),
        ("SophiaH", "does not require grad", "create_graph"),
        ("AdamMini", "named_parameters", "takes the model"),
        ("LOMO", "'parameters'", "takes the model"),
        ("AdaLOMO", "named_parameters", "takes the model"),
        ("DeMo", "einops", "einops"),
        ("SpectralSphere", "2D parameters", "only matrices"),
        ("BSAM", "num_data", "needs num_data"),
        ("Ranger21", "num_iterations", "needs num_iterations"),
    ],
)
def test_what_cannot_work_is_left_out_for_its_reason(name: str, error: str, said: str) -> None:
    assert re.search(error, fails(name))
    assert said in reason(name)


def test_one_for_several_processes_is_left_out() -> None:
    with pytest.raises(ValueError, match="process group"):
        zoo.DistributedMuon([{"params": [torch.ones(2, 2, requires_grad=True)], "use_muon": True}])
    assert "process group" in reason("DistributedMuon")


def test_one_that_cannot_work_in_double_precision_is_left_out() -> None:
    at = point()
    with pytest.raises(RuntimeError, match="dtype"):
        descend(zoo.FAdam([at]), at, 1)
    assert "double precision" in reason("FAdam")


@pytest.mark.parametrize("name", ["APOLLO", "Fira", "GaLore"])
def test_those_that_are_adamw_without_a_projection_are_left_out(name: str) -> None:
    assert "without them it is AdamW" in reason(name)
    one, other = point(), point()
    descend(getattr(zoo, name)([one], lr=0.01, eps=1e-8), one, 20)
    descend(torch.optim.AdamW([other], lr=0.01, weight_decay=0.0), other, 20)
    assert torch.allclose(one, other, rtol=1e-4)


@pytest.mark.parametrize(
    "name",
    ["FriendlySAM", "GSAM", "LookSAM", "Lookahead", "Magma", "OrthoGrad", "PCGrad", "SAM", "ScheduleFreeWrapper",
     "TRAC", "WSAM"],
)  # fmt: skip
def test_those_that_wrap_another_optimizer_are_left_out(name: str) -> None:
    assert reason(name) == "it is put around another optimizer"
    assert any("optimizer" in argument for argument in inspect.signature(getattr(zoo, name)).parameters)


def test_the_momentum_of_scionlight_lies_in_the_gradients() -> None:
    assert "keeps its momentum in the gradients" in reason("SCIONLight")
    at = point()
    optimizer = zoo.SCIONLight([at])
    [at.grad] = torch.autograd.grad((at**2).sum(), at)
    before = at.grad.clone()
    optimizer.step()
    assert not torch.equal(at.grad, before)
    assert not optimizer.state


def test_kron_draws_from_numpy() -> None:
    assert "NumPy" in reason("Kron")
    assert "np.random" in inspect.getsource(zoo.Kron)


def test_sara_leaves_weights_above_its_threshold_alone() -> None:
    assert "below a threshold" in reason("SaRA")
    at = torch.tensor([1.0, 1e-4], dtype=torch.float64, requires_grad=True)
    descend(zoo.SaRA([at], lr=0.1, threshold=1e-3, weight_decay=0.0), at, 3)
    assert at[0] == 1.0
    assert at[1] != 1e-4


def test_muonclip_asks_for_attention() -> None:
    assert "attention" in reason("MuonClip")
    assert "attention_max_logits" in inspect.signature(zoo.MuonClip.step).parameters


def test_what_is_left_out_is_explained_to_who_asks_for_it() -> None:
    with pytest.raises(UnknownComponent, match="plugin 'zoo' leaves optimizer 'zoo_sam' out: it is put around another"):
        known.get("optimizer", "zoo_sam")


def test_the_command_line_says_why_and_what_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    from workbench import cli

    cli.plugins(everything=True)
    said = capsys.readouterr().out
    assert "zoo: optimizer zoo_sam is left out: it is put around another optimizer" in said
    assert "zoo: optimizer zoo_alig: needs a closure" in said
    assert "licence: CC BY-NC-SA 4.0" in said
    cli.plugins()
    said = capsys.readouterr().out
    assert f"zoo leaves {len(plugin.left_out)} out; --all says why" in said
    assert "zoo_sam is left out" not in said
    cli.plugins(as_json=True)
    [entry] = [entry for entry in json.loads(capsys.readouterr().out) if entry["name"] == "zoo"]
    assert {"kind": "optimizer", "name": "zoo_alig", "asks": ["needs a closure"]} in entry["components"]
    assert {"kind": "optimizer", "name": "zoo_sam", "reason": reason("SAM")} in entry["left_out"]
    assert (entry["unavailable"], entry["errors"]) == ("", [])


# -- when the package is absent --------------------------------------------------------------------------------


def version_is(text: str | None) -> Callable[[str], str]:
    def version(name: str) -> str:
        if text is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return text

    return version


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        (None, "pytorch_optimizer is not installed; pip install gradient-workbench[zoo]"),
        ("3.8.0", "pytorch_optimizer 3.8.0 is too old; pip install --upgrade gradient-workbench[zoo]"),
    ],
)
def test_without_the_package_nothing_is_wrong(
    installed: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", version_is(installed))
    empty, absent = loaded()
    assert absent.unavailable == said
    assert absent.errors == []
    assert empty.names("optimizer") == []
    with pytest.raises(UnknownComponent, match="plugins not available: zoo: pytorch_optimizer"):
        empty.get("optimizer", "zoo_lion")
