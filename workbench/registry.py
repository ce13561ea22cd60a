"""What there is to compose with: plugins found, loaded one by one, their components by kind and name.

A plugin that fails is listed with its error and takes nothing else down. The first registration of a
name wins; the second is reported with both owners.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, distributions, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from workbench import hookspecs, house
from workbench.components import (
    KINDS,
    AnyComponent,
    Clock,
    Param,
    Remedy,
    check_name,
    check_params,
    check_texts,
    hook_names,
)
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
            raise UnknownComponent(f"unknown {kind} {name!r:.80}; {allowed_names(name, self.names(kind))}{hint}")
        return found

    def owner(self, kind: str, name: str) -> Plugin:
        """The plugin that registered the component."""
        return self._owners[kind, name]

    def settings(self, kind: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """All settings of a component, in its own types; raises ``SettingError`` on a wrong one."""
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

    def load(self, plugin: Plugin, module: Any) -> None:
        """Take in one plugin (a module, or an object with hooks): check its hooks, then call each alone."""
        self.plugins.append(plugin)
        try:
            usable = self._sound_hooks(plugin, module)
            self._manager.register(usable, f"{len(self.plugins)} {plugin.name}")  # two folders may share a name
        except Exception as error:
            log.info("plugin %s", plugin.name, exc_info=True)
            plugin.errors.append(f"its hooks cannot be used: {describe(error)}")
            return
        for kind, hook in hook_names().items():
            if hasattr(usable, hook):
                self._call(kind, hook, plugin, usable)

    def _sound_hooks(self, plugin: Plugin, module: Any) -> ModuleType:
        """The hooks that pluggy can call; it would refuse the whole plugin because of a wrong one."""
        specs = {hook: kind for kind, hook in hook_names().items()}
        marked = {name: self._manager.parse_hookimpl_opts(module, name) for name in dir(module)}
        found = {name: options.get("specname") or name for name, options in marked.items() if options is not None}
        unmarked = [name for name in dir(module) if name in specs and name not in found]
        if unmarked:
            plugin.errors.append(f"{unmarked[0]} is not marked, so it is not called; put @hookimpl above it")
        elif not found:
            plugin.errors.append("it registers nothing; mark a function such as register_optimizers with @hookimpl")
        usable = ModuleType(plugin.name)
        for name, hook in found.items():
            function = getattr(module, name)
            arguments = list(inspect.signature(function).parameters)
            if hook not in specs:
                plugin.errors.append(f"unknown hook {hook!r}; {allowed_names(hook, specs)}")
            elif arguments != ["register"]:
                given = ", ".join(arguments) or "nothing"
                plugin.errors.append(f"{name} takes {given}; write it as def {hook}(register)")
            elif inspect.isgeneratorfunction(function):
                plugin.errors.append(f"{name} uses yield, so nothing is registered; call register(...) instead")
            else:
                setattr(usable, hook, function)
        return usable

    def _call(self, kind: str, hook: str, plugin: Plugin, module: ModuleType) -> None:
        others = [other for other in self._manager.get_plugins() if other is not module]
        known = len(plugin.components) + len(plugin.errors)
        try:
            returned = self._manager.subset_hook_caller(hook, others)(register=Register(self, kind, plugin))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            log.info("plugin %s: %s", plugin.name, hook, exc_info=True)
            plugin.errors.append(f"{hook} raised {describe(error, plugin.path)}")
            return
        if returned:
            plugin.errors.append(f"{hook} returned {returned[0]!r:.80}; hand it to register(...) instead")
        elif len(plugin.components) + len(plugin.errors) == known:
            plugin.errors.append(f"{hook} registered nothing; call register(...) in it, once for each {kind}")

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
        """Register one component; what is wrong with it is noted and the next one goes on."""
        self._registry.add(self._kind, component, self._plugin)


class blame:
    """``with blame(registry, kind, name):`` turns any exception into one that names the plugin."""

    def __init__(self, registry: Registry, kind: str, name: str) -> None:
        self.registry, self.kind, self.name = registry, kind, name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception | SystemExit) and not isinstance(error, WorkbenchError):
            owner = self.registry.owner(self.kind, self.name)
            raise WorkbenchError(
                f"{self.kind} {self.name!r} of plugin {owner.name!r} failed: {describe(error, owner.path)}"
            ) from error


def rate_factor(
    registry: Registry, reference: dict[str, Any], remedies: Sequence[tuple[str, Remedy]]
) -> Callable[[Clock], float]:
    """What the learning rate is multiplied by: the schedule, then the remedies' changes to it, each to blame."""

    def blamed(factor: Callable[[Clock], Any], kind: str, name: str) -> Callable[[Clock], float]:
        def number(clock: Clock) -> float:
            with blame(registry, kind, name):
                return float(factor(clock))

        return number

    factor = blamed(lambda clock: registry.make("schedule", reference, clock), "schedule", reference["use"])
    for name, remedy in remedies:
        with blame(registry, "remedy", name):
            edited = remedy.edit_schedule(factor)
            returned("edit_schedule", edited, callable(edited))
        factor = factor if edited is factor else blamed(edited, "remedy", name)
    return factor


def returned(method: str, value: Any, usable: bool) -> None:
    """Raise ``TypeError`` when what a remedy's method gave back is of no use: mostly a forgotten ``return``."""
    if not usable:
        raise TypeError(f"{method} returned {value!r:.80}; return what it was given, changed or not")


def wrong_type(kind: str, component: Any) -> str:
    """Why a component cannot be registered as this kind, or an empty text."""
    hook, wanted = hook_names()[kind], KINDS[kind]
    if wanted is Remedy:
        if not (isinstance(component, type) and issubclass(component, Remedy)):
            return f"{hook} takes subclasses of Remedy, not {component!r:.80}"
        return wrong_remedy(component)
    return "" if isinstance(component, wanted) else f"{hook} takes {wanted.__name__} objects, not {component!r:.80}"


def wrong_remedy(remedy: type[Remedy]) -> str:
    """Check a remedy's class and complete its title and summary; returns what is wrong with it."""
    try:
        check_name(getattr(remedy, "name", None))
        remedy.params = check_params(remedy.name, remedy.params)
    except (TypeError, ValueError) as error:
        return f"remedy {remedy.__name__}: {error}"
    if hidden := [param.name for param in remedy.params if hasattr(Remedy, param.name)]:
        return f"remedy {remedy.name!r}: the Param {hidden[0]!r} would hide what Remedy calls so; rename it"
    own = vars(remedy)  # not what a parent class says: that is another remedy
    remedy.title = own.get("title") or remedy.name.replace("_", " ")
    remedy.summary = own.get("summary") or (remedy.__doc__ or "").strip().split("\n")[0]
    try:
        check_texts(remedy.name, remedy)
    except TypeError as error:
        return f"remedy {error}"
    return ""


def describe(error: BaseException, path: str = "") -> str:
    """One line for an exception: its type, its message, and the line under ``path`` that it came from."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({Path(error.filename or '?').name}, line {error.lineno})"
    try:
        text = " ".join(str(error).split())[:300]
    except Exception as second:
        text = f"(no message: {type(second).__name__} while writing it)"
    if isinstance(error, ModuleNotFoundError) and error.name:
        text += f" (if it is a package: pip install {error.name.split('.')[0]})"
    name = type(error).__name__
    return (f"{name}: {text}" if text else name) + (origin(error, Path(path)) if path else "")


def origin(error: BaseException, path: Path) -> str:
    """The innermost line of code under ``path``, as `` (file.py, line 3)``; empty when there is none."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file == path or path in file.parents:
            place = f" ({file.name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return place


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


def load() -> Registry:
    """Find and load every plugin; never raises because of one of them."""
    registry = Registry()
    for source in find():
        log.info("loading plugin %s from %s", source.name, source.where)
        with patience(source):
            load_one(registry, source)
    return registry


def load_one(registry: Registry, source: Source) -> None:
    """Import a plugin and take in what it registers, or list it with its error."""
    plugin = Plugin(source.name, source.place, source.where)
    try:
        plugin.digest = digest(source.files())
        module = import_source(source)
        plugin.digest = digest(source.files() or module_files(source))
        plugin.version = version(source, module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too
        log.info("plugin %s", plugin.name, exc_info=True)
        plugin.errors.append(f"could not be imported: {describe(error, plugin.path)}")
        registry.plugins.append(plugin)
    else:
        registry.load(plugin, module)
    for message in plugin.errors:
        log.warning("plugin %s (%s): %s", plugin.name, plugin.path, message)


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
