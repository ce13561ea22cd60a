"""Where things are: in a checkout, in an installed package, and where the person says."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench import house


def test_home_and_data_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.delenv("WORKBENCH_DATA", raising=False)
    assert house.home() == tmp_path
    assert house.data() == tmp_path.resolve() / "data"
    monkeypatch.setenv("WORKBENCH_DATA", "../somewhere")
    assert house.data() == (Path.cwd().parent / "somewhere").resolve(), "workers may have another current folder"
    monkeypatch.setenv("WORKBENCH_HOME", "")
    assert house.home().is_absolute(), "an empty variable is no variable"


def test_a_checkout_and_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "workbench"
    monkeypatch.setattr(house, "PACKAGE", package)
    monkeypatch.setattr(house, "CHECKOUT", tmp_path)
    (tmp_path / "streamlit_config.toml").touch()
    assert house.folder("plugins") == tmp_path / "plugins"
    assert house.settings_file() == tmp_path / "streamlit_config.toml"
    (package / "_house" / "plugins").mkdir(parents=True)
    assert house.folder("plugins") == package / "_house" / "plugins"
    assert house.settings_file() == package / ".streamlit" / "config.toml"
