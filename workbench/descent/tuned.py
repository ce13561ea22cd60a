"""From a comparison of descents to one in which each is tuned equally, and back: each at its best."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ExperimentError
from workbench.experiment import Experiment, Run, dump, parse, resolve
from workbench.experiment.axes import tuned
from workbench.registry import Registry
from workbench.words import listed, unused

Plain = dict[str, Any]
TUNED = "Each tuned equally: "


def settings_of(text: str) -> dict[str, float]:
    """The settings of a trial, as the table ``trials`` spells them: ``lr = 0.1, momentum = 0.9``."""
    return {name: float(value) for name, value in tomllib.loads(text.replace(", ", "\n")).items()}


def ranked(trials: pd.DataFrame) -> pd.DataFrame:
    """The table ``trials`` from the best to the worst: the fewest steps to tolerance, else the lowest value.

    A value is none where the trial diverged, however low it fell.
    """
    lost = (trials["outcome"] == "diverged") | ~np.isfinite(trials["value"])
    keys = (trials["trial"], trials["value"].mask(lost, np.inf), trials["steps_to_tolerance"].fillna(np.inf))
    return trials.iloc[np.lexsort(keys)]


def best_of_each(trials: pd.DataFrame, by: Sequence[str] = ("variant", "seed")) -> pd.DataFrame:
    """The best row of the table ``trials`` for each variant and seed, in their order."""
    return ranked(trials.reset_index(drop=True)).groupby(list(by), sort=False).head(1).sort_index(ignore_index=True)


def tuning_of(experiment: Experiment, registry: Registry, trials: int = 32) -> Experiment:
    """The same task, base and variants, each with ``trials`` random settings of its optimizer.

    What is tuned is no difference any more: it is taken out, and variants that are the same without it become one,
    called after the optimizer. Raises ``ExperimentError`` for another kind than "descent", and where an optimizer has
    nothing to tune.
    """
    if experiment.kind != "descent":
        raise ExperimentError(f"kind = {experiment.kind!r} cannot be tuned; only what descends on a surface can")
    first = experiment.model_copy(update={"seeds": experiment.seeds[:1]})
    runs = {run.variant: run for run in resolve(first, registry)}
    plain = dump(experiment)
    plain |= {"kind": "tune", "tune": {"trials": trials}}
    plain["title"] = f"{TUNED}{experiment.title}"[:200] if experiment.title else "Each tuned equally"
    base = dict(plain.get("base", {}))
    if "optimizer" in base:
        base["optimizer"] = without_tuned(base["optimizer"], use_of(base["optimizer"], "sgd"), registry)
    same: dict[str, list[Plain]] = {}
    for variant in plain.get("variants", []):
        run = runs[variant["name"]]
        if "optimizer" in variant:
            variant["optimizer"] = without_tuned(variant["optimizer"], run.base["optimizer"]["use"], registry)
        same.setdefault(identity(run, registry), []).append(variant)
    taken = {group[0]["name"] for group in same.values() if len(group) == 1}
    variants, notes = [], []
    for group in same.values():
        variant = {key: value for key, value in group[0].items() if value != {}}
        if len(group) > 1:
            title = registry.get("optimizer", runs[variant["name"]].base["optimizer"]["use"]).title
            variant["name"] = unused(title, taken)
            taken.add(variant["name"])
            names = listed(each["name"] for each in group)
            notes.append(f"{names} differ only in what is tuned: they are **{variant['name']}** here.")
        variants.append(variant)
    plain |= {"base": base, "variants": variants}
    lesson = [
        f"Every variant gets {trials} random settings of its optimizer, from the range that each setting says is worth "
        "trying. The rest is as it was: task, schedule and remedies."
    ]
    plain["lesson"] = "\n\n".join(lesson + notes)
    made = parse({key: value for key, value in plain.items() if value not in ({}, [])})
    resolve(made, registry, "tuning")
    return made


def use_of(reference: Any, usual: str) -> str:
    """The name of a component, however it is spelt."""
    return str(reference if isinstance(reference, str) else reference.get("use", usual))


def without_tuned(reference: Any, use: str, registry: Registry) -> Any:
    """A reference without the settings that a tuning draws."""
    if isinstance(reference, str):
        return reference
    drawn = {param.name for param in tuned(registry, use)}
    return {key: value for key, value in reference.items() if key not in drawn}


def identity(run: Run, registry: Registry) -> str:
    """What decides a run's numbers besides the settings that a tuning draws."""
    optimizer = without_tuned(run.base["optimizer"], run.base["optimizer"]["use"], registry)
    return json.dumps([run.task, run.base | {"optimizer": optimizer}], sort_keys=True)


def at_best(experiment: Experiment, trials: pd.DataFrame, registry: Registry) -> Experiment:
    """Single descents, each variant with the settings of its best trial in any seed.

    Variants without a trial are left out; ``ExperimentError`` when there is none at all. Seeds stay only where they
    decide something besides the draw of the trials: a random start, or noise.
    """
    pooled = {str(row["variant"]): str(row["settings"]) for _, row in best_of_each(trials, ["variant"]).iterrows()}
    if not pooled:
        raise ExperimentError("no trial has finished yet, so there is no best one; wait, or press Run")
    resolved = resolve(experiment, registry)
    plain = dump(experiment)
    plain.pop("tune", None)
    plain["kind"] = "descent"
    title = experiment.title.removeprefix(TUNED)
    plain["title"] = f"Each at its best: {title}"[:200] if title else "Each at its best"
    count = trials.groupby(["variant", "seed"]).size().max()
    searches = f" in each of {len(experiment.seeds)} searches" if len(experiment.seeds) > 1 else ""
    plain["lesson"] = (
        f"Each variant has the settings of its best trial, of {count} random ones{searches}. Best: the fewest steps to "
        "the tolerance, or else the lowest value. The best of many trials is lucky, too: another start has another."
    )
    if not any(run.task["start"] == "random" or run.task["surface"].get("noise") for run in resolved):
        plain["seeds"] = experiment.seeds[:1]
    if not experiment.variants:
        base = plain.setdefault("base", {})
        base["optimizer"] = with_settings(base.get("optimizer", resolved[0].base["optimizer"]["use"]), pooled["base"])
        return parse(plain)
    plain["variants"] = [
        variant | {"optimizer": with_settings(variant.get("optimizer", {}), pooled[variant["name"]])}
        for variant in plain["variants"]
        if variant["name"] in pooled
    ]
    return parse(plain)


def with_settings(reference: Any, settings: str) -> Plain:
    """A reference with the settings of a trial."""
    given = {"use": reference} if isinstance(reference, str) else reference
    return given | settings_of(settings)
