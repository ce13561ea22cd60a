"""Where the command line writes what happened: sentences on stderr, details into ``WORKBENCH_HOME/logs``."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from workbench import house
from workbench.errors import WorkbenchError


def log_file() -> Path:
    """Where the details go."""
    return house.home() / "logs" / "workbench.log"


def start_logging(quiet: bool = False) -> None:
    """Everything into the log file; warnings also to stderr, as sentences (``quiet``: only about hanging plugins)."""
    logger = logging.getLogger("workbench")
    logger.setLevel(logging.INFO)
    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)
    console.setFormatter(OneLine("%(levelname)s: %(message)s"))
    console.addFilter(lambda record: not record.exc_info)  # what failed is said once, by whoever catches it
    if quiet:
        console.addFilter(lambda record: "has been loading" in str(record.msg))
    logger.addHandler(console)
    try:
        log_file().parent.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(log_file(), maxBytes=1_000_000, backupCount=3, encoding="utf-8", delay=True)
    except OSError as error:
        raise WorkbenchError(
            f"{log_file().parent}: cannot be written: {error.strerror}; set WORKBENCH_HOME to a folder of yours"
        ) from None
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(file)


class OneLine(logging.Formatter):
    """Sentences for people: never a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The message alone."""
        return f"{record.levelname.capitalize()}: {record.getMessage()}"
