"""What is wrong with an experiment, in one sentence: file, key, value, and what would be allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from workbench.errors import ExperimentError, allowed_names
from workbench.experiment.spec import Axis, Sweep, Tune, Variant

INSIDE = ("function-", "tuple[", "literal[")  # steps that pydantic adds for the alternatives within a key


def explain(
    error: ValidationError, model: type[BaseModel], given: dict[str, Any], where: str, part: str = ""
) -> ExperimentError:
    """Turn pydantic's report into one sentence: file, key, value, and what would be allowed."""
    first = min(error.errors(), key=lambda report: report["type"] != "extra_forbidden")
    steps = [step for step in first["loc"] if not str(step).startswith(INSIDE)]
    owner, inner = model, steps
    if steps[:1] == ["variants"] and len(steps) > 1:
        variant = given["variants"][steps[1]]
        name = variant.get("name") if isinstance(variant, dict) else None
        where += f": variant {show(name)}" if isinstance(name, str) else f": variants[{steps[1]}]"
        owner, inner = Variant, steps[2:]
        steps = inner
    elif steps[:2] == ["sweep", "second"] and len(steps) > 2:
        owner, inner = Axis, steps[2:]
    elif steps[:1] in (["sweep"], ["tune"]) and len(steps) > 1:
        owner, inner = Sweep if steps[0] == "sweep" else Tune, steps[1:]
    key = spell_key([part, *steps] if part else steps)
    count = len({tuple(s for s in report["loc"] if not str(s).startswith(INSIDE)) for report in error.errors()})
    more = f" ({count - 1} more after this)" if count > 1 else ""
    field = owner.model_fields.get(str(inner[0])) if inner else None
    if first["type"] == "extra_forbidden":
        return ExperimentError(f"{where}: unknown key '{key}'; {allowed_names(inner[-1], owner.model_fields)}{more}")
    if first["type"] == "missing" and len(inner) == 1:
        allowed = f"; allowed: {describe(field)}" if field else ""
        return ExperimentError(f"{where}: the key '{key}' is missing{allowed}{more}")
    value = given.get(str(inner[0])) if inner and owner is model and len(steps) == 1 else first["input"]
    shown = f"{key} = {show(value)}: " if key else f"{show(value)}: "
    if first["type"] == "value_error" and "not the name" not in first["msg"]:
        return ExperimentError(f"{where}: {shown if inner else ''}{first['msg'].removeprefix('Value error, ')}{more}")
    if first["type"] == "literal_error" and field:
        return ExperimentError(f"{where}: {shown}{allowed_names(value, map(str, choices(field)))}{more}")
    allowed = describe(field) if field else "a table"
    return ExperimentError(f"{where}: {shown}not allowed; allowed: {allowed}{more}")


def describe(field: FieldInfo) -> str:
    """What a key takes, in words: ``a whole number from 1 to 1000``."""
    rules = {rule: getattr(m, rule) for m in field.metadata for rule in ("ge", "gt", "le", "lt") if hasattr(m, rule)}
    form = str(field.annotation)
    if "tuple" in form:
        return 'two numbers, as in [1.5, 1.5], or "random"'
    if named := choices(field):
        return ", ".join(map(str, named))
    if "BeforeValidator" in form + str(field.metadata):
        component = 'a name, or a table such as { use = "name", setting = 1 }'
        return f"a list of at most 20 of {component}" if form.startswith("list") else component
    if form.startswith("list[typing.Annotated[int"):
        return "a list of 1 to 1000 whole numbers from 0 to 2147483647, such as [0, 1, 2]"
    if "dict" in form or "list" in form or "Sweep" in form or "Axis" in form:
        return "a list of at most 500 tables" if "list" in form else "a table"
    if "bool" in form or "str" in form:
        longest = next((m.max_length for m in field.metadata if hasattr(m, "max_length")), None)
        return (
            "true or false" if "bool" in form else "a text" + (f" of at most {longest} characters" if longest else "")
        )
    words = "a whole number" if "int" in form else "a number"
    if "gt" in rules:
        words += f" above {rules['gt']:g}"
    if "ge" in rules:
        words += f" from {rules['ge']} to {rules['le']}" if "le" in rules else f" of at least {rules['ge']}"
    return words


def choices(field: FieldInfo) -> tuple[Any, ...]:
    """The allowed values of a ``Literal``."""
    return get_args(field.annotation) if "Literal" in str(field.annotation) else ()


def spell_key(steps: Iterable[int | str]) -> str:
    """``variants[0].optimizer``, short and in one line whatever the file says."""
    key = ""
    for step in steps:
        key += f"[{step}]" if isinstance(step, int) else f".{step}" if key else step
    return tidy(key, 80)


def show(value: Any) -> str:
    """A value in a message: in one line and short."""
    if isinstance(value, int) and abs(value) >= 2**64:
        return "a number of more than 64 bits"
    if isinstance(value, str | bool | float | int | list | dict) and len(str(value)) <= 2000:
        return tidy(repr(value), 80)
    return f"{str(value)[:60]!r}..." if isinstance(value, str) else f"a {type(value).__name__}"


def tidy(text: str, longest: int) -> str:
    """A text in one line, shortened."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= longest else text[: longest - 3] + "..."
