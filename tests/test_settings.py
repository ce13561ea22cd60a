"""Streamlit's settings are in force in the really launched app, with links and without."""

from __future__ import annotations

import runpy
import shutil
import tomllib
from pathlib import Path

import pytest
from launching import LOOPBACK, launched, listeners, needs_proc
from waiting import until

from workbench import house, settings

WANTED = {"server.address": "localhost", "browser.gatherUsageStats": False, "server.headless": True}


def test_a_link_is_made_once(tmp_path: Path) -> None:
    source, folder = tmp_path / "streamlit_config.toml", tmp_path / "workbench" / ".streamlit"
    source.write_text("[server]\nport = 1\n")
    assert settings.place(source, folder)
    assert (folder / "config.toml").is_symlink()
    assert not (folder / "config.toml").readlink().is_absolute(), "the checkout may be moved"
    assert not settings.place(source, folder)
    source.write_text("[server]\nport = 2\n")
    assert not settings.place(source, folder), "a link needs no renewal"
    assert (folder / "config.toml").read_text() == source.read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["config.toml"]


def test_without_links_there_is_a_copy_that_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    source, folder = tmp_path / "streamlit_config.toml", tmp_path / "workbench" / ".streamlit"
    source.write_text("[server]\nport = 1\n")
    assert settings.place(source, folder)
    assert not (folder / "config.toml").is_symlink()
    assert not settings.place(source, folder)
    source.write_text("[server]\nport = 2\n")
    assert settings.place(source, folder)
    assert (folder / "config.toml").read_text() == source.read_text()


@pytest.mark.parametrize("before", ["dangling", "text", "edited"])
def test_whatever_lay_there_is_replaced(before: str, tmp_path: Path) -> None:
    source, folder = tmp_path / "streamlit_config.toml", tmp_path / "workbench" / ".streamlit"
    source.write_text("[server]\nport = 1\n")
    folder.mkdir(parents=True)
    if before == "dangling":
        (folder / "config.toml").symlink_to("../gone.toml")
    elif before == "text":  # what `git clone -c core.symlinks=false` would make of a link in the repository
        (folder / "config.toml").write_text("../../streamlit_config.toml")
    else:
        (folder / "config.toml").write_text("[server]\naddress = '0.0.0.0'\n")
    assert settings.place(source, folder)
    assert (folder / "config.toml").read_text() == source.read_text()


def test_an_installed_package_carries_the_file_itself(tmp_path: Path) -> None:
    file = tmp_path / ".streamlit" / "config.toml"
    file.parent.mkdir()
    file.write_text("[server]\n")
    assert not settings.place(file, file.parent)


def test_the_file_says_what_the_readme_promises() -> None:
    plain = tomllib.loads(house.settings_file().read_text())
    for key, value in WANTED.items():
        table, name = key.split(".")
        assert plain[table][name] == value, key
    assert {"light", "dark"} <= set(plain["theme"])
    assert {"light", "dark"} == {half for half in plain["theme"] if plain["theme"][half] and half in ("light", "dark")}


ENTRY = "import streamlit as st\nst.write('hello')\n"


@needs_proc
@pytest.mark.parametrize("links", [True, False])
def test_the_settings_are_in_force_in_the_really_launched_app(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "checkout" / "workbench"
    package.mkdir(parents=True)
    (package / "streamlit_app.py").write_text(ENTRY)
    shutil.copy(house.settings_file(), tmp_path / "checkout" / "streamlit_config.toml")
    if not links:
        monkeypatch.setattr(Path, "symlink_to", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    settings.place(tmp_path / "checkout" / "streamlit_config.toml", package / ".streamlit")
    monkeypatch.undo()
    assert (package / ".streamlit" / "config.toml").is_symlink() == links
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with launched(package, elsewhere, tmp_path / "nobody") as (port, output):
        listening = listeners(port)
        assert listening, "something listens"
        assert listening <= LOOPBACK, f"it listens beyond this machine: {listening}"
        until(lambda: "http://localhost:" in output.read_text())  # it answers before it says so
        text = output.read_text()
    assert "Email" not in text, "no question on the first start"
    assert "usage statistics" not in text
    assert "http://localhost:" in text
    assert "Network URL" not in text


@needs_proc
def test_the_bench_itself_listens_on_this_machine_only(tmp_path: Path) -> None:
    settings.place(house.settings_file(), house.PACKAGE / ".streamlit")
    with launched(house.PACKAGE, tmp_path, tmp_path / "nobody") as (port, _):
        assert listeners(port)
        assert listeners(port) <= LOOPBACK


def test_the_build_hook_places_the_settings_of_an_editable_installation(tmp_path: Path) -> None:
    hook = runpy.run_path(str(house.CHECKOUT / "hatch_build.py"))["SettingsHook"] if importable("hatchling") else None
    if hook is None:
        pytest.skip("hatchling is not installed: pip install -e '.[test]'")
    (tmp_path / "workbench").mkdir()
    shutil.copy(house.PACKAGE / "settings.py", tmp_path / "workbench")
    shutil.copy(house.settings_file(), tmp_path / "streamlit_config.toml")
    made = hook(str(tmp_path), {}, None, None, str(tmp_path), "wheel")
    made.initialize("standard", {})
    assert not (tmp_path / "workbench" / ".streamlit").exists(), "a wheel carries the file itself"
    made.initialize("editable", {})
    assert (tmp_path / "workbench" / ".streamlit" / "config.toml").read_bytes() == house.settings_file().read_bytes()


def importable(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None
