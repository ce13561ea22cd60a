"""The doctor, on short real trainings: the ill ones get their name, the healthy ones none."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from workbench import Cure, house, registry
from workbench.errors import ExperimentError
from workbench.experiment import Experiment, parse, read, resolve
from workbench.records import MemoryRecorder, frame, label
from workbench.training import doctor
from workbench.training.doctor import Progress, Report, cases, cured, examine, possible, prescribe, treatments
from workbench.training.loop import execute

Plain = dict[str, Any]
TABLES = ("summary", "curve", "layers")


def mlp(depth: int, width: int = 128) -> Plain:
    return {"use": "mlp", "depth": depth, "width": width}


def experiment(task: Plain, base: Plain, **more: Any) -> Experiment:
    task = {"dataset": "digits", "epochs": 6, "batch_size": 64, "device": "cpu"} | task
    return parse({"kind": "training", "task": task, "base": base} | more)


def records(made: Experiment, tables: tuple[str, ...] = TABLES) -> dict[str, pd.DataFrame]:
    """All runs of an experiment, executed here."""
    known = registry.current()
    parts: dict[str, list[pd.DataFrame]] = {table: [frame(table, [], who=True)] for table in TABLES}
    for run in resolve(made, known):
        recorder = MemoryRecorder()
        recorder.add("summary", [execute(run, known, recorder)])
        for table in tables:
            parts[table].append(label(table, recorder.table(table), run.variant, run.seed))
    return {table: pd.concat(rows, ignore_index=True) for table, rows in parts.items()}


def diagnose(made: Experiment, found: dict[str, pd.DataFrame] | None = None) -> Report:
    known = registry.current()
    return examine(cases(resolve(made, known), found or records(made), {}), known)


def names(report: Report) -> list[str]:
    assert not report.broken
    return [complaint.rule.name for complaint in report.complaints]


HE, XAVIER = {"initializer": "kaiming_normal"}, {"initializer": "xavier_uniform"}
HEALTHY = {
    "relu": ({"model": mlp(2)}, HE),
    "torch default": ({"model": mlp(2)}, {}),
    "batch norm": ({"model": mlp(3)}, HE | {"remedies": ["batch_norm"]}),
    "glorot tanh": ({"model": mlp(3)}, XAVIER | {"activation": "tanh"}),
    "glorot sigmoid": ({"model": mlp(1)}, XAVIER | {"activation": "sigmoid"}),
    "deep tanh": ({"model": mlp(10)}, XAVIER | {"activation": "tanh"}),
    "deep relu": ({"model": mlp(10)}, HE),
    "deep residual": ({"model": mlp(10)}, {"remedies": ["residual"]}),
    "deep residual tanh": ({"model": mlp(10)}, XAVIER | {"activation": "tanh", "remedies": ["residual"]}),
    "gelu": ({"model": mlp(4)}, HE | {"activation": "gelu"}),
    "silu": ({"model": mlp(4)}, {"activation": "silu"}),
    "leaky": ({"model": mlp(5)}, HE | {"activation": "leaky_relu"}),
    "linear": ({"model": mlp(0)}, {}),
    "sgd": ({"model": mlp(2)}, HE | {"optimizer": {"use": "sgd", "lr": 0.1}}),
    "momentum": ({"model": mlp(2)}, HE | {"optimizer": {"use": "sgd", "lr": 0.05, "momentum": 0.9}}),
    "rmsprop": ({"model": mlp(2)}, HE | {"optimizer": "rmsprop"}),
    "muon": ({"model": mlp(2)}, HE | {"optimizer": "muon"}),
    "warm-up and clipping": ({"model": mlp(3)}, HE | {"remedies": ["warmup", "clip_norm"]}),
    "normalised": ({"model": mlp(2), "normalize": True}, HE),
    "cnn": ({"model": "cnn"}, HE),
    "small batches": ({"model": mlp(3), "batch_size": 16, "epochs": 2}, HE),
    "one short epoch": ({"model": mlp(2), "epochs": 1}, HE),
}


@pytest.mark.parametrize(("task", "base"), HEALTHY.values(), ids=HEALTHY)
def test_no_false_alarm_on_a_healthy_training(task: Plain, base: Plain) -> None:
    report = diagnose(experiment(task, base, seeds=[0, 1, 2] if task["model"] != "cnn" else [0]))
    assert names(report) == []
    assert report.healthy == ("base",)
    assert report.rules >= 10


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ({"epochs": 0}, "it has not trained: only its start was looked at"),
        ({"probes": "off"}, "its layers were not measured (probes = off): only the curve was looked at"),
        ({"epochs": 0, "probes": "off"}, "it has not trained, and its layers were not measured"),
    ],
)
def test_what_could_not_be_looked_at_is_not_called_healthy(task: Plain, why: str) -> None:
    report = diagnose(experiment({"model": mlp(2)} | task, HE))
    assert names(report) == []
    assert report.healthy == ()
    assert doctor.lines(report) == [f"base: nothing found, but {why}."]


def test_several_that_could_not_be_looked_at_share_a_sentence() -> None:
    blind = {"task": {"probes": "off"}}
    variants = [{"name": "a"} | blind, {"name": "b"}, {"name": "c", "initializer": "xavier_uniform"} | blind]
    report = diagnose(experiment({"model": mlp(2), "epochs": 1}, HE, variants=variants))
    assert report.healthy == ("b",)
    assert report.not_seen() == [
        "a and c: nothing found, but their layers were not measured (probes = off): only the curves were looked at."
    ]


ARTICLE_B = {"activation": "sigmoid", "initializer": {"use": "normal", "mean": 1.0, "std": 1.0}}
SIGMOID = XAVIER | {"activation": "sigmoid"}
DEEP_NORM = HE | {"remedies": ["batch_norm"], "optimizer": {"use": "sgd", "lr": 0.01, "momentum": 0.9}}


def sgd(lr: float, **more: float) -> Plain:
    return {"optimizer": {"use": "sgd", "lr": lr} | more}


def adam(lr: float) -> Plain:
    return {"optimizer": {"use": "adam", "lr": lr}}


ILL = {
    "article B": ({"model": mlp(1)}, ARTICLE_B, ["saturated"]),
    "ten sigmoid layers": ({"model": mlp(10)}, SIGMOID, ["vanishing"]),
    "ten sigmoid layers, SGD": ({"model": mlp(10)}, SIGMOID | sgd(0.1), ["vanishing"]),
    "small weights": ({"model": mlp(10)}, {"initializer": {"use": "normal", "std": 0.01}}, ["vanishing"]),
    "twenty layers as torch draws them": ({"model": mlp(20)}, sgd(0.1), ["vanishing"]),
    "ten sigmoid layers, untrained": ({"model": mlp(10), "epochs": 0}, SIGMOID, ["vanishing"]),
    "deep batch norm": ({"model": mlp(20, 256), "epochs": 10}, DEEP_NORM, ["exploding"]),
    "large weights": ({"model": mlp(8)}, {"initializer": {"use": "normal", "std": 0.5}}, ["exploding"]),
    "deep residual, He": ({"model": mlp(20)}, HE | {"remedies": ["residual"]}, ["exploding"]),
    "zeros": ({"model": mlp(3)}, {"initializer": "zeros"}, ["symmetric"]),
    "zeros, tanh": ({"model": mlp(3)}, {"activation": "tanh", "initializer": "zeros"}, ["symmetric"]),
    "one number": ({"model": mlp(2)}, {"initializer": {"use": "normal", "mean": 0.05, "std": 0.0}}, ["symmetric"]),
    "SGD 10": ({"model": mlp(2)}, HE | sgd(10.0), ["rate_too_high", "dead"]),
    "Adam 1": ({"model": mlp(2)}, HE | adam(1.0), ["rate_too_high", "dead"]),
    "Adam 1, tanh": ({"model": mlp(2)}, XAVIER | {"activation": "tanh"} | adam(1.0), ["rate_too_high", "saturated"]),
    "Adam 1e-7": ({"model": mlp(2)}, HE | adam(1e-7), ["rate_too_low"]),
    "SGD 1e-7": ({"model": mlp(2)}, HE | sgd(1e-7), ["rate_too_low"]),
    "SGD 0": ({"model": mlp(2)}, HE | sgd(0.0), ["rate_too_low"]),
    "Adam 0": ({"model": mlp(2)}, HE | adam(0.0), ["rate_too_low"]),
    "120 sigmoid layers": ({"model": mlp(120, 32), "epochs": 1}, SIGMOID, ["vanishing"]),
    "momentum 10": ({"model": mlp(3)}, HE | sgd(10.0, momentum=0.9), ["diverged"]),
    "large weights, SGD": (
        {"model": mlp(8)},
        {"initializer": {"use": "normal", "std": 0.5}} | sgd(0.1),
        ["diverged", "exploding"],
    ),
    "negative drive": ({"model": mlp(2)}, {"initializer": {"use": "normal", "mean": -0.2, "std": 0.1}}, ["dead"]),
}


@pytest.mark.parametrize(("task", "base", "expected"), ILL.values(), ids=ILL)
def test_an_ill_training_gets_the_right_name_and_no_other(task: Plain, base: Plain, expected: list[str]) -> None:
    report = diagnose(experiment(task, base))
    assert names(report) == expected
    known = registry.current()
    [run] = resolve(experiment(task, base), known)
    for complaint in report.complaints:
        assert "step" in complaint.evidence
        assert any(possible(run, cure, known) for cure in complaint.cures)
        for cure in complaint.cures:
            cured(run, cure, known)  # all that is offered is there, and fits


def evidence(task: Plain, base: Plain, rule: str, **more: Any) -> str:
    report = diagnose(experiment(task, base, **more))
    [found] = [complaint.evidence for complaint in report.complaints if complaint.rule.name == rule]
    return found


def test_the_numbers_of_vanishing_are_those_of_autograd() -> None:
    """Ten sigmoid layers: the ratio from a network that is written out here, with the bench's own weights and batch."""
    made = experiment({"model": mlp(10), "epochs": 0}, SIGMOID)
    found = records(made)
    norms = found["layers"].query("statistic == 'signal_grad_norm'").sort_values("index")["value"].to_numpy()
    [complaint] = diagnose(made, found).complaints
    assert f"layer 1 is {norms[0] / norms[-1]:.2g} of that in layer 11" in complaint.evidence
    share = (norms[0] / norms[-1]) ** 0.1
    assert f"each layer passes on {share:.2g} of what it gets" in complaint.evidence
    assert share < 0.25, "sigmoid' is at most 1/4, and Xavier's weights keep the rest (Glorot, Bengio 2010)"


def test_deep_batch_norm_explodes_as_the_law_says_and_fades() -> None:
    text = evidence({"model": mlp(20, 256), "epochs": 10}, DEEP_NORM, "exploding")
    growth = float(text.split(": ")[1].split(" times a layer")[0])
    assert growth == pytest.approx(math.sqrt(math.pi / (math.pi - 1)), abs=0.1)  # Yang et al. 2019: 1.2112
    assert "The forward pass is sound" in text
    assert "it fades" in text
    assert "learns all the same" in text


def test_zeros_leave_every_weight_without_a_gradient() -> None:
    assert "No weight gets a gradient up to step" in evidence({"model": mlp(3)}, {"initializer": "zeros"}, "symmetric")


def test_a_rate_that_is_too_low_is_bounded_by_the_longest_step() -> None:
    """Adam's first step moves every weight by lr (Kingma, Ba 2014); He's have the size sqrt(2 / fan_in)."""
    text = evidence({"model": mlp(2)}, HE | adam(1e-7), "rate_too_low")
    longest = float(text.split("at most ")[1].split(" ")[0])
    assert longest == pytest.approx(1e-7 / math.sqrt(2 / 128), rel=0.1)
    assert "in all 138 steps" in text  # 1,437 pictures in batches of 64 for 6 epochs


def test_a_rate_that_is_too_low_gets_one_that_is_not() -> None:
    made = experiment({"model": mlp(2)}, HE | adam(1e-6))
    [complaint] = diagnose(made).complaints
    better = prescribe(made, "base", complaint.cures[0], registry.current())
    assert diagnose(better).of(better.variants[-1].name) == []


@pytest.mark.parametrize("probes", ["light", "off"])
def test_a_rate_of_zero_is_named_and_gets_the_default_of_the_optimizer(probes: str) -> None:
    made = experiment({"model": mlp(2), "probes": probes}, HE | sgd(0.0, momentum=0.9))
    known = registry.current()
    [complaint] = diagnose(made).complaints
    assert complaint.rule.name == "rate_too_low"
    assert complaint.evidence.startswith("The learning rate is 0: none of the 138 steps")
    better = prescribe(made, "base", complaint.cures[0], known)
    [lr] = [param.default for param in known.get("optimizer", "sgd").params if param.name == "lr"]
    assert better.variants[-1].overrides() == {"optimizer": {"lr": lr}}
    assert resolve(better, known)[-1].base["optimizer"]["momentum"] == 0.9
    assert diagnose(better).of(better.variants[-1].name) == []


def test_frozen_layers_do_not_make_a_rate_of_zero() -> None:
    frozen = {"remedies": [{"use": "freeze", "layers": 2}]}
    assert "rate_too_low" not in names(diagnose(experiment({"model": mlp(3), "epochs": 1}, HE | frozen)))


CUT = """
from torch import nn
from workbench import Block, Model, hookimpl

class Step(nn.Module):
    def forward(self, x):
        return x.sign()  # its slope is 0, its values are not

def factory(shape, classes, activation):
    first = Block(nn.Linear(64, 64), activation(), before=[nn.Flatten()])
    second = Block(nn.Linear(64, 64), activation(), after=[Step()])
    return [first, second, Block(nn.Linear(64, 64), activation()), Block(nn.Linear(64, classes))]

@hookimpl
def register_models(register):
    register(Model("severed", factory, summary="No gradient gets behind its third layer."))
"""


def test_a_signal_that_is_cut_off_has_not_faded(drop_in: Callable[[str, str], Path]) -> None:
    drop_in("severed.py", CUT)
    report = diagnose(experiment({"model": "severed", "epochs": 1}, HE))
    [complaint] = report.complaints
    assert complaint.rule.name == "vanishing"
    assert "the signal's gradient in layer 2 is exactly 0: something between it and layer 3 lets" in complaint.evidence
    assert complaint.cures == ()


def test_dropping_everything_is_refused() -> None:
    known = registry.current()
    with pytest.raises(ExperimentError, match="1 drops every activation, so nothing is learned"):
        resolve(experiment({"model": mlp(2)}, {"remedies": [{"use": "dropout", "p": 1.0}]}), known)
    [run] = resolve(experiment({"model": mlp(2)}, {"remedies": [{"use": "dropout", "p": 0.99}]}), known)
    assert run.base["remedies"][0]["p"] == 0.99


def test_a_running_training_is_judged_by_what_is_there() -> None:
    made = experiment({"model": mlp(10), "epochs": 50}, SIGMOID)
    whole = records(made)
    early = {name: rows[rows["step"] <= 20] for name, rows in whole.items() if name != "summary"}
    early["summary"] = whole["summary"].iloc[:0]
    known = registry.current()
    [case] = cases(resolve(made, known), early, {("base", 0): Progress(20, live=True)})
    assert case.live
    assert (case.outcome, case.steps) == ("", 20)
    [complaint] = examine([case], known).complaints
    assert complaint.rule.name == "vanishing"
    assert "Now, at step" in complaint.evidence


def test_a_long_run_whose_curve_leaves_out_the_harm_is_judged_by_its_units() -> None:
    made = experiment({"model": mlp(2)}, HE | adam(1.0))
    found = records(made)
    found["curve"] = found["curve"][found["curve"]["loss"] < 3.5]
    report = diagnose(made, found)
    assert names(report) == ["rate_too_high", "dead"]
    assert "The loss rose" not in report.complaints[0].evidence
    assert "of a layer were dead, at step 137 it is 100 %" in report.complaints[0].evidence


def test_a_slow_start_is_not_a_low_rate() -> None:
    """In the first twentieth of a run that warms up, the rate has not been reached."""
    made = experiment({"model": mlp(2), "epochs": 40}, HE | {"remedies": [{"use": "warmup", "steps": 10_000}]})
    whole = records(made)
    known = registry.current()
    early = {name: rows[rows["step"] <= 40] for name, rows in whole.items() if name != "summary"}
    early["summary"] = whole["summary"].iloc[:0]
    assert not examine(cases(resolve(made, known), early, {("base", 0): Progress(40, live=True)}), known).complaints


SOFTMAX = """
from torch import nn
from workbench import Block, Model, hookimpl

def twice(place):
    def factory(shape, classes, activation):
        first = Block(nn.Linear(64, 64), activation(), before=[nn.Flatten()])
        last = nn.Linear(64, classes)
        end = getattr(nn, place.split()[0])(dim=1)
        return [first, Block(last, end) if place.endswith("in") else Block(last, after=[end])]
    return factory

@hookimpl
def register_models(register):
    register(Model("softmax_as_activation", twice("Softmax in"), summary="Ends in a softmax."))
    register(Model("softmax_after", twice("Softmax after"), summary="Ends in a softmax."))
    register(Model("log_softmax_after", twice("LogSoftmax after"), summary="Ends in its logarithm."))
"""


@pytest.mark.parametrize("model", ["softmax_as_activation", "softmax_after"])
def test_a_softmax_before_the_loss_is_found(drop_in: Callable[[str, str], Path], model: str) -> None:
    drop_in("softmaxes.py", SOFTMAX)
    made = experiment({"model": model, "epochs": 20}, HE | adam(0.01))
    found = records(made)
    assert found["summary"]["final_accuracy"].iloc[0] > 0.85
    assert found["curve"]["loss"].min() >= math.log(1 + 9 / math.e) - 1e-4 > 1.461
    report = diagnose(made, found)
    assert names(report) == ["double_softmax"]
    assert "1.4612 = ln(1 + 9/e)" in report.complaints[0].evidence


def test_the_logarithm_of_a_softmax_does_no_harm(drop_in: Callable[[str, str], Path]) -> None:
    drop_in("softmaxes.py", SOFTMAX)
    assert names(diagnose(experiment({"model": "log_softmax_after", "epochs": 20}, HE | adam(0.01)))) == []


def test_the_bounds_of_a_softmax_of_a_softmax() -> None:
    """Cross-entropy of torch itself at the corners of the simplex."""
    for classes in (2, 3, 10, 100):
        corners = torch.eye(classes, dtype=torch.float64)
        right = torch.nn.functional.cross_entropy(corners, torch.arange(classes)).item()
        wrong = torch.nn.functional.cross_entropy(corners, (torch.arange(classes) + 1) % classes).item()
        assert right == pytest.approx(math.log(1 + (classes - 1) / math.e))
        assert wrong == pytest.approx(right + 1)


UNSCALED = """
from dataclasses import replace
from workbench import Data, Dataset, hookimpl

def pixels(folder, factor):
    from sklearn.datasets import load_digits
    import torch
    loaded = load_digits()
    x = torch.tensor(loaded.images, dtype=torch.float32).unsqueeze(1) / 16 * factor
    y = torch.tensor(loaded.target)
    return Data(x[:1400], y[:1400], x[1400:], y[1400:], tuple("0123456789"))

@hookimpl
def register_datasets(register):
    register(Dataset("pixels", lambda folder: pixels(folder, 255.0), summary="Pixels from 0 to 255."))
    register(Dataset("faint", lambda folder: pixels(folder, 1e-4), summary="Pixels from 0 to 0.0001."))
"""


@pytest.mark.parametrize(("dataset", "most"), [("pixels", "255"), ("faint", "0.0001")])
def test_unscaled_inputs_are_found_and_normalising_helps(
    drop_in: Callable[[str, str], Path], dataset: str, most: str
) -> None:
    drop_in("pixels.py", UNSCALED)
    made = experiment({"dataset": dataset, "model": mlp(2)}, XAVIER | {"activation": "sigmoid"})
    report = diagnose(made)
    assert "unscaled" in names(report)
    assert "saturated" not in names(report)
    [complaint] = [each for each in report.complaints if each.rule.name == "unscaled"]
    assert f"at most {most} in size" in complaint.evidence
    better = prescribe(made, "base", complaint.cures[0], registry.current())
    assert better.variants[-1].task == {"normalize": True}
    assert diagnose(better).of(better.variants[-1].name) == []


def test_a_divergence_above_the_limit_of_the_curvature_says_so() -> None:
    made = experiment({"model": mlp(3), "probes": "full"}, HE | sgd(10.0, momentum=0.9))
    found = records(made)
    rows = found["layers"].query("statistic == 'hessian_eigenvalue'")
    curvature = rows["value"].iloc[0]
    text = next(each.evidence for each in diagnose(made, found).complaints if each.rule.name == "diverged")
    assert f"The largest curvature at step {rows['step'].iloc[0]} is {curvature:.2g}" in text
    assert f"the limit of the rate there is {2 * 1.9 / curvature:.2g}, and 10 is above it" in text


# -- several seeds, several variants, rules of others --------------------------------------------------------


def test_a_rule_that_fires_in_some_seeds_says_in_which() -> None:
    made = experiment({"model": mlp(2), "epochs": 1}, HE, seeds=[0, 1, 2])
    known = registry.current()
    patients = cases(resolve(made, known), records(made), {})
    ill = records(experiment({"model": mlp(2), "epochs": 1}, HE | {"initializer": "zeros"}))
    for number in (0, 2):
        patients[number] = doctor.Case(**(vars(patients[number]) | {"layers": ill["layers"], "curve": ill["curve"]}))
    [complaint] = examine(patients, known).complaints
    assert (complaint.seeds, complaint.examined) == ((0, 2), (0, 1, 2))
    assert complaint.scope == "2 of 3 seeds (0 and 2)"


def test_all_seeds_and_one_seed_are_said_plainly() -> None:
    one = diagnose(experiment({"model": mlp(2), "epochs": 1}, {"initializer": "zeros"}))
    three = diagnose(experiment({"model": mlp(2), "epochs": 1}, {"initializer": "zeros"}, seeds=[0, 1, 2]))
    assert one.complaints[0].scope == ""
    assert three.complaints[0].scope == "all 3 seeds"


BAD_RULES = """
from workbench import Diagnosis, Rule, hookimpl

def raises(case):
    return 1 / 0

@hookimpl
def register_rules(register):
    register(Rule("raises", raises, summary="Raises."))
    register(Rule("says_text", lambda case: ["something"], summary="Says a text."))
    register(Rule("says_two", lambda case: (Diagnosis(text) for text in ("One.", "Two.")), summary="Says two things."))
    register(Rule("has_settings", lambda case, low: Diagnosis(f"{low}") if low else None, summary="Has none."))
"""


def test_a_rule_that_fails_is_named_with_its_plugin_and_takes_nothing_down(drop_in: Callable[[str, str], Path]) -> None:
    drop_in("bad_rules.py", BAD_RULES)
    made = experiment({"model": mlp(2), "epochs": 1}, {"initializer": "zeros"}, seeds=[0, 1])
    report = diagnose(made)
    assert [each.rule.name for each in report.complaints] == ["symmetric", "says_two"]
    assert report.complaints[1].evidence == "One. Two."
    assert len(report.broken) == 3
    assert all("plugin 'bad_rules'" in message for message in report.broken)
    assert "ZeroDivisionError" in report.broken[0]
    assert "return None, a Diagnosis or several" in report.broken[1]


NAMELESS = """
from workbench import Cure, Diagnosis, Rule, hookimpl

def offers(cure):
    return lambda case: Diagnosis("Ill.", [cure])

@hookimpl
def register_rules(register):
    register(Rule("nameless", offers(Cure(" ", {"activation": "tanh"})), summary="Offers a cure without a name."))
    register(Rule("no_cure", offers("tanh"), summary="Offers a text."))
"""


def test_a_cure_without_a_label_is_refused_in_the_report(drop_in: Callable[[str, str], Path]) -> None:
    drop_in("nameless.py", NAMELESS)
    report = diagnose(experiment({"model": mlp(2), "epochs": 1}, HE))
    assert report.complaints == ()
    assert "it offers a cure with the label ' '; say what it changes" in report.broken[0]
    assert "it offers 'tanh' as a cure; give a Cure" in report.broken[1]
    assert all("plugin 'nameless'" in message for message in report.broken)


def test_a_long_label_becomes_a_name_that_fits() -> None:
    known = registry.current()
    made = experiment({"model": mlp(2)}, HE, variants=[{"name": "x" * 80}, {"name": "short"}])
    cure = Cure("a\n rate " + "that is lower " * 20, {"optimizer": {"lr": 0.1}}, fork=True)
    after = prescribe(prescribe(made, "short", cure, known), "x" * 80, cure, known, 123_456_789)
    short, long = (variant.name for variant in after.variants[2:])
    assert short == "short + a rate that is lower that is lower that\N{HORIZONTAL ELLIPSIS}"
    assert len(long) <= 80
    assert long.endswith("\N{HORIZONTAL ELLIPSIS} from step 123456789")


# -- cures ---------------------------------------------------------------------------------------------------


def test_a_cure_becomes_a_variant_that_says_only_what_differs() -> None:
    made = experiment({"model": mlp(2)}, SIGMOID | {"remedies": ["clip_norm"]})
    known = registry.current()
    relu = prescribe(made, "base", Cure("ReLU", {"activation": "relu", "initializer": "kaiming_normal"}), known)
    assert [variant.name for variant in relu.variants] == ["base", "base + ReLU"]
    assert relu.variants[1].overrides() == {"activation": {"use": "relu"}, "initializer": {"use": "kaiming_normal"}}
    norm = prescribe(relu, "base + ReLU", Cure("norm", add_remedies=["batch_norm"]), known)
    assert norm.variants[2].remedies == [{"use": "clip_norm"}, {"use": "batch_norm"}]
    assert norm.variants[2].activation == {"use": "relu"}
    rate = prescribe(made, "base", Cure("rate", {"optimizer": {"lr": 0.1}}), known)
    assert rate.variants[1].overrides() == {"optimizer": {"lr": 0.1}}
    task = prescribe(made, "base", Cure("inputs", {"task": {"normalize": True}}), known)
    assert task.variants[1].task == {"normalize": True}


def test_the_variant_is_the_cured_run_from_the_start_and_as_a_branch() -> None:
    known = registry.current()
    made = experiment(
        {"model": mlp(2)}, HE, variants=[{"name": "a", "optimizer": {"use": "sgd", "lr": 1.0}}, {"name": "b"}]
    )
    cure = Cure("rate", {"optimizer": {"lr": 0.1}}, ["clip_norm"], fork=True)
    for step in (0, 5):
        after = prescribe(made, "a", cure, known, step)
        runs = {run.variant: run for run in resolve(after, known)}
        [name] = set(runs) - {"a", "b"}
        wanted = cured(runs["a"], cure, known)
        assert runs[name].base == wanted.base
        assert runs[name].task == wanted.task
        assert runs[name].base["optimizer"]["lr"] == 0.1
        assert (runs[name].fork.step if runs[name].fork else 0) == step
        assert runs["a"] == resolve(made, known)[0]


def test_a_cured_branch_of_a_branch_is_a_variant_like_any() -> None:
    known = registry.current()
    made = experiment(
        {"model": mlp(2)},
        HE,
        variants=[{"name": "a"}, {"name": "late", "fork": {"step": 5, "variant": "a"}, "optimizer": {"lr": 1.0}}],
    )
    after = prescribe(made, "late", Cure("rate", {"optimizer": {"lr": 0.1}}, fork=True), known, 9)
    last = resolve(after, known)[-1]
    assert last.fork is not None
    assert (last.fork.step, last.fork.run.fork.step, last.base["optimizer"]["lr"]) == (9, 5, 0.1)


def test_a_cure_that_does_not_fit_is_left_out() -> None:
    known = registry.current()
    [run] = resolve(experiment({"model": mlp(2)}, HE | {"remedies": ["batch_norm"]}), known)
    assert possible(run, Cure("rate", {"optimizer": {"lr": 0.1}}), known)
    assert not possible(run, Cure("nobody's", add_remedies=["of_nobody"]), known)
    assert not possible(run, Cure("twice", add_remedies=["batch_norm"]), known)
    assert not possible(run, Cure("clash", add_remedies=["layer_norm"]), known)
    assert not possible(run, Cure("same", {"initializer": "kaiming_normal"}), known)
    assert not possible(run, Cure("too much", {"optimizer": {"lr": 1e9}}), known)


def test_what_cannot_be_prescribed_is_refused_with_the_reason() -> None:
    known = registry.current()
    made = experiment({"model": mlp(2)}, HE)
    with pytest.raises(ExperimentError, match="no variant 'gone' any more; it has 'base'"):
        prescribe(made, "gone", Cure("rate", {"optimizer": {"lr": 0.1}}), known)
    with pytest.raises(ExperimentError, match="changes the task, which a branch cannot"):
        prescribe(made, "base", Cure("inputs", {"task": {"normalize": True}}), known, step=3)
    with pytest.raises(ExperimentError, match="of_nobody"):
        prescribe(made, "base", Cure("nobody's", add_remedies=["of_nobody"]), known)


def test_names_of_variants_stay_short_and_their_own() -> None:
    known = registry.current()
    made = experiment({"model": mlp(2)}, HE, variants=[{"name": "x" * 80}])
    cure = Cure("rate", {"optimizer": {"lr": 0.1}})
    twice = prescribe(prescribe(made, "x" * 80, cure, known), "x" * 80, cure, known)
    found = [variant.name for variant in twice.variants]
    assert len(set(found)) == 3
    assert all(len(name) <= 80 for name in found)


def test_a_cure_that_was_tried_is_recognised_by_what_it_is() -> None:
    """Whoever composed it, under whatever name; a branch, too; something else is none."""
    known = registry.current()
    made = experiment(
        {"model": mlp(10)},
        SIGMOID,
        variants=[
            {"name": "ill"},
            {"name": "mine", "remedies": ["batch_norm"]},
            {
                "name": "late",
                "fork": {"step": 4, "variant": "ill"},
                "activation": "relu",
                "initializer": "kaiming_normal",
            },
            {"name": "other", "activation": "tanh"},
        ],
    )
    report = diagnose(made.model_copy(update={"variants": made.variants[:1]}))
    found = treatments(report, resolve(made, known), known)
    assert {(treatment.before, treatment.after, treatment.cure.label, treatment.step) for treatment in found} == {
        ("ill", "mine", "batch norm", 0),
        ("ill", "late", "ReLU with He's weights", 4),
    }


def test_three_cures_of_the_ten_sigmoid_layers_all_help() -> None:
    known = registry.current()
    made = experiment({"model": mlp(10)}, SIGMOID)
    [complaint] = diagnose(made).complaints
    assert len(complaint.cures) == 3
    for cure in complaint.cures:
        made = prescribe(made, "base", cure, known)
    found = records(made).get("summary").set_index("variant")["final_accuracy"]
    assert found["base"] < 0.3
    assert (found.drop("base") > 0.9).sum() >= 2


def test_the_report_in_lines() -> None:
    made = experiment(
        {"model": mlp(2), "epochs": 1}, HE, variants=[{"name": "ill", "initializer": "zeros"}, {"name": "well"}]
    )
    text = doctor.lines(diagnose(made))
    assert text[0].startswith("ill: Equal units. At step 0 every weight is 0")
    assert text[1] == "  may help: He's weights; Xavier's weights"
    assert text[2] == f"well: nothing found by {len(registry.current().names('rule'))} rules."


# -- real data -----------------------------------------------------------------------------------------------


def test_article_b_on_mnist_is_saturated_and_nothing_else(mnist_folder: Path) -> None:
    task = {"dataset": "mnist", "model": mlp(1), "epochs": 1, "batch_size": 128}
    report = diagnose(experiment(task, ARTICLE_B))
    assert names(report) == ["saturated"]
    assert "The activations of layer 1 are 1 ± " in report.complaints[0].evidence


@pytest.mark.parametrize(
    ("model", "base"),
    [(mlp(2), HE), (mlp(3), XAVIER | {"activation": "tanh"}), (mlp(6), HE | {"remedies": ["batch_norm"]})],
    ids=["relu", "tanh", "batch norm"],
)
def test_no_false_alarm_on_mnist(mnist_folder: Path, model: Plain, base: Plain) -> None:
    report = diagnose(experiment({"dataset": "mnist", "model": model, "epochs": 1, "batch_size": 128}, base))
    assert names(report) == []


def test_the_lesson_shows_what_its_text_says() -> None:
    made = read(house.folder("lessons") / "doctor-six-patients.toml")
    found = records(made)
    report = diagnose(made, found)
    assert {name: [each.rule.name for each in report.of(name)] for name in "ABCDEF"} == {
        "A": ["vanishing"],
        "B": ["saturated"],
        "C": ["symmetric"],
        "D": ["rate_too_low"],
        "E": ["rate_too_high", "dead"],
        "F": [],
    }
    last = found["curve"].query("split == 'test'").groupby("variant")["loss"].last()
    assert (last[["A", "B", "C", "E"]] - math.log(10)).abs().max() < 0.1
    for name in "ABCDE":
        cure = report.of(name)[0].cures[0]
        better = prescribe(made, name, cure, registry.current())
        alone = better.model_copy(update={"variants": better.variants[-1:]})
        assert records(alone)["summary"]["final_accuracy"].iloc[0] > 0.85, f"{name}: {cure.label}"
