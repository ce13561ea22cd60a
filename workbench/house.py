"""Where the house stands: the checkout's top level, or inside the package when installed from a wheel."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent


def folder(name: str) -> Path:
    """The folder ``plugins``, ``pages`` or ``lessons``, wherever this installation keeps it."""
    installed = PACKAGE / "_house" / name
    return installed if installed.is_dir() else CHECKOUT / name


def settings_file() -> Path:
    """Streamlit's settings: the top-level file of a checkout, or the copy that a wheel carries."""
    checkout = CHECKOUT / "streamlit_config.toml"
    return checkout if checkout.is_file() and not (PACKAGE / "_house").is_dir() else PACKAGE / ".streamlit/config.toml"


def home() -> Path:
    """``WORKBENCH_HOME``: where runs are kept (default: the platform's user data folder)."""
    return Path(os.environ.get("WORKBENCH_HOME") or platformdirs.user_data_path("workbench"))


def data() -> Path:
    """``WORKBENCH_DATA``: data sets in torchvision's layout (default: ``data`` in ``WORKBENCH_HOME``)."""
    return Path(os.environ.get("WORKBENCH_DATA") or home() / "data").resolve()
