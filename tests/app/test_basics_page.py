"""The page Basics, driven without a browser: sliders move, and what is written follows."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from workbench import registry
from workbench.basics import chain, entropy
from workbench_ui.state import lesson, lessons

CHECKOUT = Path(__file__).parents[2]
Visit = Callable[..., AppTest]
TABS = {"Chain rule": 2, "backward()": 1, "Cross-entropy": 3, "Vanishing": 2, "Shortcut": 4, "Fine-tuning": 0}


def healthy(test: AppTest) -> AppTest:
    assert not test.exception, test.exception
    assert not test.error, [error.value for error in test.error]
    return test


def sentences(test: AppTest) -> str:
    return " ".join(element.value for element in test.markdown)


def formulas(test: AppTest) -> str:
    return " ".join(element.value for element in test.latex)


def charts(test: AppTest) -> int:
    return len(test.get("vega_lite_chart"))


def on(visit: Visit, tab: str, **state: Any) -> AppTest:
    return healthy(visit("basics", basics__lesson=tab, **{f"basics__{key}": value for key, value in state.items()}))


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The pages that a script switched to, and what was to stay in the address."""
    pages: list[tuple[str, Any]] = []
    monkeypatch.setattr(
        streamlit, "switch_page", lambda page, query_params: pages.append((page.url_path, query_params))
    )
    return pages


@pytest.mark.parametrize("tab", TABS)
def test_every_lesson_draws_and_only_the_open_one(visit: Visit, tab: str) -> None:
    assert charts(on(visit, tab)) == TABS[tab]


def test_the_first_thing_shown_is_the_tutorials_product(visit: Visit) -> None:
    test = healthy(visit("basics"))
    assert "∂E/∂w₁₁ = 0.0100 · 0.0200 = 0.000200" in sentences(test)
    assert r"= 0.0100 \cdot 0.0200 = 0.000200" in formulas(test)
    table = test.dataframe[0].value
    assert table["difference"].max() < 1e-12
    assert table["torch"].tolist() == pytest.approx(table["hand"].tolist(), abs=1e-12)


def test_moving_an_input_moves_every_number(visit: Visit) -> None:
    test = visit("basics")
    healthy(test.slider(key="basics.income").set_value(1.0).run())
    a = 1 / (1 + math.exp(-(0.5 * 1.0 + 1.3 * 0.7)))
    assert rf"= x_{{1}} = {1.0:.2f}" in formulas(test)
    assert f"= f'(z_{{1}}) = {a * (1 - a):.3f}" in formulas(test)
    healthy(test.slider(key="basics.w11").set_value(-5.0).run())
    healthy(test.slider(key="basics.target").set_value(1.0).run())
    healthy(test.button_group(key="basics.weight").set_value("v2").run())
    assert sentences(test).count("∂E/∂v₂") == 1
    healthy(test.slider(key="basics.income").set_value(0.0).run())
    healthy(test.button_group(key="basics.weight").set_value("w12").run())
    assert "exactly 0, so w₁₂ does not move" in sentences(test)


@pytest.mark.parametrize("name", registry.current().names("activation"))
def test_any_registered_activation_can_be_chosen(visit: Visit, name: str) -> None:
    for tab, key in (("Chain rule", "chain"), ("Vanishing", "depth"), ("Shortcut", "residual")):
        test = on(visit, tab, blocks=5, **{f"{key}__f": name})
        assert test.selectbox(key=f"basics.{key}.f").value == name
        assert charts(test) == TABS[tab]


def test_the_settings_of_an_activation_count_and_are_kept(visit: Visit) -> None:
    name, param = next(
        (each.name, param)
        for each in registry.current().all("activation")
        for param in each.params
        if (each.name, param.name) == ("leaky_relu", "negative_slope")
    )
    test = on(visit, "Vanishing", depth__f=name, z=-3.0)
    key = f"basics.depth.{name}.{param.name}"
    healthy(test.number_input(key=key).set_value(0.5).run())
    assert rf"|f'(z)|^{{10}} &= 0.500^{{10}} = {0.5**10:.6f}" in formulas(test)
    assert test.session_state["basics.settings"][key] == 0.5


def test_calls_of_backward_add_up(visit: Visit) -> None:
    test = on(visit, "backward()")
    assert "agree exactly" in sentences(test)
    healthy(test.slider(key="basics.x1").set_value(-1.5).run())
    healthy(test.slider(key="basics.calls").set_value(3).run())
    assert "x.grad is 3 times the gradient" in sentences(test)
    table = test.dataframe[0].value
    assert table["torch"].tolist() == pytest.approx([-9.0, -12.0, 3.0])
    assert test.code[0].value.count(".backward()") == 3
    assert test.code[0].value.endswith("# [-9.0, -12.0, 3.0]")


def test_the_published_losses_are_named_where_they_went_wrong(visit: Visit) -> None:
    test = on(visit, "Cross-entropy")
    assert "The loss is 0.674835 and 2.540286; with a softmax in front of it 1.314 and 1.745." in sentences(test)
    assert any("1.314 and 1.745. These are the losses with a softmax too many" in info.value for info in test.info)
    assert f"between {math.log(1 + 4 / math.e):.3f} and {math.log(math.e + 4):.3f}" in sentences(test)
    healthy(test.slider(key="basics.class5").set_value(0).run())
    assert not test.info  # another class is no longer the published example


def test_logits_can_be_typed_and_what_cannot_be_read_is_refused(visit: Visit) -> None:
    test = on(visit, "Cross-entropy")
    healthy(test.text_input(key="basics.logits1").set_value("0 0 0 0 0 0 0 0 0 0").run())
    healthy(test.text_input(key="basics.logits2").set_value("0 0 0 0 0 0 0 0 0 1").run())
    healthy(test.slider(key="basics.class10").set_value(4).run())
    assert f"The loss is {math.log(10):.6f} and" in sentences(test)  # a guess among ten
    test.text_input(key="basics.logits1").set_value("1, x").run()
    assert [error.value for error in test.error] == [
        "'x' is not a number; allowed: 2 to 12 numbers from -100 to 100, like 1, 0.5, 0.5, 2, 0.1"
    ]
    healthy(test.text_input(key="basics.logits1").set_value("2, 1").run())
    assert test.slider(key="basics.class2").max == 1  # the shorter example decides which classes there are
    healthy(test.text_input(key="basics.logits2").set_value("2, 1").run())


def test_the_second_example_and_a_moved_target_are_shown(visit: Visit) -> None:
    test = on(visit, "Cross-entropy")
    healthy(test.button_group(key="basics.example").set_value(2).run())
    healthy(test.slider(key="basics.by").set_value(-5.0).run())
    table = test.dataframe[0].value
    assert table["logit"].tolist() == pytest.approx([0.5, 2.0, 0.5, -4.9, 0.8])
    assert "2.540286" in sentences(test)  # the finding is about the examples as they are typed
    moved = entropy.Example(entropy.EXAMPLES[1], 3).raised(-5.0)
    assert rf"\mathbf{{{moved.loss:.6f}}}" in formulas(test)


def test_layers_of_sigmoids_leave_their_power_of_a_quarter(visit: Visit) -> None:
    test = on(visit, "Vanishing", z=0.0)
    healthy(test.slider(key="basics.layers").set_value(3).run())
    assert "3 layers leave at most 0.0156 of the gradient" in sentences(test)
    assert any("exactly 0" in caption.value and "z = 16.6" in caption.value for caption in test.caption)


def test_a_branch_of_size_zero_passes_everything(visit: Visit) -> None:
    test = on(visit, "Shortcut")
    healthy(test.slider(key="basics.scale").set_value(0.0).run())
    healthy(test.slider(key="basics.blocks").set_value(50).run())
    assert "Over 50 layers the derivative is 0 without the shortcut; with it exactly what came in, 1." in sentences(
        test
    )


def test_what_grows_beyond_all_numbers_is_said(visit: Visit) -> None:
    test = on(visit, "Shortcut", residual__f="relu")
    healthy(test.slider(key="basics.blocks").set_value(50).run())
    assert "the shortcut keeps a gradient from vanishing, not from growing" in sentences(test)
    test = on(visit, "Shortcut", residual__f="squared_relu")  # x + x^2, twenty times over
    assert "with it infinite" in sentences(test)
    assert any("no share can be given" in caption.value for caption in test.caption)
    assert charts(test) == TABS["Shortcut"] - 1


def test_the_ways_to_other_pages(visit: Visit, gone: list[tuple[str, Any]]) -> None:
    test = on(visit, "Fine-tuning")
    healthy(test.button(key="basics.transfer").click().run())
    test = on(visit, "Vanishing")
    healthy(test.button(key="basics.open.ten-sigmoid-layers").click().run())
    assert gone == [("transfer", {}), ("training", {})]
    assert test.session_state["training.plain"]["title"] == lesson("ten-sigmoid-layers").title
    assert {"ten-sigmoid-layers", "saturated-sigmoid"} <= set(lessons())


def test_settings_are_kept_while_their_lesson_is_not_shown(visit: Visit) -> None:
    test = on(visit, "Shortcut")
    healthy(test.slider(key="basics.scale").set_value(0.35).run())
    test.query_params["basics.lesson"] = "Vanishing"
    assert "dy" not in formulas(healthy(test.run()))
    test.query_params["basics.lesson"] = "Shortcut"
    assert healthy(test.run()).slider(key="basics.scale").value == 0.35
    assert r"1 + 0.35 \cdot f'(0.5)" in formulas(test)


def test_settings_come_from_the_address() -> None:
    fresh = AppTest.from_file(str(CHECKOUT / "pages" / "basics.py"), default_timeout=120)
    fresh.query_params["basics.target"] = "1.0"
    fresh.query_params["basics.lesson"] = "Chain rule"
    healthy(fresh.run())
    assert fresh.slider(key="basics.target").value == 1.0
    y = chain.forward(chain.INPUTS, chain.WEIGHTS, 1.0, chain_slope()).output.after
    assert f"y - t = {y:.3f} - 1 = {y - 1:.3f}" in formulas(fresh)


def chain_slope() -> Any:
    from workbench.basics.slope import Slope

    return Slope({"use": "sigmoid"}, registry.current())


def test_an_activation_that_breaks_is_named_and_takes_no_other_lesson_down(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench import Activation
    from workbench.registry import Plugin

    def broken() -> Any:
        raise RuntimeError("no")

    known = registry.current()
    known.add("activation", Activation("broken", broken), Plugin("theirs", "t", "x"))
    monkeypatch.setattr(registry, "current", lambda: known)
    try:
        test = visit("basics", basics__lesson="Shortcut", basics__residual__f="broken")
        assert not test.exception
        assert ["plugin 'theirs' failed: RuntimeError: no" in error.value for error in test.error] == [True]
        test.query_params["basics.lesson"] = "Vanishing"
        healthy(test.run())
    finally:
        known._components["activation"].pop("broken")
        known._owners.pop(("activation", "broken"))
