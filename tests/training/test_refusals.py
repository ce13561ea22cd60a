"""What speaks against a training is known before its first step, and nothing that could run is refused."""

from __future__ import annotations

import pytest
import torch

from workbench import Model, registry
from workbench.components import Dataset
from workbench.errors import Refused, WorkbenchError
from workbench.training import memory, refusals

SMALL = {"dataset": "digits", "model": {"use": "mlp", "depth": 1, "width": 8}, "batch_size": 64, "epochs": 1}


def refusal(bench, task, base=None, **more):
    """What speaks against a run; the run itself says the same."""
    with pytest.raises(WorkbenchError) as before:
        refusals.check(bench.run(task, base or {}, **more), bench.registry)
    with pytest.raises(WorkbenchError) as then:
        bench.train(task, base or {}, **more)
    assert str(before.value) == str(then.value)
    return str(before.value)


def test_batches_larger_than_the_data(bench):
    assert "larger than the 1437 training samples of 'digits'; allowed: 1 to 1437" in refusal(
        bench, SMALL | {"batch_size": 1438}
    )


def test_a_last_batch_that_batch_norm_cannot_take(bench):
    assert "batch norm needs two" in refusal(bench, SMALL | {"batch_size": 359}, {"remedies": ["batch_norm"]})
    refusals.check(bench.run(SMALL | {"batch_size": 359}, {}), bench.registry)


def test_classes_that_are_not_there(bench):
    assert "is no class of 'digits'" in refusal(bench, SMALL | {"dataset": {"use": "digits", "classes": "8-12,99"}})


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has cuda")
def test_a_device_that_is_not_there(bench):
    assert "there is none where this runs" in refusal(bench, SMALL | {"device": "cuda"})


def test_memory_that_is_not_free(bench, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda device: 1e4)
    with pytest.raises(WorkbenchError, match="would need about"):
        refusals.check(bench.run(SMALL, {}), bench.registry)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("1,x\nnan,y\n", "'nan' is not a finite number"),
        ("1,x\n2,x\n", "holds 1 classes"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_own_words(bench, tmp_path, monkeypatch, cells, said):
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path))
    (tmp_path / "own.csv").write_text("a,kind\n" + cells * 5)
    told = refusal(bench, SMALL | {"dataset": {"use": "table", "file": "own.csv"}, "batch_size": 2})
    assert said in told
    assert told.startswith("dataset 'table': ")
    assert "failed" not in told


def test_the_source_of_a_transfer_is_looked_at_too(bench):
    task = {"source": {"use": "digits", "classes": "98,99"}, "dataset": "digits", "model": SMALL["model"]}
    with pytest.raises(WorkbenchError, match="'98' is no class of 'digits'"):
        refusals.check(bench.run(task, {}, kind="transfer"), bench.registry)


def test_a_sound_run_costs_no_network(bench, monkeypatch):
    made = []
    parameter = torch.nn.Linear.reset_parameters
    monkeypatch.setattr(
        torch.nn.Linear, "reset_parameters", lambda own: (made.append(own.weight.device.type), parameter(own))
    )
    refusals.check(bench.run(SMALL, {}), bench.registry)
    assert set(made) == {"meta"}


@pytest.mark.parametrize(
    ("model", "remedies", "said"),
    [
        ("residual_cnn", ["residual"], "remedy 'residual': the model has shortcuts of its own"),
        ("lstm", ["batch_norm"], "remedy 'batch_norm': cannot tell how many outputs"),
        ({"use": "mlp", "depth": 0}, ["dropout"], "remedy 'dropout': without a hidden layer"),
    ],
)
def test_what_a_component_refuses_while_the_network_is_built(bench, model, remedies, said):
    assert refusal(bench, SMALL | {"model": model}, {"remedies": remedies}).startswith(said)


def test_a_network_that_cannot_be_built_is_left_to_the_run(bench, monkeypatch):
    def build(shape, classes, activation):
        raise RuntimeError("not on this device")

    known = registry.current()
    monkeypatch.setitem(known._components["model"], "cannot", Model("cannot", build))
    monkeypatch.setitem(known._owners, ("model", "cannot"), known.owner("model", "mlp"))
    run = bench.run(SMALL | {"model": "cannot"}, {})
    refusals.check(run, known)
    with pytest.raises(WorkbenchError, match="RuntimeError: not on this device"):
        bench.execute(run)


@pytest.mark.parametrize("error", [ValueError, Refused])
def test_only_what_is_refused_on_purpose_blames_no_plugin(bench, monkeypatch, error):
    def load(folder):
        raise error("the file is " + 1500 * "x" + "\nempty")

    known = registry.current()
    monkeypatch.setitem(known._components["dataset"], "own", Dataset("own", load))
    monkeypatch.setitem(known._owners, ("dataset", "own"), known.owner("dataset", "digits"))
    told = refusal(bench, SMALL | {"dataset": "own"})
    if error is Refused:
        assert told == f"dataset 'own': the file is {987 * 'x'}…"
    else:
        assert told.startswith("dataset 'own' of plugin 'datasets' failed: ValueError: the file is xxx")
