"""The lessons of this chapter show what their text says."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from workbench import house
from workbench.experiment import Experiment, Run, read, resolve
from workbench.records import MemoryRecorder, label
from workbench.training.data import prepare
from workbench.training.findings.finding import finding, transfer_finding
from workbench.training.findings.scores import scores
from workbench.training.findings.verdict import contrast


def records(bench, experiment: Experiment) -> dict[str, pd.DataFrame]:
    parts: dict[str, list[pd.DataFrame]] = {"summary": [], "curve": [], "layers": []}
    for run in resolve(experiment, bench.registry):
        summary, recorder = bench.execute(run)
        recorder.add("summary", [summary])
        for table, frames in parts.items():
            frames.append(label(table, recorder.table(table), run.variant, run.seed))
    return {table: pd.concat(frames, ignore_index=True) for table, frames in parts.items()}


def first_layer_ratio(layers: pd.DataFrame, variant: str) -> float:
    start = layers.query("variant == @variant and step == 0 and statistic == 'weight_grad_norm'").sort_values("index")
    return start.value.iloc[0] / start.value.iloc[-1]


@pytest.mark.parametrize("name", ["saturated-sigmoid", "ten-sigmoid-layers", "transfer-digits", "smaller-rate-late"])
def test_a_lesson_can_be_read_and_resolved(bench, name):
    experiment = read(house.folder("lessons") / f"{name}.toml")
    assert experiment.lesson
    assert experiment.title
    assert all(isinstance(run, Run) for run in resolve(experiment, bench.registry))


def test_four_remedies_save_the_ten_sigmoid_layers(bench):
    found = records(bench, read(house.folder("lessons") / "ten-sigmoid-layers.toml"))
    accuracy = found["summary"].set_index("variant").final_accuracy
    assert accuracy["Ten sigmoid layers"] < 0.3
    assert (accuracy.drop("Ten sigmoid layers") > 0.9).all()
    assert first_layer_ratio(found["layers"], "Ten sigmoid layers") < 1e-4
    for name in ("ReLU + He", "Batch norm"):
        assert 0.1 < first_layer_ratio(found["layers"], name) < 10
    assert finding(**found).startswith("4 of 5 learn. ")


def test_transfer_ranks_as_its_text_says(bench):
    found = records(bench, read(house.folder("lessons") / "transfer-digits.toml"))
    mean = found["summary"].groupby("variant").final_accuracy.mean()
    assert mean["Frozen features + new head"] < mean["From scratch"] - 0.1
    assert mean["Fine-tuning"] > mean["From scratch"]
    assert "not distinguishable from Fine-tuning" in transfer_finding(found["summary"], found["curve"])
    reached = scores(found["summary"], found["curve"])
    gain = contrast(reached.by_seed("Fine-tuning") - reached.by_seed("From scratch"))
    assert 100 * gain.mean == pytest.approx(5.6, abs=1)
    assert gain.mean > gain.half


def test_a_smaller_rate_late_is_worth_what_its_text_says(bench):
    found = records(bench, read(house.folder("lessons") / "smaller-rate-late.toml"))
    loss = found["summary"].groupby("variant").final_loss.mean()
    assert 4 < loss["as it began"] / loss["a tenth of the rate"] < 12
    assert loss["no momentum"] == pytest.approx(loss["a tenth of the rate"], rel=0.2)
    curve = found["curve"]
    trunk = curve.query("variant == 'as it began' and split == 'train' and step == 450").set_index("seed").loss
    for name in set(loss.index) - {"as it began"}:
        branch = curve[curve.variant == name]
        assert branch.step.min() == 450
        first = branch.query("split == 'train' and step == 450").set_index("seed").loss
        pd.testing.assert_series_equal(first, trunk, check_exact=True)


def test_the_saturated_sigmoid_on_real_mnist(bench, mnist_folder):
    experiment = read(house.folder("lessons") / "saturated-sigmoid.toml")
    found = records(bench, experiment)
    accuracy = found["summary"].set_index("variant").final_accuracy
    assert accuracy["Xavier (Glorot uniform)"] == pytest.approx(0.970, abs=0.004)
    assert accuracy["ReLU + He"] == pytest.approx(0.977, abs=0.004)
    curve = found["curve"].query("variant == 'article B: N(1, 1)'")
    assert (curve.query("split == 'test' and step > 0").accuracy <= 0.1135).all()
    train = curve.query("split == 'train' and epoch >= 1")  # from the second epoch on
    means = train.groupby(train.epoch.astype(int)).loss.mean()
    assert means.between(2.301, 2.33).all()
    layers = found["layers"].query("variant == 'article B: N(1, 1)' and index == 1")
    assert (layers.query("statistic == 'saturated_fraction'").value == 1).all()
    assert (layers.query("statistic == 'weight_grad_norm'").value < 1e-5).all()


def test_its_first_layer_gets_no_gradient_because_its_inputs_are_near_a_hundred(bench, mnist_folder):
    run = resolve(read(house.folder("lessons") / "saturated-sigmoid.toml"), bench.registry)[0]
    weights = bench.execute(bench.run(run.task | {"epochs": 0}, run.base), MemoryRecorder())[1].weights
    data = prepare(run.task, 0, bench.registry)
    first = weights["stages.0.layer.weight"].requires_grad_()
    z = data.train_x.flatten(1) @ first.T
    assert z.mean().item() == pytest.approx(102, abs=2)
    logits = torch.sigmoid(z) @ weights["stages.1.layer.weight"].T
    torch.nn.functional.cross_entropy(logits, data.train_y).backward()
    assert first.grad.abs().max().item() <= 3e-9
