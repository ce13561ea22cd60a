"""What a plugin hands over: Params, names, hook names."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import Dataset, Optimizer, Page, Param, Remedy, Surface, hookspecs
from workbench.components import KINDS, hook_names
from workbench.param import plain


def test_a_value_is_returned_in_the_params_own_type() -> None:
    assert type(Param("lr", 0.1).check(1)) is float
    assert type(Param("n", 1).check(3.0)) is int
    assert Param("mode", "a", choices=["a", "b"]).check("b") == "b"
    assert Param("on", False).check(True) is True


@pytest.mark.parametrize(
    ("param", "value", "words"),
    [
        (Param("lr", 0.1, low=1e-5, high=1.0), 2, "2.0 is not allowed; allowed: a number from 1e-05 to 1"),
        (Param("lr", 0.1, low=0), -1.0, "allowed: a number of at least 0"),
        (Param("lr", 0.1, high=1), 5, "allowed: a number of at most 1"),
        (Param("lr", 0.1), math.nan, "nan is not allowed; allowed: a number"),
        (Param("lr", 0.1), 10**400, "inf is not allowed"),
        (Param("lr", 0.1), True, "True is not allowed; allowed: a number"),
        (Param("n", 1), 1.5, "allowed: a whole number"),
        (Param("n", 1), False, "allowed: a whole number"),
        (Param("on", True), 1, "allowed: true or false"),
        (Param("mode", "a", choices=["a", "b"]), "c", "'c' is not allowed; allowed: one of a, b"),
        (Param("mode", "a"), ["a"], "allowed: a text"),
        (Param("mode", "a"), "x" * 10_001, "a text of 10001 characters is not allowed; allowed: at most 10000"),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_what_is_allowed(param: Param, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match="not allowed") as caught:
        param.check(value)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "use", "default": 1},
        {"name": "a b", "default": 1},
        {"name": 3, "default": 1},
        {"name": "x", "default": None},
        {"name": "x", "default": [1]},
        {"name": "x", "default": 5.0, "low": 0.0, "high": 1.0},
        {"name": "x", "default": math.inf},
        {"name": "x", "default": "c", "choices": ["a"]},
        {"name": "x", "default": 1.0, "scale": "cubic"},
        {"name": "x", "default": 1.0, "scale": "log"},
        {"name": "x", "default": 1.0, "low": math.nan},
    ],
)
def test_a_bad_param_is_refused_when_it_is_made(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Param"):
        Param(**arguments)


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()), st.binary()
)


@given(value=anything)
def test_check_returns_an_allowed_value_or_raises_value_error(value: Any) -> None:
    for param in (Param("a", 0.5, low=0.0, high=1.0), Param("b", 2, low=0), Param("c", True), Param("d", "x")):
        try:
            checked = param.check(value)
        except ValueError:
            continue
        assert type(checked) is type(param.default)
        assert checked == value
        assert param.check(checked) == checked


@pytest.mark.parametrize("name", ["", "SGD", "1st", "a-b", "a b", None, "x" * 65])
def test_component_names_are_spelt_like_functions(name: Any) -> None:
    with pytest.raises(ValueError, match="is not lower-case"):
        Surface(name, lambda x, y: x)


def test_a_component_is_checked_when_it_is_made() -> None:
    with pytest.raises(TypeError, match="cannot be called"):
        Optimizer("one", "sgd")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is not a Param"):
        Optimizer("one", print, params=[0.1])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="the Param 'lr' is given twice"):
        Optimizer("one", print, params=[Param("lr", 0.1), Param("lr", 0.2)])
    with pytest.raises(ValueError, match="there is no file"):
        Page("one", Path("nowhere.py"))
    assert Optimizer("two_words", print).title == "two words"
    assert [param.name for param in Dataset("d", print, params=[Param("n", 1)]).params] == ["n", "classes"]


@pytest.mark.parametrize("key", ["title", "summary", "equation", "reference"])
def test_what_people_read_is_text(key: str) -> None:
    with pytest.raises(TypeError, match=f"'one': its {key} is 5; write a text"):
        Optimizer("one", print, **{key: 5})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": (2, -2)}, r"x = \[2, -2\] must begin below its end"),
        ({"y": (1, 1)}, "must begin below its end"),
        ({"x": (-math.inf, 1)}, "in x is not two finite numbers"),
        ({"start": "12"}, "'12' in start is not two finite numbers"),
        ({"start": (1, 2, 3)}, "in start is not two"),
        ({"start": (math.nan, 0)}, "in start is not two"),
        ({"minima": [(1,)]}, "in minima is not two"),
        ({"minima": 5}, "minima = 5 is not a list of points"),
    ],
)
def test_the_places_of_a_surface_are_checked(change: dict[str, Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        Surface("one", lambda x, y: x, **change)


def test_every_kind_has_its_hook() -> None:
    hooks = {name for name in vars(hookspecs) if name.startswith("register_")}
    assert set(hook_names().values()) == hooks
    assert set(hook_names()) == set(KINDS)
    for name in hooks:
        assert (getattr(hookspecs, name).__doc__ or "").startswith("Register "), name


def test_a_remedy_knows_whether_it_needs_a_network() -> None:
    class OnGradients(Remedy):
        def before_step(self, parameters: Any, clock: Any) -> None:
            return None

    class OnBlocks(Remedy):
        def edit_blocks(self, blocks: Any) -> Any:
            return blocks

    assert not OnGradients.needs_network()
    assert OnBlocks.needs_network()
    assert OnGradients(limit=2.0).limit == 2.0  # type: ignore[attr-defined]


def test_a_remedy_does_nothing_by_itself() -> None:
    remedy, blocks, groups, loss = Remedy(), [object()], [{"lr": 1.0}], print
    assert remedy.edit_blocks(blocks) is blocks  # type: ignore[arg-type, comparison-overlap]
    assert remedy.edit_param_groups(groups) is groups
    assert remedy.edit_loss(loss) is loss  # type: ignore[arg-type, comparison-overlap]
    assert remedy.edit_schedule(print) is print  # type: ignore[arg-type, comparison-overlap]
    assert remedy.wrap_optimizer(blocks) is blocks  # type: ignore[arg-type, comparison-overlap]


@pytest.mark.parametrize(("number", "text"), [(0.001, "0.001"), (1e-8, "1e-08"), (1.0, "1"), (2**31, "2147483648")])
def test_numbers_are_written_as_people_do(number: float, text: str) -> None:
    assert plain(number) == text


@pytest.mark.parametrize("given", [[-1, 3], (-1.0, 3.0), [-1.0, 3]])
def test_an_interval_is_two_numbers(given: Any) -> None:
    assert Param("x", (-2.0, 2.0)).check(given) == (-1.0, 3.0)


@pytest.mark.parametrize(
    "given", [[3, -1], [1, 1], [1], [1, 2, 3], ["a", 2], 1.0, "12", [math.nan, 1], [0, math.inf], [True, 2], None]
)
def test_what_is_no_interval_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="allowed: two numbers, the lower first"):
        Param("x", (-2.0, 2.0)).check(given)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"search": (1.0, 0.1)}, "must begin below its end"),
        ({"search": (0.0, 1.0), "low": 0.0, "scale": "log"}, "on a log scale above 0"),
        ({"search": (0.0, 2.0), "high": 1.0}, "goes beyond"),
        ({"search": (-1.0, 0.5), "low": 0.0}, "goes beyond"),
        ({"search": "ab"}, "is not two finite numbers"),
    ],
)
def test_a_range_worth_trying_lies_within_the_bounds(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Param("lr", 0.5, **keys)


def test_a_rule_refuses_what_the_type_allows() -> None:
    def even(value: int) -> None:
        if value % 2:
            raise ValueError(f"{value} is odd")

    param = Param("count", 2, rule=even)
    assert param.check(4) == 4
    with pytest.raises(ValueError, match="3 is odd"):
        param.check(3)


def test_minima_may_depend_on_the_settings() -> None:
    surface = Surface("dip", lambda x, y, a: (x - a) ** 2 + y**2, params=[Param("a", 1.0)], minima=lambda a: [(a, 0)])
    assert surface.minima_of({"use": "dip", "a": 0.5, "x": (-1, 1), "noise": 0.0}) == ((0.5, 0.0),)
    assert [param.name for param in surface.params] == ["a", "x", "y", "noise"]
