"""The package's optimizers as its source describes them: settings, bounds and needs, without importing anything."""

from __future__ import annotations

import ast
import importlib.util
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "pytorch_optimizer"

METHOD = re.compile(r"^    def (\w+)\(.*?(?=^ {0,4}[^\s)]|\Z)", re.MULTILINE | re.DOTALL)
LOSS = re.compile(r"(?<!return )\bloss\b(?! *[:=])")


@dataclass(frozen=True)
class Argument:
    """One argument of a constructor: what its signature, its checks and its docstring say.

    ``default`` is None where the signature has none that can be written down (a function, infinity).
    ``low`` and ``high`` are bounds; ``open_low`` and ``open_high`` say that the bound itself is not allowed;
    ``first_open`` says the former of the first number of a tuple.
    """

    name: str
    annotation: str
    default: Any
    help: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    first_open: bool = False


@dataclass(frozen=True)
class Source:
    """One optimizer class: ``needs_closure``, its step uses the loss; ``modes``, it has train() and eval()."""

    name: str
    module: str
    doc: str
    arguments: tuple[Argument, ...]
    required: tuple[str, ...]
    needs_closure: bool
    modes: bool


@dataclass
class Module:
    """What one file defines and where it takes its other names from."""

    defined: dict[str, ast.AST] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)


@dataclass
class Package:
    """The files below ``root``, the package's folder; each is read once, when it is asked for."""

    root: Path
    modules: dict[str, Module] = field(default_factory=dict)

    @staticmethod
    def installed() -> Package:
        """The package in this environment."""
        spec = importlib.util.find_spec(NAME)
        if spec is None or spec.origin is None:
            raise LookupError(f"the files of {NAME} cannot be found")
        return Package(Path(spec.origin).parent)

    def optimizers(self) -> list[str]:
        """The names of the classes, in the package's own order."""
        _, listed = self.find(f"{NAME}.optimizer", "OPTIMIZER_LIST")
        if not isinstance(listed, ast.List):
            raise LookupError(f"{NAME}.optimizer.OPTIMIZER_LIST is not a list of classes")
        return [ast.unparse(each) for each in listed.elts]

    def optimizer(self, name: str) -> Source:
        """What the source says of one class."""
        module, found = self.find(f"{NAME}.optimizer", name)
        if not isinstance(found, ast.ClassDef):
            raise LookupError(f"{name} is not a class")
        methods = {node.name: node for node in found.body if isinstance(node, ast.FunctionDef)}
        if "__init__" not in methods:
            raise LookupError(f"{name} has no constructor of its own")
        doc = ast.get_docstring(found) or ""
        arguments, required = self.arguments(module, methods["__init__"], helps(doc))
        return Source(
            name,
            module,
            doc,
            arguments,
            required,
            needs_closure=uses_the_loss(methods["step"]) if "step" in methods else False,
            modes={"train", "eval"} <= methods.keys(),
        )

    def arguments(
        self, module: str, init: ast.FunctionDef, help: dict[str, str]
    ) -> tuple[tuple[Argument, ...], tuple[str, ...]]:
        """The arguments after the parameters, and the names of those that have to be given."""
        given = [*init.args.args[2:], *init.args.kwonlyargs]
        positional: list[ast.expr | None] = list(init.args.defaults)
        missing = len(init.args.args[2:]) - len(positional)
        defaults = [*([None] * missing), *positional, *init.args.kw_defaults]
        checked = checks(init)
        arguments, required = [], []
        for argument, default in zip(given, defaults, strict=True):
            if default is None:
                required.append(argument.arg)
                continue
            annotation = argument.annotation
            facts = checked.get(argument.arg, {})
            if annotation is not None and "choices" not in facts and (choices := self.literals(module, annotation)):
                facts = facts | {"choices": choices}
            text = "" if annotation is None else ast.unparse(annotation)
            arguments.append(Argument(argument.arg, text, constant(default), help.get(argument.arg, ""), **facts))
        return tuple(arguments), tuple(required)

    def literals(self, module: str, annotation: ast.expr) -> tuple[str, ...]:
        """The choices of ``Literal[...]``, written in place or under a name of its own."""
        if isinstance(annotation, ast.Name):
            try:
                module, found = self.find(module, annotation.id)
            except LookupError:
                return ()  # a name of Python's or torch's
            return self.literals(module, found) if isinstance(found, ast.Subscript) else ()
        if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Literal":
            values = ast.literal_eval(annotation.slice)
            return values if isinstance(values, tuple) else (values,)
        return ()

    def find(self, module: str, name: str) -> tuple[str, ast.AST]:
        """Where a name is defined, imports followed, and what stands there."""
        read = self.read(module)
        if name in read.defined:
            return module, read.defined[name]
        if name in read.imported:
            return self.find(read.imported[name], name)
        raise LookupError(f"{module} does not define {name}")

    def read(self, module: str) -> Module:
        """Read one file: its classes, its assignments and what it imports from the package itself."""
        if module not in self.modules:
            path = self.root.joinpath(*module.split(".")[1:])
            file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            made = Module()
            for node in ast.parse(METHOD.sub(shortened, file.read_text(encoding="utf-8"))).body:
                if isinstance(node, ast.ClassDef):
                    made.defined[node.name] = node
                elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
                    made.defined[ast.unparse(target)] = node.value
                elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(NAME):
                    made.imported |= {alias.asname or alias.name: str(node.module) for alias in node.names}
            self.modules[module] = made
        return self.modules[module]


def shortened(method: re.Match[str]) -> str:
    """A method without its body, where that does not matter: parsing is what takes time."""
    if method[1] == "__init__" or (method[1] == "step" and LOSS.search(method[0])):
        return method[0]
    return f"    def {method[1]}(self): ...\n"


def constant(node: ast.expr) -> Any:
    """A default as a value, or None where it is not written as one."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def uses_the_loss(step: ast.FunctionDef) -> bool:
    """Whether the loss that the closure returns is used for anything but being returned."""
    returned = [node.value for node in ast.walk(step) if isinstance(node, ast.Return)]
    loads = [node for node in ast.walk(step) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    return any(node.id == "loss" and node not in returned for node in loads)


def checks(init: ast.FunctionDef) -> dict[str, dict[str, Any]]:
    """The bounds and choices that the constructor itself checks, by argument: its calls of ``self.validate_...``."""
    found: dict[str, dict[str, Any]] = {}
    calls = [statement.value for statement in init.body if isinstance(statement, ast.Expr)]
    for node in calls:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        if ast.unparse(node.func.value) != "self":
            continue
        values = [constant(argument) for argument in node.args[1:]]
        options = {keyword.arg: constant(keyword.value) for keyword in node.keywords}
        name, _, index = ast.unparse(node.args[0]).partition("[")
        facts = check(node.func.attr, values, options)
        if index == "0]":
            facts = {"first_open": facts.get("open_low", False)}
        if facts and index in ("", "0]"):
            found.setdefault(name, {}).update(facts)
    return found


def check(method: str, values: list[Any], options: dict[str | None, Any]) -> dict[str, Any]:
    """What one of BaseOptimizer's checks allows."""
    if method in ("validate_non_negative", "validate_learning_rate"):
        return {"low": 0.0}
    if method == "validate_positive":
        return {"low": 0.0, "open_low": True}
    if method == "validate_step":
        return {"low": 1.0}
    if method == "validate_options":
        return {"choices": tuple(values[-1])}
    if method == "validate_range":
        low, high = values[1:3]
        ends = values[3] if len(values) > 3 else options.get("range_type", "[)")
        return {"low": low, "high": high, "open_low": ends[0] == "(", "open_high": ends[1] == ")"}
    if method in ("validate_betas", "validate_nus"):
        ends = options.get("beta_range_type", "[)" if method == "validate_betas" else "[]")
        return {"low": 0.0, "high": 1.0, "open_high": ends[1] == ")"}
    return {}


def helps(doc: str) -> dict[str, str]:
    """What a docstring's part ``Args:`` says of each argument, on one line each."""
    found: dict[str, str] = {}
    inside, current = False, ""
    for line in doc.splitlines():
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent == 0:
            inside = line.strip() == "Args:"
        elif inside and indent == 4 and ":" in line:
            current, _, text = line.strip().partition(":")
            current = current.split(" ")[0]
            found[current] = text.strip()
        elif inside and indent > 4 and current:
            found[current] += " " + line.strip()
    return found
