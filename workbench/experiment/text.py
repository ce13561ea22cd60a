"""An experiment from and to plain data and TOML."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from workbench.errors import ExperimentError
from workbench.experiment.explain import explain, show, spell_key, tidy
from workbench.experiment.spec import BASES, TASKS, Experiment

LONGEST = 1_000_000  # bytes of a file; an experiment is a page of text
DEEPEST = 8  # tables within tables


def parse(plain: Any, where: str = "experiment") -> Experiment:
    """Check plain data for its form; ``ExperimentError`` says where and what would be allowed."""
    if not isinstance(plain, Mapping):
        raise ExperimentError(f"{where}: an experiment is a table with the key 'kind', not {show(plain)}")
    plain = plain_data(plain, where, ())
    try:
        experiment = Experiment.model_validate(plain)
    except ValidationError as error:
        raise explain(error, Experiment, plain, where) from None
    for part, model in (("task", TASKS[experiment.kind]), ("base", BASES[experiment.kind])):
        given = getattr(experiment, part)
        try:
            complete = model.model_validate(given).model_dump()
        except ValidationError as error:
            raise explain(error, model, given, where, part) from None
        for key in given:  # one spelling of a reference, whoever reads it
            if isinstance(complete[key], dict | list):
                given[key] = complete[key]
    return experiment


def plain_data(value: Any, where: str, path: tuple[int | str, ...]) -> Any:
    """A deep copy in tables, lists, texts, numbers and truth values only; absent is the same as None."""
    key = spell_key(path)
    if len(path) > DEEPEST:
        raise ExperimentError(f"{where}: {key} is nested too deeply; allowed: at most {DEEPEST} levels")
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str) or not unicode(name):
                raise ExperimentError(f"{where}: {show(name)} in {key or 'the experiment'} is no key; keys are texts")
        return {k: plain_data(v, where, (*path, k)) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [plain_data(item, where, (*path, index)) for index, item in enumerate(value) if item is not None]
    if isinstance(value, float) and not math.isfinite(value):
        raise ExperimentError(f"{where}: {key} = {value}: not a finite number; allowed: numbers below 1.8e308")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ExperimentError(f"{where}: {key} is a number of more than 64 bits; allowed: whole numbers below 2^63")
    if isinstance(value, str) and not unicode(value):
        raise ExperimentError(f"{where}: {key} holds half a character; write it anew, in UTF-8")
    if type(value) not in (bool, int, float, str):
        raise ExperimentError(f"{where}: {key} = {show(value)}: allowed: a table, list, text, number, true or false")
    return value


def unicode(text: str) -> bool:
    """Whether a text can be written in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def loads(text: str, where: str = "experiment") -> Experiment:
    """Read an experiment from TOML."""
    if len(text) > LONGEST or len(text.encode(errors="replace")) > LONGEST:
        raise ExperimentError(f"{where}: larger than 1 MB; an experiment is a page of text")
    try:
        plain = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: TOMLDecodeError, or a number of 5,000 digits
        reason = "nested too deeply" if isinstance(error, RecursionError) else tidy(str(error), 200)
        raise ExperimentError(f"{where}: not valid TOML: {reason}") from None
    return parse(plain, where)


def read(path: str | Path) -> Experiment:
    """Read an experiment from a TOML file."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(LONGEST + 1)
        return loads(content.decode("utf-8-sig"), str(path))
    except OSError as error:
        raise ExperimentError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ExperimentError(f"{path}: not a text file in UTF-8; an experiment is a TOML file") from None


def dump(experiment: Experiment) -> dict[str, Any]:
    """Plain data without what is empty or left at its default; components without settings by name alone."""
    plain = experiment.model_dump(exclude_none=True)
    for part in (plain["task"], plain["base"], *plain["variants"], *(v["task"] for v in plain["variants"])):
        part |= {key: short(value) for key, value in part.items()}
    plain["variants"] = [{key: value for key, value in v.items() if value or key != "task"} for v in plain["variants"]]
    return {key: value for key, value in plain.items() if value not in ("", [], {})}


def short(value: Any) -> Any:
    """``{"use": "adam"}`` is ``"adam"``."""
    if isinstance(value, list):
        return [short(item) for item in value]
    return value["use"] if isinstance(value, dict) and list(value) == ["use"] else value


def dumps(experiment: Experiment) -> str:
    """Write an experiment as TOML, one setting a line, as a person would."""
    plain = dump(experiment)
    variants = plain.pop("variants", [])
    tables = [(f"[{key}]", plain.pop(key)) for key in ("task", "base", "sweep", "tune") if key in plain]
    blocks = [("", plain), *tables, *(("[[variants]]", variant) for variant in variants)]
    return "\n".join(f"{head}\n{lines(table)}" if head else lines(table) for head, table in blocks)


def lines(table: dict[str, Any]) -> str:
    """``key = value`` lines."""
    return "".join(f"{inline({key: value})}\n" for key, value in table.items())


def inline(table: dict[str, Any]) -> str:
    """``key = value, key = value``, as within one table in one line; a long text over several."""
    return ", ".join(f"{tomli_w.dumps({key: 0})[:-5]} = {literal(value)}" for key, value in table.items())


def literal(value: Any) -> str:
    """A value as it stands behind ``=``."""
    if isinstance(value, dict):
        return f"{{ {inline(value)} }}" if value else "{}"
    if isinstance(value, list):
        return f"[{', '.join(literal(item) for item in value)}]"
    several = isinstance(value, str) and "\n" in value and "\r" not in value
    return tomli_w.dumps({"k": value}, multiline_strings=several)[4:-1]
