"""Build hook: puts streamlit_config.toml where Streamlit looks for it, also in an editable checkout."""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SettingsHook(BuildHookInterface):
    """Runs for `pip install -e .`, where nothing is copied; a wheel carries the file itself."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Link or copy the settings in an editable installation."""
        if version == "editable":
            place = runpy.run_path(str(Path(self.root) / "workbench" / "settings.py"))["place"]
            place(Path(self.root) / "streamlit_config.toml", Path(self.root) / "workbench" / ".streamlit")
