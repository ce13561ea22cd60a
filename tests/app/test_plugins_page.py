"""The Plugins page: what is missing, what is left out, and what a component asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from workbench import registry
from workbench.components import KINDS

ABSENT = "from workbench import Unavailable\nraise Unavailable('no_such_package is not installed')\n"
CROWD = """
import torch
from workbench import Optimizer, Param, hookimpl

@hookimpl
def register_optimizers(register):
    for number in range(60):
        register(Optimizer(f"crowd_{number}", torch.optim.SGD, [Param("lr", 0.1, help="rate")],
                 summary=f"Number {number} of many.", licence="not permissive"))
    register.left_out("crowd_60", "it is one too many")
"""


def test_a_plugin_that_is_not_available_is_no_error(
    visit: Callable[..., AppTest], drop_in: Callable[[str, str], Path]
) -> None:
    drop_in("absent.py", ABSENT)
    page = visit("plugins")
    assert not page.exception
    assert not page.error
    assert "no_such_package is not installed" in [info.value for info in page.info]
    assert any("none has an error" in text.value for text in page.markdown)
    assert "no_such_package is not installed" in set(page.dataframe[0].value["wrong or missing"])


def test_of_many_components_one_is_looked_up(
    visit: Callable[..., AppTest], drop_in: Callable[[str, str], Path]
) -> None:
    drop_in("crowd.py", CROWD)
    page = visit("plugins")
    assert not page.exception
    labels = [expander.label for expander in page.expander]
    assert any(label.startswith("**sgd**") for label in labels)
    assert not any(label.startswith("**crowd_") for label in labels)
    assert "What **crowd** leaves out, and why (1)" in labels
    assert any("it is one too many" in set(table.value.get("reason", [])) for table in page.table)
    page.selectbox("plugins.chosen.optimizer.crowd").set_value("crowd_42").run()
    assert not page.exception
    [chosen] = [expander for expander in page.expander if expander.label.startswith("**crowd_")]
    assert chosen.label == "**crowd_42**: Number 42 of many."
    assert "**licence: not permissive.**" in [text.value for text in chosen.markdown]


def test_every_kind_of_component_is_offered(visit: Callable[..., AppTest]) -> None:
    [kinds] = [group for group in visit("plugins").button_group if group.key == "plugins.kind"]
    assert set(kinds.options) == {kind for kind in KINDS if registry.current().names(kind)}
    assert "rule" in kinds.options


def test_the_list_says_how_much_each_plugin_registered(visit: Callable[..., AppTest]) -> None:
    rows = visit("plugins").dataframe[0].value
    known = registry.current()
    assert rows["plugin"].tolist() == [plugin.name for plugin in known.plugins]
    told = dict(zip(rows["plugin"], rows["registered"], strict=True))
    assert told["activations"] == f"activation: {len(known.names('activation'))}"
    assert told["bench_pages"] == f"page: {len(known.names('page'))}"
    assert "wrong or missing" not in rows, "nothing is"
