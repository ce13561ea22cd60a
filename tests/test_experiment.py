"""Experiments: one object, its spellings, what decides its numbers, and what is said about a wrong one."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench import registry
from workbench.errors import ExperimentError, WorkbenchError
from workbench.experiment import (
    Experiment,
    Run,
    canonical,
    dump,
    dumps,
    hash_of,
    loads,
    parse,
    read,
    resolve,
    vary,
)

SAMPLE = """format = 1
kind = "training"
title = "What saves a ten-layer sigmoid network?"
seeds = [0, 1, 2]

[task]
dataset = "mnist"
model = { use = "mlp", depth = 10, width = 128 }
epochs = 3
batch_size = 128

[base]
optimizer = { use = "adam", lr = 0.001 }
activation = "sigmoid"
initializer = "xavier_uniform"
remedies = []

[[variants]]
name = "ReLU + He"
activation = "relu"
initializer = "kaiming_normal"

[[variants]]
name = "Batch norm"
remedies = ["batch_norm"]
"""


@pytest.fixture(scope="module")
def known() -> registry.Registry:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WORKBENCH_PLUGINS", raising=False)
        patch.setenv("WORKBENCH_LOAD_PLUGINS", "")
        return registry.load()


def test_the_sample_resolves_into_complete_runs(known: registry.Registry) -> None:
    runs = resolve(loads(SAMPLE), known)
    assert [(run.variant, run.seed) for run in runs] == [
        (name, seed) for name in ("ReLU + He", "Batch norm") for seed in (0, 1, 2)
    ]
    he, norm = runs[0], runs[3]
    assert he.base["activation"]["use"] == "relu"
    assert norm.base["activation"]["use"] == "sigmoid"
    assert he.base["optimizer"]["lr"] == 0.001
    assert set(he.base["optimizer"]) == {"use"} | {param.name for param in known.get("optimizer", "adam").params}
    assert [reference["use"] for reference in norm.base["remedies"]] == ["batch_norm"]
    assert he.task["model"]["depth"] == 10
    assert he.task["normalize"] is False


def test_it_is_written_as_a_person_would_write_it() -> None:
    assert dumps(loads(SAMPLE)) == SAMPLE


def test_the_long_spellings_mean_the_same(known: registry.Registry) -> None:
    plain = tomllib.loads(SAMPLE)
    plain["task"]["dataset"] = {"use": "mnist"}
    plain["base"]["initializer"] = {"use": "xavier_uniform"}
    plain["variants"][1]["remedies"] = [{"use": "batch_norm"}]
    assert parse(plain) == loads(SAMPLE)
    plain["base"]["schedule"] = "constant"
    assert hash_of(parse(plain), known) == hash_of(loads(SAMPLE), known)


def test_what_decides_no_number_is_not_in_the_hash(known: registry.Registry) -> None:
    first = loads(SAMPLE)
    assert len(hash_of(first, known)) == 10
    others = [
        {"title": "Another"},
        {"lesson": "Look at the first layer.\nThen at the last."},
        {"base": dict(reversed(tomllib.loads(SAMPLE)["base"].items()))},
        {"base": tomllib.loads(SAMPLE)["base"] | {"optimizer": "adam"}},
    ]
    for other in others:
        assert hash_of(parse(tomllib.loads(SAMPLE) | other), known) == hash_of(first, known), other


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": [0, 1]},
        {"seeds": [0, 2, 1]},
        {"task": {"dataset": "mnist", "epochs": 3}},
        {"base": {"optimizer": {"use": "adam", "lr": 0.002}}},
        {"variants": []},
        {"variants": [{"name": "ReLU + He"}]},
    ],
)
def test_what_decides_numbers_is_in_the_hash(change: dict[str, Any], known: registry.Registry) -> None:
    assert hash_of(parse(tomllib.loads(SAMPLE) | change), known) != hash_of(loads(SAMPLE), known)


def test_the_hash_stays_the_same_over_time(known: registry.Registry) -> None:
    experiment = loads('kind = "descent"\ntask = { surface = "quadratic", start = [1, 1], steps = 5 }')
    assert canonical(experiment, known)["variants"][0]["task"] == {
        "surface": {"use": "quadratic"} | known.settings("surface", "quadratic", {}),
        "start": [1.0, 1.0],
        "steps": 5,
        "tolerance": 0.01,
    }
    assert hash_of(experiment, known) == hash_of(loads(dumps(experiment)), known)


# --- round trip, for any experiment


readable = st.text(min_size=1, max_size=10).filter(lambda name: name.isprintable() and name.strip())
names = st.sampled_from(["sgd", "adam", "relu", "batch_norm", "quadratic"])
setting = st.one_of(
    st.booleans(),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)
keys = st.one_of(st.sampled_from(["lr", "depth", "a b", "", 'q"', "ü"]), st.text(max_size=5)).filter(
    lambda key: key != "use"
)
references = st.one_of(names, st.builds(lambda use, rest: {"use": use} | rest, names, st.dictionaries(keys, setting)))


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    kind = draw(st.sampled_from(["descent", "sweep", "tune", "training", "transfer"]))
    data = {"dataset": references, "model": references, "epochs": st.integers(0, 100), "normalize": st.booleans()}
    point = st.tuples(st.floats(-1e300, 1e300), st.floats(-5, 5))
    surface = {"surface": references, "start": point, "steps": st.integers(1, 100), "tolerance": st.floats(0.01, 1)}
    descent = kind in ("descent", "sweep", "tune")
    base = {"optimizer": references, "schedule": references, "remedies": st.lists(references, max_size=3)}
    variant = {"task": st.dictionaries(st.sampled_from(["epochs", "steps"]), setting, max_size=1), **base}
    plain = {
        "kind": kind,
        "title": draw(st.text(max_size=50)),
        "lesson": draw(st.text(max_size=200)),
        "seeds": draw(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=5, unique=True)),
        "task": draw(st.fixed_dictionaries({}, optional=surface if descent else data)),
        "base": draw(st.fixed_dictionaries({}, optional=base if descent else base | {"activation": references})),
        "variants": [
            {"name": name, **draw(st.fixed_dictionaries({}, optional=variant))}
            for name in draw(st.lists(readable, max_size=4, unique=True))
        ],
    }
    if kind == "sweep":
        plain["sweep"] = {"low": draw(st.floats(0.01, 0.1)), "high": draw(st.floats(0.2, 1e300))}
    return parse(plain)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(experiment=experiments())
def test_toml_round_trip(experiment: Experiment) -> None:
    text = dumps(experiment)
    assert loads(text) == experiment
    assert dumps(loads(text)) == text
    assert parse(dump(experiment)) == experiment


# --- wrong experiments


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the key 'kind' is missing; allowed: descent, sweep, tune, training, transfer"),
        ('kind = "desent"', "did you mean 'descent'? allowed: descent, sweep, training, transfer, tune"),
        ('kind = "descent"\nvariant = 1', "unknown key 'variant'; did you mean 'variants'? allowed: base, format,"),
        ('kind = "descent"\n[task]\nsurfacee = 1', "unknown key 'task.surfacee'; did you mean 'surface'? allowed:"),
        ('kind = "training"\n[base]\noptimiser = "sgd"', "unknown key 'base.optimiser'; did you mean 'optimizer'?"),
        ('kind = "descent"\n[task]\nstart = [1]', "task.start[1] = [1]: not allowed; allowed: two numbers, as in"),
        ('kind = "descent"\n[task]\nsteps = "a"', "task.steps = 'a': not allowed; allowed: a whole number from 1 to"),
        (
            'kind = "descent"\n[task]\nsteps = 0',
            "task.steps = 0: not allowed; allowed: a whole number from 1 to 100000",
        ),
        ('kind = "descent"\n[task]\ntolerance = 0', "task.tolerance = 0: not allowed; allowed: a number above 0"),
        ('kind = "training"\n[task]\nnormalize = 1', "task.normalize = 1: not allowed; allowed: true or false"),
        (
            'kind = "descent"\n[base]\noptimizer = 3',
            "base.optimizer = 3: not allowed; allowed: a name, or a table such",
        ),
        ('kind = "descent"\nseeds = [-1]', "seeds[0] = -1: not allowed; allowed: a list of 1 to 1000 whole numbers"),
        ('kind = "descent"\nseeds = [true]', "seeds[0] = True: not allowed; allowed: a list"),
        ('kind = "descent"\nseeds = []', "seeds = []: not allowed; allowed: a list of 1 to 1000 whole numbers"),
        ('kind = "descent"\nseeds = [99999999999999999999]', "seeds[0] is a number of more than 64 bits"),
        ('kind = "descent"\nseeds = [4, 4]', "seeds: 4 is given twice; each must be unique"),
        (
            'kind = "descent"\n[[variants]]\nname = ""',
            "variant '': name = '': not allowed; allowed: a text of at most 80",
        ),
        ('kind = "descent"\n[[variants]]\noptimizer = "sgd"', "variants[0]: the key 'name' is missing"),
        ('kind = "descent"\n[[variants]]\nname = "a"\nlr = 1', "variant 'a': unknown key 'lr'; allowed: activation,"),
        ('kind = "descent"\nvariants = [3]', "variants[0]: 3: not allowed; allowed: a table"),
        ('kind = "descent"\n[sweep]\nlow = 0.1', "[sweep] belongs to kind = \"sweep\", not 'descent'; remove it"),
        ('kind = "sweep"\n[sweep]\nlow = 1\nhigh = 0', "low = 1 must be below high = 0"),
        ('kind = "sweep"\n[sweep]\nlow = 0\nscale = "log"', "on a log scale low must be above 0"),
        ('kind = "sweep"\n[sweep]\nlow = nan', "sweep.low = nan: not a finite number"),
        ('kind = "descent"\ntitle = 1979-05-27', "title = a date: allowed: a table, list, text, number, true or false"),
        ('kind = "descent', "not valid TOML: "),
        ("a = " + "9" * 5000, "not valid TOML: "),
        ("a = " + "[" * 50_000, "not valid TOML: nested too deeply"),
        ("a" + ".a" * 1000 + " = 1", "is nested too deeply; allowed: at most 8 levels"),
        ('kind = "descent"\n"a\\nb" = 1', "unknown key 'a b'; allowed: base"),
        ('format = 2\nkind = "descent"', "format = 2: allowed: 1"),
        ("x = '" + "y" * 1_000_001 + "'", "larger than 1 MB; an experiment is a page of text"),
    ],
)
def test_a_wrong_form_is_one_sentence_that_says_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        loads(text, "my.toml")
    sentence = str(caught.value)
    assert sentence.startswith("my.toml: ")
    assert message in sentence
    assert "\n" not in sentence
    assert len(sentence) < 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[base]\noptimizer = "adm"', "my.toml: optimizer: unknown optimizer 'adm'; did you mean 'adam'? allowed:"),
        ("[base]\noptimizer = { use = 'sgd', lrr = 1 }", "my.toml: optimizer.lrr: 1 is a setting that optimizer 'sgd'"),
        (
            "[base]\noptimizer = { use = 'sgd', lr = 'x' }",
            "my.toml: optimizer.lr: 'x' is not allowed; allowed: a number",
        ),
        ("[base]\nremedies = ['batch_norm']", "remedies: 'batch_norm' needs a network, and a surface has none"),
        ("[[variants]]\nname = 'v'\nactivation = 'relu'", "variant 'v': activation plays no part in kind = 'descent'"),
        ("[[variants]]\nname = 'v'\noptimizer = 'xyz'", "my.toml: variant 'v': optimizer: unknown optimizer 'xyz'"),
        (
            "[[variants]]\nname = 'v'\ntask = { steps = 0 }",
            "my.toml: variant 'v': task.steps = 0: not allowed; allowed:",
        ),
        (
            "[[variants]]\nname = 'v'\ntask = { step = 5 }",
            "variant 'v': unknown key 'task.step'; did you mean 'steps'?",
        ),
        (
            "[[variants]]\nname = 'v'\ntask = { surface = 1 }",
            "variant 'v': task.surface = 1: not allowed; allowed: a name",
        ),
    ],
)
def test_what_does_not_fit_the_plugins_is_named(text: str, message: str, known: registry.Registry) -> None:
    with pytest.raises(ExperimentError) as caught:
        resolve(loads(f'kind = "descent"\n{text}'), known, "my.toml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sweep_needs_a_number_of_the_optimizer(known: registry.Registry) -> None:
    experiment = loads('kind = "sweep"\n[sweep]\nparameter = "momentun"\n[base]\noptimizer = "sgd"')
    with pytest.raises(ExperimentError, match="'quadratic' have no such number; did you mean 'momentum'"):
        resolve(experiment, known)


def test_clashing_and_double_remedies_are_refused(known: registry.Registry) -> None:
    with pytest.raises(ExperimentError, match="'clip_norm' is given twice; give it once"):
        resolve(loads('kind = "descent"\n[base]\nremedies = ["clip_norm", "clip_norm"]'), known)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b"\xef\xbb\xbf" + SAMPLE.replace("\n", "\r\n").encode())
    assert read(file) == loads(SAMPLE), "as Notepad writes it"
    with pytest.raises(ExperimentError, match=r"none\.toml: cannot be read: No such file"):
        read(tmp_path / "none.toml")
    with pytest.raises(ExperimentError, match="cannot be read: Is a directory"):
        read(tmp_path)
    file.write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(ExperimentError, match="not a text file in UTF-8"):
        read(file)
    file.write_bytes(b"#" * 3_000_000)
    with pytest.raises(ExperimentError, match="larger than 1 MB"):
        read(file)


def test_size_is_bounded() -> None:
    variants = [{"name": str(number)} for number in range(501)]
    with pytest.raises(ExperimentError, match="allowed: a list of at most 500 tables"):
        parse({"kind": "descent", "variants": variants})
    with pytest.raises(ExperimentError, match="allowed: a list of 1 to 1000 whole numbers"):
        parse({"kind": "descent", "seeds": list(range(1001))})
    with pytest.raises(ExperimentError, match="variants x seeds are 50000 runs; allowed: at most 10000"):
        parse({"kind": "descent", "variants": variants[:500], "seeds": list(range(100))})


junk = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.binary(max_size=4),
        st.dates(),
        names,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.sampled_from(["kind", "task", "base", "variants", "seeds", "name", "use", "optimizer", "surface"]),
                st.text(st.characters(), max_size=4),
                st.integers(),
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)
KIND = st.sampled_from(["descent", "sweep", "training", "transfer"])
TABLES = ["task", "base", "sweep", "variants", "seeds", "title", "format"]


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(plain=junk, kind=KIND, shape=st.dictionaries(st.sampled_from(TABLES), junk))
def test_nothing_but_an_experiment_error_whatever_comes_in(
    plain: Any, kind: str, shape: dict[str, Any], known: registry.Registry
) -> None:
    for value in (plain, {"kind": kind} | shape):
        sentence = ""
        try:
            resolve(parse(value), known)
        except ExperimentError as error:
            sentence = str(error)
        assert "\n" not in sentence
        assert len(sentence) < 1000


@given(text=st.text())
def test_any_text_is_an_experiment_or_an_experiment_error(text: str) -> None:
    with pytest.raises(ExperimentError):
        loads(text)


@pytest.mark.parametrize("key", [{1: 2}, {"\ud800": 2}, {"title": "\ud800"}, {"task": {"x": {1, 2}}}, {"title": 1j}])
def test_what_toml_cannot_say_is_refused(key: dict[Any, Any]) -> None:
    with pytest.raises(ExperimentError):
        parse({"kind": "descent"} | key)


# --- variants


def test_a_change_of_the_same_component_keeps_the_other_settings(known: registry.Registry) -> None:
    text = (
        'kind = "descent"\n[base]\noptimizer = { use = "sgd", lr = 0.02, momentum = 0.9 }\n'
        '[[variants]]\nname = "faster"\noptimizer = { lr = 0.04 }\n'
        '[[variants]]\nname = "adam"\noptimizer = "adam"\n'
    )
    faster, adam = resolve(loads(text), known)
    assert (faster.base["optimizer"]["lr"], faster.base["optimizer"]["momentum"]) == (0.04, 0.9)
    default = {param.name: param.default for param in known.get("optimizer", "adam").params}
    assert adam.base["optimizer"] == {"use": "adam"} | default


def test_vary_crosses_keys_into_variants(known: registry.Registry) -> None:
    experiment = loads('kind = "training"\n[task]\nmodel = { use = "mlp", depth = 4 }\n[[variants]]\nname = "old"')
    grid = vary(
        experiment,
        {
            "optimizer.lr": [0.01, 0.1],
            "activation": ["relu", {"use": "sigmoid"}],
            "remedies": [[], ["batch_norm", {"use": "clip_norm"}]],
            "task.model.width": [16],
        },
    )
    assert len(grid.variants) == 8
    assert grid.variants[0].name == "lr 0.01, relu, no remedies, width 16"
    assert grid.variants[7].name == "lr 0.1, sigmoid, batch_norm + clip_norm, width 16"
    runs = resolve(grid, known)
    assert [run.base["optimizer"]["lr"] for run in runs] == [0.01] * 4 + [0.1] * 4
    assert {(run.task["model"]["depth"], run.task["model"]["width"]) for run in runs} == {(4, 16)}
    assert loads(dumps(grid)) == grid


def test_vary_gives_every_variant_a_name_of_its_own() -> None:
    experiment = loads('kind = "descent"')
    close = vary(experiment, {"optimizer.lr": [0.1, 0.1 + 1e-12]})
    assert [variant.name for variant in close.variants] == ["lr 0.1", "lr 0.1 (2)"]
    long = vary(experiment, {"optimizer": [{"use": "x" * 90, "lr": rate} for rate in (0.1, 0.2)]})
    assert all(len(variant.name) <= 80 for variant in long.variants)
    assert vary(experiment, {}).variants == []


def test_vary_takes_a_component_and_its_setting_together(known: registry.Registry) -> None:
    grid = vary(loads('kind = "descent"'), {"optimizer": ["sgd", "adam"], "optimizer.lr": [0.01, 0.02]})
    assert [(run.base["optimizer"]["use"], run.base["optimizer"]["lr"]) for run in resolve(grid, known)] == [
        ("sgd", 0.01),
        ("sgd", 0.02),
        ("adam", 0.01),
        ("adam", 0.02),
    ]


@pytest.mark.parametrize("axes", [{"lr": [1]}, {"optimizer": [3]}, {"": [1]}, {"seeds": [1]}, {"remedies.x": [1]}])
def test_vary_refuses_a_key_that_is_none(axes: dict[str, Any]) -> None:
    with pytest.raises(ExperimentError):
        vary(loads('kind = "descent"'), axes)


def test_vary_is_bounded() -> None:
    with pytest.raises(ExperimentError, match="more than 500 variants"):
        vary(loads('kind = "descent"'), {"optimizer.lr": range(30), "optimizer.momentum": range(30)})


# --- runs


def test_a_runs_id_depends_on_what_decides_its_numbers_only(known: registry.Registry) -> None:
    first, second = resolve(loads(SAMPLE), known)[:2]
    again = resolve(loads(SAMPLE.replace("ReLU + He", "another name").replace("What saves", "Who saves")), known)[0]
    assert first.id(known) == again.id(known)
    assert first.id(known) != second.id(known)
    assert len(first.id(known)) == 16


def test_a_runs_id_depends_on_the_plugins_source(known: registry.Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    run = resolve(loads(SAMPLE), known)[0]
    before = run.id(known)
    monkeypatch.setattr(known.owner("optimizer", "adam"), "digest", "changed")
    assert run.id(known) != before


def test_runs_survive_being_plain_data(known: registry.Registry) -> None:
    from dataclasses import asdict

    text = 'kind = "transfer"\nseeds = [3]\n[task]\nsource = { use = "digits", classes = "0-4" }\nsource_epochs = 2\n'
    text += '[base]\noptimizer = "sgd"\n[[variants]]\nname = "v"\noptimizer = "adam"\n'
    [run] = resolve(loads(text), known)
    assert run.source is not None
    assert run.source.kind == "training"
    assert run.source.seed == 3
    assert run.source.task["epochs"] == 2
    assert run.source.base["optimizer"]["use"] == "sgd", "the source is trained as the base says"
    assert Run.from_dict(asdict(run)) == run


def test_the_source_of_a_transfer_counts_in_the_id(
    known: registry.Registry, monkeypatch: pytest.MonkeyPatch, drop_in: Any
) -> None:
    source = "import torch\nfrom workbench import Optimizer, Param, hookimpl\n\n@hookimpl\n"
    source += "def register_optimizers(register):\n"
    source += "    register(Optimizer('mine', torch.optim.SGD, params=[Param('lr', 0.1)]))\n"
    drop_in("mine.py", source)
    here = registry.load()
    text = 'kind = "transfer"\n[task]\nsource = "digits"\n[base]\noptimizer = "mine"\n'
    text += '[[variants]]\nname = "v"\noptimizer = "adam"\n'
    [run] = resolve(loads(text), here)
    before = run.id(here)
    monkeypatch.setattr(here.owner("optimizer", "mine"), "digest", "changed")
    assert run.id(here) != before


def test_every_error_of_the_bench_is_a_workbench_error() -> None:
    assert issubclass(ExperimentError, WorkbenchError)


@pytest.mark.parametrize("name", [" ", "a\nb", "a\x1b[31mb"])
def test_a_name_that_cannot_be_read_is_refused(name: str) -> None:
    with pytest.raises(ExperimentError, match="not a name that can be read"):
        parse({"kind": "training", "variants": [{"name": name}]})
