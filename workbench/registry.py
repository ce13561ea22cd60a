"""What there is to compose with: plugins found, loaded one by one, their components by kind and name.

A plugin that fails is listed with its error and takes nothing else down. The first registration of a
name wins; the second is reported with both owners.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from workbench import hookspecs, house
from workbench.components import KINDS, AnyComponent, Param, hook_names
from workbench.errors import UnknownComponent, WorkbenchError, allowed_names

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
    "bench_pages",
)
PATIENCE = 10.0  # seconds of import after which the log names the plugin that is being waited for


@dataclass
class Plugin:
    """One plugin: where it came from, what it registered and what went wrong."""

    name: str
    place: str  # "built-in", "plugins", "WORKBENCH_PLUGINS" or "installed"
    path: str
    version: str = ""
    digest: str = ""  # of its source files: a changed plugin makes other numbers
    components: list[tuple[str, str]] = field(default_factory=list)  # (kind, name)
    errors: list[str] = field(default_factory=list)

    @property
    def identity(self) -> str:
        """Name, version and source: what a number made with this plugin depends on."""
        return f"{self.name} {self.version} {self.digest}"


class Registry:
    """Components by kind and name, and who registered them."""

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self._components: dict[str, dict[str, AnyComponent]] = {kind: {} for kind in KINDS}
        self._owners: dict[tuple[str, str], Plugin] = {}
        self._manager = pluggy.PluginManager("workbench")
        self._manager.add_hookspecs(hookspecs)

    def names(self, kind: str) -> list[str]:
        """The names of all components of one kind, in the order of registration."""
        return list(self._components[kind])

    def all(self, kind: str) -> list[Any]:
        """All components of one kind, in the order of registration."""
        return list(self._components[kind].values())

    def get(self, kind: str, name: str) -> Any:
        """The component, or ``UnknownComponent`` with the nearest name and with plugins that failed."""
        found = self._components[kind].get(name)
        if found is None:
            failed = [plugin.name for plugin in self.plugins if plugin.errors]
            hint = f" (plugins with errors: {', '.join(failed)})" if failed else ""
            raise UnknownComponent(f"unknown {kind} {name!r}; {allowed_names(name, self.names(kind))}{hint}")
        return found

    def owner(self, kind: str, name: str) -> Plugin:
        """The plugin that registered the component."""
        return self._owners[kind, name]

    def settings(self, kind: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """All settings of a component, in its own types; raises ``ValueError(key, message)`` on a wrong one."""
        params: dict[str, Param] = {param.name: param for param in self.get(kind, name).params}
        for key in given:
            if key not in params:
                raise SettingError(key, f"{given[key]!r:.80} is a setting that {kind} {name!r} does not have; "
                                   f"{allowed_names(key, params)}")  # fmt: skip
        complete: dict[str, Any] = {}
        for key, param in params.items():
            try:
                complete[key] = param.check(given.get(key, param.default))
            except ValueError as error:
                raise SettingError(key, str(error)) from None
        return complete

    def make(self, kind: str, reference: dict[str, Any], *arguments: Any) -> Any:
        """Build a component from ``{"use": name, **settings}``; a failure names the plugin."""
        component = self.get(kind, reference["use"])
        settings = {key: value for key, value in reference.items() if key != "use"}
        with blame(self, kind, reference["use"]):
            if kind == "remedy":
                return component(**settings)
            return component.factory(*arguments, **settings)

    def load(self, plugin: Plugin, module: ModuleType) -> None:
        """Take in one plugin's module: check its hooks, then call each of them alone."""
        self.plugins.append(plugin)
        specs = {hook: kind for kind, hook in hook_names().items()}
        implementations = [
            name for name in vars(module) if self._manager.parse_hookimpl_opts(module, name) is not None
        ]
        if not implementations:
            plugin.errors.append(
                "it registers nothing: mark a function such as register_optimizers with @hookimpl"
            )
        usable = ModuleType(plugin.name)  # only sound hooks reach pluggy, which would refuse the whole plugin
        for name in implementations:
            if name not in specs:
                plugin.errors.append(f"unknown hook {name!r}; {allowed_names(name, specs)}")
                continue
            arguments = pluggy._hooks.varnames(vars(module)[name])[0]
            if set(arguments) - {"register"}:
                plugin.errors.append(f"{name} takes the one argument 'register', not {', '.join(arguments)}")
                continue
            setattr(usable, name, vars(module)[name])
        self._manager.register(usable, plugin.name)
        for kind, hook in hook_names().items():
            self._call(kind, hook, plugin, usable)
        for error in plugin.errors:
            log.warning("plugin %s (%s): %s", plugin.name, plugin.path, error)

    def _call(self, kind: str, hook: str, plugin: Plugin, module: ModuleType) -> None:
        others = [other for other in self._manager.get_plugins() if other is not module]
        register = Register(self, kind, plugin)
        try:
            self._manager.subset_hook_caller(hook, others)(register=register)
        except Exception as error:
            log.debug("plugin %s", plugin.name, exc_info=True)
            plugin.errors.append(f"{hook} raised {describe(error)}")

    def add(self, kind: str, component: AnyComponent, plugin: Plugin) -> None:
        """Register one component for a plugin, or note why not."""
        if problem := wrong_type(kind, component):
            plugin.errors.append(problem)
            return
        name = component.name
        if (kind, name) in self._owners:
            first = self._owners[kind, name]
            plugin.errors.append(
                f"{kind} {name!r} is already registered by plugin {first.name!r} ({first.path}), "
                f"so that of plugin {plugin.name!r} ({plugin.path}) is left out; give it another name"
            )
            return
        self._components[kind][name] = component
        self._owners[kind, name] = plugin
        plugin.components.append((kind, name))


class SettingError(ValueError):
    """A setting that a component does not take: its key and why."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class Register:
    """What a hook is given: it knows on whose behalf it is called."""

    def __init__(self, registry: Registry, kind: str, plugin: Plugin) -> None:
        self._registry, self._kind, self._plugin = registry, kind, plugin

    def __call__(self, component: AnyComponent) -> None:
        self._registry.add(self._kind, component, self._plugin)


class blame:
    """``with blame(registry, kind, name):`` turns any exception into one that names the plugin."""

    def __init__(self, registry: Registry, kind: str, name: str) -> None:
        self.registry, self.kind, self.name = registry, kind, name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, WorkbenchError):
            owner = self.registry.owner(self.kind, self.name)
            raise WorkbenchError(
                f"{self.kind} {self.name!r} of plugin {owner.name!r} failed: {describe(error)}"
            ) from error


def wrong_type(kind: str, component: Any) -> str:
    """Why a component cannot be registered as this kind, or an empty text."""
    wanted = KINDS[kind]
    from workbench.components import Remedy, check_name, check_params

    if wanted is Remedy:
        if not (isinstance(component, type) and issubclass(component, Remedy)):
            return f"{hook_names()[kind]} takes subclasses of Remedy, not {component!r:.80}"
        try:
            check_name(getattr(component, "name", None))
            component.params = check_params(component.name, component.params)
        except (TypeError, ValueError) as error:
            return f"remedy {component.__name__}: {error}"
        component.title = component.title or component.name.replace("_", " ")
        component.summary = component.summary or (component.__doc__ or "").strip().split("\n")[0]
        return ""
    if not isinstance(component, wanted):
        return f"{hook_names()[kind]} takes {wanted.__name__} objects, not {component!r:.80}"
    return ""


def describe(error: BaseException) -> str:
    """One line for an exception: its type, its message, and for a syntax error the place."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({Path(error.filename or '?').name}, line {error.lineno})"
    text = " ".join(str(error).split())[:300]
    if isinstance(error, ModuleNotFoundError) and error.name:
        text += f" (if it is a package: pip install {error.name.split('.')[0]})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@dataclass(frozen=True)
class Source:
    """A plugin that was found but not yet imported."""

    name: str
    place: str
    path: Path | None = None
    entry: EntryPoint | None = None

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
        others += in_folder(Path(folder).expanduser(), "WORKBENCH_PLUGINS")
    others += [Source(entry.name, "installed", entry=entry) for entry in entry_points(group="workbench")]
    yield from (source for source in others if names is None or source.name in names)


def in_folder(folder: Path, place: str) -> list[Source]:
    """The packages and single files in a folder that can be plugins."""
    if not folder.is_dir():
        return [Source(folder.name, place, folder)] if place == "WORKBENCH_PLUGINS" else []
    if (folder / "__init__.py").is_file():  # the plugin itself was named instead of the folder around it
        return [Source(folder.name, place, folder)]
    return [
        Source(path.stem, place, path)
        for path in sorted(folder.iterdir())
        if not path.name.startswith((".", "_"))
        and (path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").is_file()))
    ]


def import_source(source: Source) -> ModuleType:
    """Import a plugin under a name of its own, so that equally named plugins do not meet."""
    if source.entry is not None:
        return source.entry.load()  # type: ignore[no-any-return]
    assert source.path is not None
    file = source.path / "__init__.py" if source.path.is_dir() else source.path
    if not file.is_file():
        raise FileNotFoundError(f"there is no plugin in {source.path}; check WORKBENCH_PLUGINS")
    name = f"workbench_plugin_{source.name}"
    if source.place != "built-in":
        name += "_" + hashlib.sha256(str(source.path).encode()).hexdigest()[:8]
    for stale in [module for module in sys.modules if module == name or module.startswith(name + ".")]:
        del sys.modules[stale]
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=[str(source.path)] if source.path.is_dir() else None
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def load() -> Registry:
    """Find and load every plugin; never raises because of one of them."""
    registry = Registry()
    for source in find():
        path = str(source.path) if source.path else source.entry.value if source.entry else ""
        plugin = Plugin(source.name, source.place, path, digest=digest(source))
        log.info("loading plugin %s from %s", plugin.name, plugin.path)
        watchdog = threading.Timer(
            PATIENCE, log.warning, ("plugin %s (%s) is still being imported after %g s", source.name, path, PATIENCE)
        )
        watchdog.daemon = True
        watchdog.start()
        try:
            module = import_source(source)
        except (Exception, SystemExit) as error:
            log.debug("plugin %s\n%s", plugin.name, traceback.format_exc())
            plugin.errors.append(f"could not be imported: {describe(error)}")
            log.warning("plugin %s (%s): %s", plugin.name, plugin.path, plugin.errors[-1])
            registry.plugins.append(plugin)
            continue
        finally:
            watchdog.cancel()
        plugin.version = version(source, module)
        registry.load(plugin, module)
    return registry


def version(source: Source, module: ModuleType) -> str:
    """The plugin's version: of its distribution, its ``__version__``, or the bench's for built-ins."""
    if source.entry is not None and source.entry.dist is not None:
        return source.entry.dist.version
    if source.place == "built-in":
        from workbench import __version__

        return __version__
    return str(getattr(module, "__version__", ""))


def digest(source: Source) -> str:
    """A short hash of the plugin's source files."""
    content = hashlib.sha256()
    for file in source.files():
        if file.is_file():
            content.update(file.name.encode() + file.read_bytes())
    return content.hexdigest()[:12]


def fingerprint() -> tuple[Any, ...]:
    """Changes when a plugin's files do: cheap enough to ask at every look-up."""
    parts: list[Any] = [os.environ.get("WORKBENCH_LOAD_PLUGINS")]
    for source in find():
        for file in source.files() or [Path(source.name)]:
            try:
                stat = file.stat()
                parts.append((str(file), stat.st_mtime_ns, stat.st_size))
            except OSError:
                parts.append((str(file), None, None))
    return tuple(parts)


_lock = threading.Lock()
_current: tuple[tuple[Any, ...], Registry] | None = None


def current() -> Registry:
    """The registry of this process, loaded anew when a plugin was added, changed or removed."""
    global _current
    with _lock:
        now = fingerprint()
        if _current is None or _current[0] != now:
            _current = (now, load())
        return _current[1]
