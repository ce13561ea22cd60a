"""Every page's script, driven without a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from waiting import until

from workbench import Param, registry
from workbench.experiment import dump, parse, resolve
from workbench.runs import Lane
from workbench.runs.job import plan
from workbench_ui.bench import open_bench
from workbench_ui.compose_vary import typed
from workbench_ui.state import lesson, lessons

Visit = Callable[..., AppTest]
CHECKOUT = Path(__file__).parents[2]


def healthy(test: AppTest) -> AppTest:
    assert not test.exception, test.exception
    assert not test.error, [error.value for error in test.error]
    return test


def settle(test: AppTest, jobs: list) -> AppTest:
    open_bench().wait(jobs)
    return healthy(test.run())


def test_the_router_shows_every_registered_page() -> None:
    test = AppTest.from_file(str(CHECKOUT / "workbench" / "streamlit_app.py"), default_timeout=120).run()
    healthy(test)
    assert test.title[0].value == "Gradient Workbench"


@pytest.mark.parametrize("name", registry.current().names("page"))
def test_every_page_runs_without_an_error(visit: Visit, name: str) -> None:
    test = healthy(visit(name))
    assert test.title[0].value


@pytest.mark.parametrize("name", lessons())
def test_every_lesson_resolves(name: str) -> None:
    assert resolve(lesson(name), registry.current())
    assert lesson(name).lesson


def test_the_surfaces_page_states_what_its_records_say(visit: Visit) -> None:
    test = healthy(visit("surfaces"))
    records = open_bench().measure(plan(lesson("nine-optimizers")))
    diverged = records["summary"][records["summary"]["outcome"] == "diverged"]
    assert len(diverged) == 1
    sentence = " ".join(element.value for element in test.markdown)
    assert f"diverged from step {diverged['steps'].iloc[0]}" in sentence


def test_a_change_of_the_base_changes_the_experiment(visit: Visit) -> None:
    test = visit("surfaces")
    test.sidebar.slider(key="surfaces.0.task.steps").set_value(7)
    healthy(test.run())
    assert test.session_state["surfaces.plain"]["task"]["steps"] == 7


def test_a_variant_can_be_added_duplicated_removed_and_had_back(visit: Visit) -> None:
    test = visit("surfaces")
    count = len(test.session_state["surfaces.plain"]["variants"])

    def names() -> list[str]:
        return [variant["name"] for variant in test.session_state["surfaces.plain"]["variants"]]

    test.button(key="surfaces.0.add").click()
    healthy(test.run())
    assert len(names()) == count + 1
    test.button(key=f"surfaces.1.variants.{count}.remove").click()
    healthy(test.run())
    assert len(names()) == count
    test.button(key="surfaces.2.undo").click()
    healthy(test.run())
    assert len(names()) == count + 1


def test_composing_nothing_changes_nothing(visit: Visit) -> None:
    """What the widgets give back resolves to the very runs of the lesson."""
    for name, page in (("nine-optimizers", "surfaces"), ("tolerance", "rates"), ("transfer-digits", "transfer")):
        test = healthy(visit(page, **{f"{page}__plain": dump(lesson(name))}))
        made = parse(test.session_state[f"{page}.plain"])
        assert resolve(made, registry.current()) == resolve(lesson(name), registry.current())


def test_a_training_runs_and_is_shown(visit: Visit) -> None:
    small = parse({"kind": "training", "title": "small", "task": {"epochs": 1}})
    test = visit("training", training__plain=dump(small))
    settle(test, plan(small))
    assert test.dataframe[0].value["outcome"].tolist() == ["finished"]
    assert any("Run again" in button.label for button in test.button)


def progress_texts(test: AppTest) -> list[str]:
    return [element.proto.text for element in test.get("progress")]


LONG = {"kind": "training", "title": "long", "task": {"epochs": 4000}}


def test_a_training_is_paused_and_goes_on(visit: Visit) -> None:
    [job] = plan(parse(LONG))
    test = visit("training", training__plain=LONG)
    until(lambda: open_bench().status(job).done > 20)
    healthy(test.run())
    test.button(key="training.pause").click().run()
    until(lambda: open_bench().status(job).state == "paused")
    healthy(test.run())
    paused = open_bench().status(job)
    assert any("1 paused" in text for text in progress_texts(test))
    assert test.button(key="training.go").label == "Resume"
    another = visit("training", training__plain=LONG)  # somebody else looks: what was paused waits for a click
    assert open_bench().status(job).state == "paused"
    another.button(key="training.go").click().run()
    until(lambda: open_bench().status(job).done > paused.done)
    healthy(another.run())
    another.button(key="training.stop").click().run()
    until(lambda: not open_bench().status(job).live)
    healthy(another.run())
    assert open_bench().status(job).state == "stopped"
    assert another.button(key="training.go").label == "Resume"
    assert another.button(key="training.over").label == "Start over"
    curve = open_bench().records([job])["curve"].query("split == 'train'")
    assert curve["step"].is_unique
    assert curve["step"].is_monotonic_increasing


def test_a_branch_is_added_and_drawn(visit: Visit) -> None:
    small = parse({"kind": "training", "title": "fork", "task": {"epochs": 2, "batch_size": 100}})
    test = settle(visit("training", training__plain=dump(small)), plan(small))
    healthy(test.slider(key="training.fork.step.base").set_value(20).run())
    test.button(key="training.fork.add").click()
    healthy(test.run())
    plain = test.session_state["training.plain"]
    assert plain["variants"] == [
        {"name": "base"}, {"name": "base from step 20", "fork": {"step": 20, "variant": "base"}},
    ]  # fmt: skip
    plain["variants"][1]["optimizer"] = {"lr": 0.1}
    made = parse(plain)
    test = visit("training", training__plain=plain)
    assert parse(test.session_state["training.plain"]) == made
    settle(test, plan(made))
    assert set(test.dataframe[0].value["outcome"]) == {"finished"}
    assert any("forked from 'base' at step 20" in str(remark) for remark in test.dataframe[0].value["remark"])
    assert any("A ring marks" in caption.value for caption in test.caption)


def test_a_trunk_stays_while_it_has_branches_and_long_names_can_be_duplicated(visit: Visit) -> None:
    plain = {
        "kind": "training", "title": "t", "task": {"epochs": 1},
        "variants": [{"name": "a" * 80}, {"name": "b", "fork": {"step": 3, "variant": "a" * 80}, "optimizer": "sgd"}],
    }  # fmt: skip
    test = healthy(visit("training", training__plain=plain, **{"training__0__variants__0": True}))
    healthy(test.button(key="training.0.variants.0.remove").click().run())
    assert len(test.session_state["training.plain"]["variants"]) == 2
    assert any("b branches off" in warning.value for warning in test.warning)
    test.session_state["training.0.variants.0"] = True
    healthy(test.run())
    healthy(test.button(key="training.0.variants.0.copy").click().run())
    assert [v["name"] for v in test.session_state["training.plain"]["variants"]][1] == "a" * 70 + " copy"


def test_what_cannot_be_composed_can_be_undone(visit: Visit) -> None:
    before = {"kind": "training", "title": "before", "task": {"epochs": 1}}
    wrong = {**before, "variants": [{"name": "b", "fork": {"step": 3, "variant": "nobody"}}]}
    test = visit("training", training__plain=wrong, training__undo=before)
    assert any("no variant that stands before it" in error.value for error in test.error)
    healthy(test.button(key="training.unrefuse").click().run())
    assert test.session_state["training.plain"]["title"] == "before"


def test_a_branch_follows_its_trunk_when_that_is_renamed(visit: Visit) -> None:
    plain = {
        "kind": "training", "title": "t", "task": {"epochs": 1},
        "variants": [{"name": "a"}, {"name": "b", "fork": {"step": 3, "variant": "a"}, "optimizer": "sgd"}],
    }  # fmt: skip
    test = healthy(visit("training", training__plain=plain, **{"training__0__variants__0": True}))
    test.text_input(key="training.0.variants.0.name").set_value("trunk")
    healthy(test.run())
    assert test.session_state["training.plain"]["variants"][1]["fork"] == {"step": 3, "variant": "trunk"}


def test_a_change_after_a_training_is_announced_and_not_run_by_itself(visit: Visit) -> None:
    small = parse({"kind": "training", "title": "small", "task": {"epochs": 1}})
    test = settle(visit("training", training__plain=dump(small)), plan(small))
    test.number_input(key="training.0.task.epochs").set_value(2)
    healthy(test.run())
    assert any("Press Run" in info.value for info in test.info)
    changed = parse(test.session_state["training.plain"])
    assert all(open_bench().status(job).state == "absent" for job in plan(changed))
    test.button(key="training.go").click()
    settle(test.run(), plan(changed))
    assert all(open_bench().status(job).state == "finished" for job in plan(changed))


def test_a_failure_is_a_sentence_with_the_plugins_name(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faulty.py").write_text(
        "from workbench import Optimizer, hookimpl\n"
        "def make(params):\n    raise RuntimeError('no such thing')\n"
        "@hookimpl\ndef register_optimizers(register):\n    register(Optimizer('faulty_one', make))\n"
    )
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(tmp_path))
    plain = {"kind": "descent", "title": "x", "base": {"optimizer": "faulty_one"}}
    test = visit("surfaces", surfaces__plain=plain)
    assert not test.exception
    assert any("faulty" in error.value and "no such thing" in error.value for error in test.error)


def test_a_missing_plugin_is_named_where_the_choice_is_made(visit: Visit) -> None:
    test = visit("surfaces", surfaces__plain={"kind": "descent", "base": {"optimizer": "gone"}})
    assert not test.exception
    assert any("gone" in error.value for error in test.error)


@pytest.mark.parametrize("name", ["surfaces", "rates"])
def test_a_second_look_computes_nothing_anew(visit: Visit, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    test = healthy(visit(name))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("light work was executed again")

    monkeypatch.setattr(open_bench()._clients[Lane.LIGHT], "submit", refuse)
    healthy(test.run())


def test_typed_values_are_checked() -> None:
    rate = Param("lr", 0.1, low=0.0, high=1.0)
    assert typed("0.01, 0.1,, 0.1", rate) == [0.01, 0.1]
    assert typed("2", rate) is None
    assert typed("nan", rate) is None
    assert typed("x", Param("n", 1)) is None
    assert typed("3, 4", Param("n", 1)) == [3, 4]
    assert typed("true, false", Param("b", True)) == [True, False]


@pytest.mark.parametrize(
    "optimizer",
    [
        {"use": "sgd", "lr": -1.0},
        {"use": "sgd", "lr": "fast"},
        {"use": "sgd", "speed": 1.0},
        {"use": "sgd", "nesterov": "yes"},
    ],
)
def test_an_experiment_with_a_wrong_setting_is_refused_and_can_be_mended(visit: Visit, optimizer: dict) -> None:
    plain = {"kind": "descent", "title": "x", "base": {"optimizer": optimizer}}
    test = visit("surfaces", surfaces__plain=plain)
    assert not test.exception
    [error] = test.error
    assert next(key for key in optimizer if key != "use") in error.value
    assert test.session_state["surfaces.plain"] == plain
    test.button(key="surfaces.mend").click()
    healthy(test.run())


def test_a_small_tolerance_and_many_seeds_are_shown_as_they_are(visit: Visit) -> None:
    plain = {"kind": "descent", "title": "x", "task": {"tolerance": 1e-30}}
    test = healthy(visit("surfaces", surfaces__plain=plain))
    assert test.session_state["surfaces.plain"]["task"]["tolerance"] == 1e-30
    seeds = list(range(150))
    plain = {"kind": "training", "title": "x", "seeds": seeds, "task": {"epochs": 0, "dataset": "gaussian"}}
    test = visit("training", training__plain=plain)
    assert not test.exception
    assert test.session_state["training.plain"]["seeds"] == seeds


def test_a_surface_without_a_number_is_a_sentence(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "holes.py").write_text(
        "from workbench import Surface, hookimpl\n"
        "@hookimpl\ndef register_surfaces(register):\n"
        "    register(Surface('hole', lambda x, y: x * float('nan')))\n"
    )
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(tmp_path))
    test = visit("surfaces", surfaces__plain={"kind": "descent", "title": "x", "task": {"surface": "hole"}})
    assert not test.exception


def test_a_sweep_of_another_setting_with_several_seeds(visit: Visit) -> None:
    plain = {
        "kind": "sweep",
        "title": "x",
        "seeds": [0, 1],
        "sweep": {"parameter": "momentum", "low": 0.0, "high": 0.9},
    }
    test = healthy(visit("rates", rates__plain=plain))
    assert "momentum" in " ".join(element.value for element in test.markdown)
