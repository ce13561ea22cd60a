"""Where plugins are: built in, dropped in, named by the environment or installed; found and imported one by one."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, distributions, entry_points
from pathlib import Path
from typing import Any

from workbench import house
from workbench.blame import describe

log = logging.getLogger("workbench.registry")


# Loaded first, whatever else lies in plugins/: nobody's drop-in can take a built-in's name.
BUILTINS = (
    "optimizers",
    "activations",
    "initializers",
    "remedies",
    "schedules",
    "surfaces",
    "datasets",
    "models",
    "doctor",
    "bench_pages",
)


PATIENCE = 10.0  # seconds of import after which the log names the plugin that is being waited for


@dataclass(frozen=True)
class Source:
    """A plugin that was found but not yet imported; ``problem`` says why it cannot be."""

    name: str
    place: str
    path: Path | None = None
    entry: EntryPoint | None = None
    problem: str = ""

    @property
    def where(self) -> str:
        """The path or the entry point, for people."""
        return str(self.path) if self.path else self.entry.value if self.entry else ""

    def files(self) -> list[Path]:
        """Its source files, for noticing that they changed."""
        if self.path is None:
            return []
        return sorted(self.path.rglob("*.py")) if self.path.is_dir() else [self.path]


def find() -> Iterator[Source]:
    """All plugins, in the order in which they are loaded."""
    own = house.folder("plugins")
    for name in BUILTINS:
        yield Source(name, "built-in", own / name)
    allowed = os.environ.get("WORKBENCH_LOAD_PLUGINS")
    names = None if allowed is None else {name.strip() for name in allowed.split(",")}
    others = [source for source in in_folder(own, "plugins") if source.name not in BUILTINS]
    for folder in filter(None, os.environ.get("WORKBENCH_PLUGINS", "").split(os.pathsep)):
        others += in_folder(Path(os.path.expanduser(folder)).absolute(), "WORKBENCH_PLUGINS")  # noqa: PTH111
    others += installed()
    seen: set[Path | None] = set()
    for source in others:
        if (names is None or source.name in names) and (source.path is None or source.path not in seen):
            seen.add(source.path)
            yield source


def in_folder(folder: Path, place: str) -> list[Source]:
    """The packages and single files in a folder that can be plugins."""
    wanted = place == "WORKBENCH_PLUGINS"
    if wanted and (folder / "__init__.py").is_file():  # the plugin itself was named instead of the folder around it
        return [Source(folder.name, place, folder)]
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        problem = f"the folder cannot be read: {error.strerror}; check WORKBENCH_PLUGINS"
        return [Source(folder.name, place, folder, problem=problem)] if wanted else []
    return [
        Source(path.stem if path.suffix == ".py" else path.name, place, path)
        for path in paths
        if not path.name.startswith((".", "_"))
        and (path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").is_file()))
    ]


def installed() -> list[Source]:
    """The entry points in group ``workbench`` of installed distributions, read again when one is installed."""
    return list(entry_points_of(tuple((folder, changed(Path(folder))) for folder in sys.path)))


def changed(path: Path) -> int:
    """When a file or folder was last changed; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def entry_points_of(folders: tuple[tuple[str, int], ...]) -> list[Source]:
    """The entry points below ``sys.path``, one unreadable file or not; ``folders`` tells when to look again."""
    try:
        return [Source(entry.name, "installed", entry=entry) for entry in entry_points(group="workbench")]
    except Exception:
        log.debug("a distribution's entry points cannot be read", exc_info=True)
    sources = []
    for distribution in distributions():
        try:
            found = distribution.entry_points.select(group="workbench")
            sources += [Source(entry.name, "installed", entry=entry) for entry in found]
        except Exception as error:
            problem = f"its entry_points.txt cannot be read: {describe(error)}; install it again"
            sources.append(Source(str(distribution.name), "installed", problem=problem))
    return sources


def import_source(source: Source) -> Any:
    """Import a plugin under a name of its own, so that equally named plugins do not meet."""
    if source.problem:
        raise ImportError(source.problem)
    if source.entry is not None:
        return source.entry.load()
    assert source.path is not None
    file = source.path / "__init__.py" if source.path.is_dir() else source.path
    if not file.is_file():
        raise ImportError(f"there is no file {file}")
    name = "workbench_plugin_" + re.sub(r"\W", "_", source.name)
    if source.place != "built-in":
        name += "_" + hashlib.sha256(str(source.path).encode()).hexdigest()[:8]
    forget(name)
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=[str(source.path)] if source.path.is_dir() else None
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with no_bytecode() if source.place != "built-in" else nullcontext():
            spec.loader.exec_module(module)
    except BaseException:
        forget(name)
        raise
    return module


@contextmanager
def no_bytecode() -> Iterator[None]:
    """Byte code is kept by the second: a file edited twice within one would be stale. And it litters."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def forget(name: str) -> None:
    """Drop a module and those in it, so that the next import reads the files."""
    importlib.invalidate_caches()
    for stale in [module for module in sys.modules if module == name or module.startswith(name + ".")]:
        del sys.modules[stale]


@contextmanager
def patience(source: Source) -> Iterator[None]:
    """Name the plugin in the log when it takes long: the one thing that can be done about one that hangs."""
    message = "plugin %s (%s) has been loading for %g s; if it never ends, remove it or set WORKBENCH_LOAD_PLUGINS"
    watchdog = threading.Timer(PATIENCE, log.warning, (message, source.name, source.where, PATIENCE))
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def version(source: Source, module: Any) -> str:
    """The plugin's version: of its distribution, its ``__version__``, or the bench's for built-ins."""
    if source.entry is not None and source.entry.dist is not None:
        return source.entry.dist.version
    if source.place == "built-in":
        from workbench import __version__

        return __version__
    return str(getattr(module, "__version__", ""))


def module_files(source: Source) -> list[Path]:
    """The source files around an installed plugin's module: it may be somebody's editable checkout."""
    module = sys.modules.get(source.entry.module) if source.entry else None
    file = Path(getattr(module, "__file__", None) or "")
    return sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]


def digest(files: list[Path]) -> str:
    """A short hash of a plugin's source files."""
    content = hashlib.sha256()
    for file in files:
        if file.is_file():
            content.update(f"{file.name} {file.stat().st_size}\n".encode() + file.read_bytes())
    return content.hexdigest()[:12]


def fingerprint() -> tuple[Any, ...]:
    """Changes when a plugin's files do: cheap enough to ask at every look-up."""
    parts: list[Any] = [os.environ.get("WORKBENCH_LOAD_PLUGINS")]
    for source in find():
        for file in source.files() or [Path(source.where)]:
            try:
                stat = file.stat()
                parts.append((str(file), stat.st_mtime_ns, stat.st_size))
            except OSError:
                parts.append((str(file), None, None))
    return tuple(parts)
