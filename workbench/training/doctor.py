"""The doctor: rules look at the records of trainings and say what is wrong; cures become variants.

Rules are components (kind ``rule``), this module only asks them: it makes a ``Case`` of every run, puts what
a rule says of several seeds together, and knows how a ``Cure`` changes an experiment and which variants are cures.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.blame import blame
from workbench.components import Rule
from workbench.diagnosis import Case, Cure, Diagnosis
from workbench.errors import ExperimentError, WorkbenchError
from workbench.experiment import Experiment, Run, dump, parse, resolve
from workbench.experiment.spec import SCRATCH, as_reference
from workbench.records import Records
from workbench.registry import Registry
from workbench.words import listed, unused

LONGEST = 80  # letters in the name of a variant
LABEL = 40  # letters of a cure's label in it


@dataclass(frozen=True)
class Progress:
    """How far a run is that has no row in the summary yet."""

    steps: int
    live: bool


@dataclass(frozen=True)
class Complaint:
    """What one rule says of one variant: ``evidence`` is of the first of the ``seeds`` in which it is so.

    ``examined`` are all seeds of the variant that have records.
    """

    rule: Rule
    variant: str
    seeds: tuple[int, ...]
    examined: tuple[int, ...]
    evidence: str
    cures: tuple[Cure, ...]
    statistic: str = ""  # that tells most about it

    @property
    def scope(self) -> str:
        """In which seeds it is so: empty with one seed, ``2 of 3 seeds (0 and 2)``, ``all 3 seeds``."""
        if len(self.examined) < 2:
            return ""
        if len(self.seeds) == len(self.examined):
            return f"all {len(self.seeds)} seeds"
        return f"{len(self.seeds)} of {len(self.examined)} seeds ({listed(map(str, self.seeds))})"


@dataclass(frozen=True)
class Report:
    """All complaints in the order of the variants and rules; who has none; which rules could not be asked, and why.

    ``unseen``: variants of which nothing was found, but not all could be looked at, and the words (``NOT_SEEN``) why.
    """

    complaints: tuple[Complaint, ...]
    healthy: tuple[str, ...]
    unseen: Mapping[str, str]
    broken: tuple[str, ...]
    rules: int

    def of(self, variant: str) -> list[Complaint]:
        """What is wrong with one variant."""
        return [each for each in self.complaints if each.variant == variant]

    def all_clear(self) -> str:
        """That nothing was found of those who were looked at; empty when there is none."""
        return f"{listed(self.healthy)}: nothing found by {self.rules} rules." if self.healthy else ""

    def not_seen(self) -> list[str]:
        """A sentence for every reason for which not all could be looked at."""
        said = []
        for why in dict.fromkeys(self.unseen.values()):
            names = [name for name, own in self.unseen.items() if own == why]
            said.append(f"{listed(names)}: nothing found, but {NOT_SEEN[why][len(names) > 1]}.")
        return said


# What could not be looked at, of one variant and of several.
NOT_SEEN = {
    "untrained": (
        "it has not trained: only its start was looked at",
        "they have not trained: only the start was looked at",
    ),
    "nothing": (
        "it has not trained, and its layers were not measured",
        "they have not trained, and no layers were measured",
    ),
    "off": (
        "its layers were not measured (probes = off): only the curve was looked at",
        "their layers were not measured (probes = off): only the curves were looked at",
    ),
    "unmeasured": (
        "its layers have not been measured: only the curve was looked at",
        "their layers have not been measured: only the curves were looked at",
    ),
}


def unseen(case: Case) -> str:
    """Why a case cannot be called healthy though no rule says anything; a key of ``NOT_SEEN``, or empty."""
    if not case.steps:
        return "nothing" if case.layers.empty else "untrained"
    if case.layers.empty:
        return "off" if case.task["probes"] == "off" else "unmeasured"
    return ""


def cases(runs: Iterable[Run], records: Records, progress: Mapping[tuple[str, int], Progress]) -> list[Case]:
    """A case for every training that has recorded anything, in the order of ``runs``.

    ``records`` have variant and seed in front; ``progress`` is by both, and needed only for runs without a summary.
    """
    tables = {name: split(records[name]) for name in ("summary", "curve", "layers")}
    found = []
    for run in runs:
        key = (run.variant, run.seed)
        curve, layers = tables["curve"].get(key), tables["layers"].get(key)
        if run.kind not in ("training", "transfer") or curve is None or curve.empty:
            continue
        if layers is None:  # it trains without probes, or diverged before the first
            layers = records["layers"].iloc[:0].drop(columns=["variant", "seed"])
        row = tables["summary"].get(key)
        if row is not None:
            outcome, state = str(row["outcome"].iloc[0]), Progress(int(row["steps"].iloc[0]), live=False)
        else:
            outcome, state = "", progress.get(key, Progress(int(curve["step"].max()), live=True))
        epochs = int(run.task["epochs"])
        found.append(Case(*key, outcome, state.steps, epochs, state.live, run.task, run.base, curve, layers))
    return found


def split(table: pd.DataFrame) -> dict[tuple[str, int], pd.DataFrame]:
    """The rows of each run, without their variant and seed."""
    columns = [name for name in table.columns if name not in ("variant", "seed")]
    groups = table.groupby(["variant", "seed"], sort=False)[columns]
    return {(str(variant), int(seed)): rows for (variant, seed), rows in groups}


@dataclass(frozen=True)
class Answers:
    """What the rules say of one case, by their names; of those that failed, why."""

    said: Mapping[str, list[Diagnosis]]
    broken: Mapping[str, str]


def consult(case: Case, registry: Registry) -> Answers:
    """Ask every rule about one case. One that fails is named with its plugin and takes nothing else down."""
    said: dict[str, list[Diagnosis]] = {}
    broken: dict[str, str] = {}
    for rule in registry.all("rule"):
        try:
            if diagnoses := ask(rule, case, registry):
                said[rule.name] = diagnoses
        except WorkbenchError as error:
            broken[rule.name] = str(error)
    return Answers(said, broken)


def examine(patients: Sequence[Case], registry: Registry) -> Report:
    """Ask every rule about every case."""
    return sum_up(patients, [consult(case, registry) for case in patients], registry)


def sum_up(patients: Sequence[Case], answers: Sequence[Answers], registry: Registry) -> Report:
    """One report of what was said of each case."""
    rules: list[Rule] = registry.all("rule")
    variants = list(dict.fromkeys(case.variant for case in patients))
    complaints = []
    for variant in variants:
        own = [(case.seed, given) for case, given in zip(patients, answers, strict=True) if case.variant == variant]
        for rule in rules:
            if said := [(seed, given.said[rule.name]) for seed, given in own if rule.name in given.said]:
                complaints.append(complaint(rule, variant, said, [seed for seed, _ in own]))
    broken = {name: why for given in answers for name, why in given.broken.items()}
    ill = {each.variant for each in complaints}
    blind: dict[str, str] = {}
    for case in patients:
        if case.variant not in ill and (why := unseen(case)):
            blind.setdefault(case.variant, why)
    healthy = tuple(name for name in variants if name not in ill and name not in blind)
    return Report(tuple(complaints), healthy, blind, tuple(broken.values()), len(rules))


def ask(rule: Rule, case: Case, registry: Registry) -> list[Diagnosis]:
    """What a rule says of a case; ``WorkbenchError`` names its plugin when it fails or says something else."""
    with blame(registry, "rule", rule.name):
        said: Any = rule.factory(case, **registry.settings("rule", rule.name, {}))
        given = [said] if isinstance(said, Diagnosis) else [] if said is None else list(said)
        for each in given:
            if not isinstance(each, Diagnosis):
                raise TypeError(f"it returned {each!r:.80}; return None, a Diagnosis or several")
            for cure in each.cures:
                if not isinstance(cure, Cure):
                    raise TypeError(f"it offers {cure!r:.80} as a cure; give a Cure")
                if not isinstance(cure.label, str) or not cure.label.strip():
                    raise ValueError(f"it offers a cure with the label {cure.label!r:.80}; say what it changes")
        return given


def complaint(
    rule: Rule, variant: str, said: Sequence[tuple[int, list[Diagnosis]]], examined: Sequence[int]
) -> Complaint:
    """What a rule says of the seeds of a variant as one: evidence and cures of the first, and what others add."""
    cures: dict[str, Cure] = {}
    for _, diagnoses in said:
        for diagnosis in diagnoses:
            for cure in diagnosis.cures:
                cures.setdefault(cure.label, cure)
    evidence = " ".join(diagnosis.evidence for diagnosis in said[0][1])
    seeds = tuple(seed for seed, _ in said)
    statistic = next((diagnosis.statistic for diagnosis in said[0][1] if diagnosis.statistic), "")
    return Complaint(rule, variant, seeds, tuple(examined), evidence, tuple(cures.values()), statistic)


# -- cures -------------------------------------------------------------------------------------------------


def cured(run: Run, cure: Cure, registry: Registry) -> Run:
    """The run with the cure from its start, every setting complete; ``ExperimentError`` where the two do not fit.

    A setting that is None in the cure's change goes back to its component's default. A branch is cured as a run
    of its own, which has no trunk.
    """
    task = {key: value for key, value in run.task.items() if value is not None}
    alone = {"kind": run.kind, "seeds": [run.seed], "task": task, "base": run.base}
    variant = {"name": "cured"} | copy.deepcopy(dict(cure.change))
    for key, change in variant.items():
        if key in run.base and isinstance(change, dict) and None in change.values():
            default = registry.settings(key, change.get("use", run.base[key]["use"]), {})
            variant[key] = {name: default.get(name) if value is None else value for name, value in change.items()}
    if cure.add_remedies:
        remedies = variant.get("remedies", run.base["remedies"])
        variant["remedies"] = [*remedies, *map(as_reference, cure.add_remedies)]
    [made] = resolve(parse(alone | {"variants": [variant]}), registry)
    return made


def possible(run: Run, cure: Cure, registry: Registry) -> bool:
    """Whether the cure's components are registered and fit to the run, and change anything of it."""
    try:
        made = cured(run, cure, registry)
    except WorkbenchError:
        return False
    return (made.task, made.base) != (run.task, run.base)


def prescribe(experiment: Experiment, variant: str, cure: Cure, registry: Registry, step: int = 0) -> Experiment:
    """The experiment with one more variant: ``variant`` with the cure, from the start or, after ``step`` updates, as
    its branch. Where there were no variants, the base becomes one, so that both are drawn.

    Raises ``ExperimentError`` when there is no such variant (any more), or the cure does not fit to it.
    """
    plain = dump(experiment)
    variants: list[dict[str, Any]] = plain.setdefault(
        "variants", [{"name": each.name} for each in experiment.shown_variants]
    )
    own = next((each for each in experiment.shown_variants if each.name == variant), None)
    if own is None:
        known = ", ".join(repr(each["name"]) for each in variants)
        raise ExperimentError(f"the composition has no variant {variant!r} any more; it has {known}")
    run = next(run for run in resolve(experiment, registry) if run.variant == variant)
    made = cured(run, cure, registry)
    if step:
        new = {"fork": {"step": step, "variant": variant}} | differences(run.base, made.base, registry)
        if made.task != run.task:
            raise ExperimentError(f"{cure.label!r} changes the task, which a branch cannot; take it from the start")
    else:
        base = resolve(experiment.model_copy(update={"variants": []}), registry)[0]
        new = differences(base.base, made.base, registry)
        if task := differences(base.task, made.task, registry):
            new["task"] = task
    end = f" + {short(cure)}" + (f" from step {step}" if step else "")
    name = unused(variant[: LONGEST - 4 - len(end)] + end, {each["name"] for each in variants})
    variants.append({"name": name} | new)
    return parse(plain)


def short(cure: Cure) -> str:
    """The label in one line, cut where it is long."""
    label = " ".join(cure.label.split())
    return label if len(label) <= LABEL else f"{label[: LABEL - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def differences(old: Mapping[str, Any], new: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """The keys in which two complete bases or tasks differ, as a variant spells them: no setting too many."""
    found: dict[str, Any] = {}
    for key, value in new.items():
        if value == old[key]:
            continue
        if key == "remedies":
            found[key] = [brief("remedy", each, registry) for each in value]
        elif isinstance(value, dict) and value["use"] == old[key]["use"]:
            found[key] = {name: setting for name, setting in value.items() if setting != old[key][name]}
        elif isinstance(value, dict):
            found[key] = brief(key, value, registry)
        else:
            found[key] = value
    return found


def brief(kind: str, reference: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """A complete reference without the settings that are at their defaults."""
    known = "dataset" if kind == "source" else kind
    default = {} if reference["use"] == SCRATCH else registry.settings(known, reference["use"], {})
    return {name: value for name, value in reference.items() if name == "use" or value != default[name]}


@dataclass(frozen=True)
class Treatment:
    """A variant of the experiment that is another one with a cure: what stood ``before``, and ``after``."""

    complaint: Complaint
    cure: Cure
    before: str
    after: str
    step: int = 0  # where it branched off; 0: from the start


def treatments(report: Report, runs: Sequence[Run], registry: Registry) -> list[Treatment]:
    """Which variants are others with one of their cures: found by what they are, so whoever composed them counts."""
    by_name = {run.variant: run for run in reversed(runs)}  # of each variant, the first seed
    found = []
    for each in report.complaints:
        before = by_name[each.variant]
        for cure in each.cures:
            try:
                wanted = cured(before, cure, registry)
            except WorkbenchError:
                continue
            if (wanted.task, wanted.base) == (before.task, before.base):
                continue
            for name, run in by_name.items():
                if name == each.variant or (run.task, run.base) != (wanted.task, wanted.base):
                    continue
                if run.fork is None:
                    found.append(Treatment(each, cure, each.variant, name))
                elif run.fork.run.content() == before.content():
                    found.append(Treatment(each, cure, each.variant, name, run.fork.step))
    return found


def lines(report: Report) -> list[str]:
    """The report in words, a line each: for the command line."""
    said = []
    for each in report.complaints:
        scope = f" ({each.scope})" if each.scope else ""
        said.append(f"{each.variant}: {each.rule.title}{scope}. {each.evidence}")
        if each.cures:
            said.append(f"  may help: {'; '.join(map(short, each.cures))}")
    said += filter(None, [report.all_clear(), *report.not_seen()])
    return [*said, *report.broken]
