"""What there is to compose with: plugins loaded one by one, their components by kind and name.

A plugin that fails is listed with its error and takes nothing else down. The first registration of a
name wins; the second is reported with both owners.
"""

from __future__ import annotations

import inspect
import logging
import threading
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pluggy

from workbench import hookspecs
from workbench.blame import blame, describe
from workbench.components import (
    KINDS,
    AnyComponent,
    Remedy,
    check_name,
    check_params,
    check_texts,
    hook_names,
)
from workbench.discovery import Source, digest, find, fingerprint, import_source, module_files, patience, version
from workbench.errors import Unavailable, UnknownComponent, allowed_names
from workbench.param import Param

log = logging.getLogger("workbench.registry")


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
    unavailable: str = ""  # what it needs and does not find: then it registers nothing, and nothing is wrong with it
    left_out: dict[tuple[str, str], str] = field(default_factory=dict)  # (kind, name) of what it could offer: why not

    @property
    def identity(self) -> str:
        """Name, version and source: what a number made with this plugin depends on."""
        return f"{self.name} {self.version} {self.digest}"

    @property
    def said(self) -> int:
        """How many things it registered, left out or failed at: a hook that adds none of them is a mistake."""
        return len(self.components) + len(self.left_out) + len(self.errors)


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
            raise UnknownComponent(self._why_not(kind, name))
        return found

    def _why_not(self, kind: str, name: str) -> str:
        for plugin in self.plugins:
            if reason := plugin.left_out.get((kind, name)):
                return f"plugin {plugin.name!r} leaves {kind} {name!r} out: {reason}"
        failed = [plugin.name for plugin in self.plugins if plugin.errors]
        absent = [f"{plugin.name}: {plugin.unavailable}" for plugin in self.plugins if plugin.unavailable]
        hint = f" (plugins with errors: {', '.join(failed)})" if failed else ""
        hint += f" (plugins not available: {'; '.join(absent)})" if absent else ""
        return f"unknown {kind} {name!r:.80}; {allowed_names(name, self.names(kind))}{hint}"

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
        hosted = ("use", *getattr(component, "hosted", ()))
        settings = {key: value for key, value in reference.items() if key not in hosted}
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
        known = plugin.said
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
        elif plugin.said == known:
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

    def left_out(self, name: str, reason: str) -> None:
        """Say why something that the plugin could be expected to offer is not registered: people will ask."""
        self._plugin.left_out[self._kind, name] = reason


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
    except Unavailable as missing:
        log.info("plugin %s is not available: %s", plugin.name, missing)
        plugin.unavailable = " ".join(str(missing).split()) or "it does not say why"
        registry.plugins.append(plugin)
    except BaseException as error:  # SystemExit too
        log.info("plugin %s", plugin.name, exc_info=True)
        plugin.errors.append(f"could not be imported: {describe(error, plugin.path)}")
        registry.plugins.append(plugin)
    else:
        registry.load(plugin, module)
    for message in plugin.errors:
        log.warning("plugin %s (%s): %s", plugin.name, plugin.path, message)


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
