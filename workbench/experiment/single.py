"""The experiment that one run would be by itself: what its folder keeps, and what runs it again."""

from __future__ import annotations

from typing import Any

from workbench.experiment.resolve import Run
from workbench.experiment.spec import Experiment
from workbench.experiment.text import parse


def as_experiment(run: Run, title: str = "") -> Experiment:
    """One seed, and one variant for the run and for each trunk that it branches off; resolves to this very run."""
    chain = [run]
    while (fork := chain[-1].fork) is not None:
        chain.append(fork.run)
    root = chain.pop()
    base = dict(root.base)
    if root.source is not None:  # the source is trained as the base says, whatever a variant changes
        base |= {key: root.source.base[key] for key in ("optimizer", "schedule")}
    variants: list[dict[str, Any]] = [{"name": root.variant} | changes(base, root.base)]
    before = root
    for branch in reversed(chain):
        assert branch.fork is not None
        trunk = variants[-1]["name"]
        name = (
            branch.variant if branch.variant not in [v["name"] for v in variants] else f"{branch.variant[:70]} (fork)"
        )
        variant = {"name": name, "fork": {"step": branch.fork.step, "variant": trunk}}
        if branch.task["epochs"] != before.task["epochs"]:
            variant["task"] = {"epochs": branch.task["epochs"]}
        variants.append(variant | changes(before.base, branch.base))
        before = branch
    plain: dict[str, Any] = {
        "kind": root.kind,
        "title": title,
        "seeds": [root.seed],
        "task": {key: value for key, value in root.task.items() if value is not None},
        "base": base,
        "variants": variants,
    }
    for key in ("sweep", "tune"):
        if given := getattr(root, key):
            plain[key] = given
    return parse(plain, "run")


def changes(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The keys of a base that differ."""
    return {key: value for key, value in other.items() if value != base[key]}
