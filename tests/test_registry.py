"""Plugins: where they are found, how a broken one is kept apart, what is said about it."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from workbench import Optimizer, Surface, discovery, house, registry
from workbench.capabilities import capabilities
from workbench.discovery import BUILTINS
from workbench.errors import UnknownComponent, WorkbenchError, allowed_names
from workbench.registry import Plugin, Registry

BROKEN = Path(__file__).parent / "broken_plugins"
SURFACE = """
from workbench import Surface, hookimpl

@hookimpl
def register_surfaces(register):
    register(Surface("{name}", lambda x, y: x + {number}))
"""
DropIn = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def _listen(caplog: pytest.LogCaptureFixture) -> None:
    """Other tests may have silenced the registry."""
    caplog.set_level(logging.INFO, logger="workbench.registry")


ABSENT = """
from workbench import Unavailable

raise Unavailable("a_package\\nis not installed; pip install a_package")
"""
PARTLY = """
from workbench import Surface, hookimpl

@hookimpl
def register_surfaces(register):
    register(Surface("kept", lambda x, y: x))
    register.left_out("thrown", "it has no bottom")

@hookimpl
def register_optimizers(register):
    register.left_out("thrown", "it needs a wind tunnel")
"""


def plugin_called(name: str, known: Registry) -> Plugin:
    found = [plugin for plugin in known.plugins if plugin.name == name]
    assert len(found) == 1, f"{name} is listed {len(found)} times"
    return found[0]


def load_broken(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Plugin, Registry]:
    folder = tmp_path / "broken"
    folder.mkdir()
    shutil.copy(BROKEN / f"{name}.py", folder)
    (folder / "zz_after.py").write_text(SURFACE.format(name="after", number=1))
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(folder))
    known = registry.load()
    assert "quadratic" in known.names("surface")
    assert "after" in known.names("surface"), "the plugin after the broken one is there"
    assert [plugin.errors for plugin in known.plugins if plugin.place == "built-in"] == [[]] * len(BUILTINS)
    return plugin_called(name, known), known


def test_builtins_are_there_and_sound() -> None:
    known = registry.load()
    assert [plugin.name for plugin in known.plugins[: len(BUILTINS)]] == list(BUILTINS)
    for plugin in known.plugins[: len(BUILTINS)]:
        assert plugin.errors == []
        assert plugin.place == "built-in"
        assert plugin.version
        assert len(plugin.digest) == 12
        assert plugin.components
    names = ["sgd", "adagrad", "rmsprop", "adadelta", "adam", "adamw"]
    assert set(names) <= set(known.names("optimizer"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("syntax_error", ["could not be imported: SyntaxError", "syntax_error.py, line 1"]),
        ("import_error", ["could not be imported: ImportError", "nothing_of_that_name", "import_error.py, line 3"]),
        ("missing_dependency", ["ModuleNotFoundError", "pip install a_package_that_nobody_has"]),
        ("raises_at_import", ["could not be imported: Unspeakable: (no message: RuntimeError while writing it)"]),
        ("system_exit", ["could not be imported: SystemExit: I am a script"]),
        ("raises_in_hook", ["register_schedules raised SystemExit: 3 (raises_in_hook.py, line 14)"]),
        ("misspelt_hook", ["unknown hook 'register_optimisers'; did you mean 'register_optimizers'?"]),
        ("unmarked_hook", ["register_surfaces is not marked", "@hookimpl"]),
        ("wrong_argument", ["register_optimizers takes registry, more; write it as def register_optimizers(register)"]),
        ("wrong_type", ["register_optimizers takes Optimizer objects, not <class 'torch.optim.sgd.SGD'>"]),
        ("bad_param", ["Param 'k': the default 5.0 is not allowed; allowed: a number from 0 to 1"]),
        ("clash", ["surface 'quadratic' is already registered by plugin 'surfaces'", "plugin 'clash'"]),
        ("returns_instead", ["register_surfaces returned Surface(name='returned'", "hand it to register(...)"]),
        ("yields", ["register_surfaces uses yield, so nothing is registered"]),
        ("no_hooks", ["it registers nothing"]),
        ("empty_hook", ["register_surfaces registered nothing"]),
        ("hides_remedy", ["the Param 'before_step' would hide what Remedy calls so"]),
    ],
)
def test_a_broken_plugin_is_listed_with_its_error(
    name: str, words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugin, _ = load_broken(name, monkeypatch, tmp_path)
    for word in words:
        assert word in plugin.errors[0]
    assert all("\n" not in error for error in plugin.errors)
    assert plugin.errors[0] in caplog.text
    assert all(record.exc_info is None for record in caplog.records if record.levelno >= logging.WARNING), (
        "tracebacks are for the log file"
    )


def test_what_is_sound_in_a_broken_plugin_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plugin, known = load_broken("wrong_argument", monkeypatch, tmp_path)
    assert len(plugin.errors) == 2
    assert plugin.components == [("surface", "beside_a_wrong_hook")]
    assert known.owner("surface", "beside_a_wrong_hook") is plugin


def test_a_wrong_type_does_not_stop_the_registrations_after_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plugin, _ = load_broken("wrong_type", monkeypatch, tmp_path)
    assert plugin.components == [("optimizer", "beside_a_wrong_type")]
    assert len(plugin.errors) == 4
    assert "not Surface(name='lost'" in plugin.errors[1]
    assert plugin.errors[2].startswith("remedy Nameless: the name None is not")
    assert plugin.errors[3].startswith("register_remedies takes subclasses of Remedy, not <")


def test_each_hook_fails_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plugin, _ = load_broken("raises_in_hook", monkeypatch, tmp_path)
    assert plugin.components == [("surface", "before_the_failure")]
    assert {error.split(" (")[0] for error in plugin.errors} == {
        "register_schedules raised SystemExit: 3",
        "register_surfaces raised RuntimeError: nothing works today",
    }


def test_a_clash_names_both_owners_and_the_first_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plugin, known = load_broken("clash", monkeypatch, tmp_path)
    assert known.owner("surface", "quadratic").name == "surfaces"
    assert str(house.folder("plugins") / "surfaces") in plugin.errors[0]
    assert plugin.path in plugin.errors[0]
    assert "surface 'clash_own' is already registered by plugin 'clash'" in plugin.errors[1]
    assert plugin.components == [("surface", "clash_own")]
    assert known.get("surface", "clash_own").factory(1, 2) == 1


def test_all_broken_plugins_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_PLUGINS", str(BROKEN))
    known = registry.load()
    listed = {plugin.name: plugin for plugin in known.plugins if plugin.place == "WORKBENCH_PLUGINS"}
    assert set(listed) == {path.stem for path in BROKEN.glob("*.py")}
    sound = {name for name, plugin in listed.items() if not plugin.errors}
    assert sound == {"raises_when_built", "raises_at_step_10", "hangs"}


def test_a_hanging_plugin_is_named_in_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(discovery, "PATIENCE", 0.05)
    monkeypatch.setenv("HANGS_FOR", "0.3")
    load_broken("hangs", monkeypatch, tmp_path)
    messages = [record.getMessage() for record in caplog.records if "has been loading" in record.getMessage()]
    [message] = [message for message in messages if message.startswith("plugin hangs (")]
    assert "WORKBENCH_LOAD_PLUGINS" in message


def test_a_component_that_cannot_be_built_names_its_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _, known = load_broken("raises_when_built", monkeypatch, tmp_path)
    with pytest.raises(WorkbenchError, match="optimizer 'raises_when_built' of plugin 'raises_when_built' failed: Ru"):
        known.make("optimizer", {"use": "raises_when_built", "lr": 0.1}, [])
    with pytest.raises(WorkbenchError, match="of plugin 'raises_when_built' failed: SystemExit: 1"):
        known.make("optimizer", {"use": "leaves_when_built", "lr": 0.1}, [])


def test_names_get_and_settings() -> None:
    known = registry.load()
    with pytest.raises(UnknownComponent, match="unknown optimizer 'adm'; did you mean 'adam'") as caught:
        known.get("optimizer", "adm")
    assert "plugins with errors" not in str(caught.value)
    settings = known.settings("optimizer", "adam", {"lr": 1})
    assert settings["lr"] == 1.0
    assert type(settings["lr"]) is float
    assert set(settings) == {param.name for param in known.get("optimizer", "adam").params}
    with pytest.raises(registry.SettingError, match="did you mean 'lr'") as wrong:
        known.settings("optimizer", "adam", {"lrr": 1})
    assert wrong.value.key == "lrr"
    with pytest.raises(registry.SettingError, match="'fast' is not allowed; allowed: a number"):
        known.settings("optimizer", "adam", {"lr": "fast"})


def test_an_unknown_component_points_at_plugins_with_errors(drop_in: DropIn) -> None:
    drop_in("gone.py", "import a_package_that_nobody_has")
    with pytest.raises(UnknownComponent, match=r"plugins with errors: gone"):
        registry.load().get("optimizer", "gone")


def entry_point(folder: Path, distribution: str, entry: str, module: str = "", source: str = "") -> None:
    info = folder / f"{distribution}-1.2.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2.3\n")
    (info / "entry_points.txt").write_text(f"[workbench]\n{entry}\n")
    if module:
        (folder / f"{module}.py").write_text(source)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path in which distributions can be pretended."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return folder


def test_entry_points_a_bad_one_first_and_a_good_one_after(site: Path) -> None:
    entry_point(site, "aaa_bad", "aaa_bad = wb_no_such_module")
    entry_point(site, "bbb_odd", "bbb_odd = not a module!")
    entry_point(site, "ccc_good", "ccc_good = wb_good_entry", "wb_good_entry", SURFACE.format(name="entered", number=1))
    known = registry.load()
    assert "could not be imported: ModuleNotFoundError" in plugin_called("aaa_bad", known).errors[0]
    assert "could not be imported" in plugin_called("bbb_odd", known).errors[0]
    good = plugin_called("ccc_good", known)
    assert (good.place, good.version, good.path, good.errors) == ("installed", "1.2.3", "wb_good_entry", [])
    assert good.digest == discovery.digest([site / "wb_good_entry.py"])
    assert known.owner("surface", "entered") is good


def test_an_unreadable_list_of_entry_points_hides_no_other(site: Path) -> None:
    entry_point(site, "aaa_unreadable", "this line has no equals sign")
    entry_point(site, "bbb_fine", "bbb_fine = wb_fine_entry", "wb_fine_entry", SURFACE.format(name="fine", number=1))
    known = registry.load()
    assert "entry_points.txt cannot be read" in plugin_called("aaa_unreadable", known).errors[0]
    assert "fine" in known.names("surface")


def test_an_entry_point_may_name_an_object(site: Path) -> None:
    source = (
        "from workbench import Surface, hookimpl\n\nclass Plugin:\n    @hookimpl\n"
        "    def register_surfaces(self, register):\n        register(Surface('of_an_object', lambda x, y: x))\n\n"
        "plugin = Plugin()\n"
    )
    entry_point(site, "objects", "objects = wb_object_entry:plugin", "wb_object_entry", source)
    known = registry.load()
    assert plugin_called("objects", known).errors == []
    assert "of_an_object" in known.names("surface")


def test_the_four_places_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Path) -> None:
    own = tmp_path / "house" / "plugins"
    shutil.copytree(house.folder("plugins"), own, ignore=shutil.ignore_patterns("__pycache__"))
    (own / "aaa_dropped.py").write_text(SURFACE.format(name="contested", number=1))
    (own / "_private.py").write_text("raise RuntimeError('not a plugin')")
    folder = tmp_path / "theirs"
    (folder / "bbb_package").mkdir(parents=True)
    (folder / "bbb_package" / "__init__.py").write_text(
        "from .inner import number\n" + SURFACE.format(name="contested", number="number")
    )
    (folder / "bbb_package" / "inner.py").write_text("number = 7")
    entry_point(site, "ccc", "ccc = wb_ccc", "wb_ccc", SURFACE.format(name="contested", number=3))
    monkeypatch.setattr(house, "folder", lambda name: tmp_path / "house" / name)
    monkeypatch.setenv("WORKBENCH_PLUGINS", os.pathsep.join([str(folder), str(tmp_path / "nowhere")]))
    known = registry.load()
    assert [(plugin.name, plugin.place) for plugin in known.plugins] == [
        *((name, "built-in") for name in BUILTINS),
        ("aaa_dropped", "plugins"),
        ("zoo", "plugins"),
        ("bbb_package", "WORKBENCH_PLUGINS"),
        ("nowhere", "WORKBENCH_PLUGINS"),
        ("ccc", "installed"),
    ]
    assert known.owner("surface", "contested").name == "aaa_dropped"
    assert "plugin 'aaa_dropped'" in plugin_called("bbb_package", known).errors[0]
    assert "No such file" in plugin_called("nowhere", known).errors[0]
    assert "check WORKBENCH_PLUGINS" in plugin_called("nowhere", known).errors[0]


@pytest.mark.parametrize(
    ("allowed", "loaded"),
    [(None, {"zoo", "one", "two", "three"}), ("", set()), ("two", {"two"}), (" three , one,", {"one", "three"})],
)
def test_the_allow_list_names_what_is_loaded_besides_the_builtins(
    allowed: str | None, loaded: set[str], drop_in: DropIn, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_in("one.py", SURFACE.format(name="s_one", number=1))
    drop_in("two/__init__.py", SURFACE.format(name="s_two", number=2))
    entry_point(site, "three", "three = wb_three", "wb_three", SURFACE.format(name="s_three", number=3))
    if allowed is not None:
        monkeypatch.setenv("WORKBENCH_LOAD_PLUGINS", allowed)
    known = registry.load()
    assert {plugin.name for plugin in known.plugins if plugin.place != "built-in"} == loaded
    assert {plugin.name for plugin in known.plugins if plugin.place == "built-in"} == set(BUILTINS)


def test_two_plugins_of_one_name_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, folder in enumerate(("first", "second")):
        (tmp_path / folder / "twin").mkdir(parents=True)
        (tmp_path / folder / "twin" / "__init__.py").write_text(
            "from .part import n\n" + SURFACE.format(name=f"twin_{number}", number="n")
        )
        (tmp_path / folder / "twin" / "part.py").write_text(f"n = {number}")
    folders = [tmp_path / "first", tmp_path / "second", tmp_path / "first" / "twin"]  # the last: named a second time
    monkeypatch.setenv("WORKBENCH_PLUGINS", os.pathsep.join(map(str, folders)))
    known = registry.load()
    assert [plugin.errors for plugin in known.plugins if plugin.name == "twin"] == [[], []]
    assert [known.get("surface", f"twin_{n}").factory(0, 0) for n in (0, 1)] == [0, 1]


def test_changed_added_and_removed_plugins_are_noticed(drop_in: DropIn) -> None:
    before = registry.current()
    assert registry.current() is before, "nothing is loaded twice without need"
    file = drop_in("mine.py", SURFACE.format(name="mine", number=1))
    added = registry.current()
    assert added.get("surface", "mine").factory(0, 0) == 1
    file.write_text(SURFACE.format(name="mine", number=2))
    os.utime(file, ns=(1, 1))
    changed = registry.current()
    assert changed.get("surface", "mine").factory(0, 0) == 2
    assert changed.owner("surface", "mine").digest != added.owner("surface", "mine").digest
    assert changed.owner("surface", "mine").identity != added.owner("surface", "mine").identity
    file.write_text("def broken(")
    assert plugin_called("mine", registry.current()).errors
    assert "quadratic" in registry.current().names("surface")
    file.unlink()
    assert "mine" not in registry.current().names("surface")


def test_a_plugin_whose_inner_file_changes_is_read_again(drop_in: DropIn) -> None:
    drop_in("deep/__init__.py", "from .part import n\n" + SURFACE.format(name="deep", number="n"))
    part = drop_in("deep/part.py", "n = 1")
    assert registry.current().get("surface", "deep").factory(0, 0) == 1
    part.write_text("n = 2")  # same length, perhaps the same second: stale byte code would give 1
    os.utime(part, ns=(part.stat().st_atime_ns, part.stat().st_mtime_ns + 1000))
    assert registry.current().get("surface", "deep").factory(0, 0) == 2
    assert not list(part.parent.rglob("*.pyc")), "nothing is left in somebody's plugin folder"


def test_a_remedy_whose_title_is_no_text_is_refused(drop_in: DropIn) -> None:
    drop_in(
        "numbered.py",
        "from workbench import Remedy, hookimpl\n"
        "class Five(Remedy):\n    name = 'five'\n    title = 5\n"
        "@hookimpl\ndef register_remedies(register):\n    register(Five)\n",
    )
    [plugin] = [plugin for plugin in registry.current().plugins if plugin.name == "numbered"]
    assert plugin.errors == ["remedy 'five': its title is 5; write a text"]


def test_a_remedy_inherits_no_title_from_another(drop_in: DropIn) -> None:
    source = (
        "from workbench import Remedy, hookimpl\n\nclass One(Remedy):\n    '''First line.\n\n    More.'''\n"
        "    name = 'one_remedy'\n    title = 'The one'\n\nclass Two(One):\n    name = 'two_remedy'\n\n"
        "@hookimpl\ndef register_remedies(register):\n    register(One)\n    register(Two)\n"
    )
    drop_in("pair.py", source)
    known = registry.load()
    assert known.get("remedy", "one_remedy").title == "The one"
    assert known.get("remedy", "one_remedy").summary == "First line."
    assert known.get("remedy", "two_remedy").title == "two remedy"
    assert known.get("remedy", "two_remedy").summary == ""


def test_a_plugin_that_lacks_a_package_is_not_available_and_not_broken(
    drop_in: DropIn, caplog: pytest.LogCaptureFixture
) -> None:
    drop_in("absent.py", ABSENT)
    drop_in("zz_after.py", SURFACE.format(name="after", number=1))
    known = registry.load()
    plugin = plugin_called("absent", known)
    assert plugin.unavailable == "a_package is not installed; pip install a_package"
    assert (plugin.errors, plugin.components) == ([], [])
    assert len(plugin.digest) == 12
    assert "after" in known.names("surface")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    with pytest.raises(UnknownComponent) as caught:
        known.get("surface", "of_absent")
    assert "(plugins not available: absent: a_package is not installed; pip install a_package)" in str(caught.value)
    assert "plugins with errors" not in str(caught.value)


def test_a_plugin_says_what_it_leaves_out(drop_in: DropIn) -> None:
    drop_in("partly.py", PARTLY)
    known = registry.load()
    plugin = plugin_called("partly", known)
    assert plugin.errors == [], "a hook that says why it registers nothing has said something"
    assert plugin.components == [("surface", "kept")]
    assert plugin.left_out == {
        ("surface", "thrown"): "it has no bottom",
        ("optimizer", "thrown"): "it needs a wind tunnel",
    }
    assert "thrown" not in known.names("surface")
    with pytest.raises(
        UnknownComponent, match=r"^plugin 'partly' leaves optimizer 'thrown' out: it needs a wind tunnel$"
    ):
        known.get("optimizer", "thrown")


def test_what_another_plugin_leaves_out_may_be_registered(drop_in: DropIn) -> None:
    drop_in("partly.py", PARTLY)
    drop_in("zz_braver.py", SURFACE.format(name="thrown", number=5))
    assert registry.load().get("surface", "thrown").factory(0, 0) == 5


def test_a_long_list_of_names_is_cut() -> None:
    names = [f"name_{number:03}" for number in range(100)]
    message = allowed_names("name_77", names)
    assert message.startswith("did you mean 'name_077'? allowed: name_000, ")
    assert message.endswith(", name_039 and 60 more")
    assert allowed_names("b", ["c", "a"]) == "allowed: a, c"


def test_capabilities_are_said_in_words() -> None:
    plain = Optimizer("plain", torch.optim.SGD)
    assert capabilities(plain) == []
    assert capabilities(Surface("flat", lambda x, y: x)) == []
    needy = Optimizer("needy", torch.optim.SGD, needs_closure=True, least_dim=2, modes=True, licence="GPL-3.0")
    assert capabilities(needy) == [
        "needs a closure",
        "not on surfaces: it works on tensors of at least 2 dimensions, and a point on a surface has 1",
        "train and eval modes",
        "licence: GPL-3.0",
    ]


def test_the_engine_never_imports_streamlit() -> None:
    script = (
        "import sys, pkgutil, importlib, workbench\n"
        "for module in pkgutil.walk_packages(workbench.__path__, 'workbench.'):\n"
        "    if module.name not in ('workbench.streamlit_app',) and '._house' not in module.name:\n"
        "        importlib.import_module(module.name)\n"
        "assert 'streamlit' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_plugins_import_nothing_of_the_bench_but_its_public_face() -> None:
    for file in house.folder("plugins").rglob("*.py"):
        if "bench_pages" not in file.parts:
            assert "from workbench." not in file.read_text(), file
            assert "import workbench." not in file.read_text(), file
