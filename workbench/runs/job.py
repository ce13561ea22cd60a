"""A job: a run with its id, and the lane in which it is executed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from workbench import registry
from workbench.experiment import Experiment, Run, resolve
from workbench.registry import Registry

LIGHT_STEPS = 5_000  # steps of a descent that still answer while a person waits
LIGHT_SETTINGS = 100_000  # settings x steps of a sweep, map or tuning that do
HEAVY = 10  # what a step counts for that evaluates the loss anew, or that remedies take part in


class Lane(Enum):
    """Where a run is executed."""

    LIGHT = "light"
    TRAINING = "training"


@dataclass(frozen=True)
class Job:
    """A run and its id, which is also the name of its folder."""

    run: Run
    id: str
    title: str = ""  # of the experiment that it belongs to
    heavy: bool = False  # a step may cost much more than others: the loss is evaluated anew, or rows go one by one

    @property
    def lane(self) -> Lane:
        """Light work is what answers within a breath."""
        task = self.run.task
        steps = task.get("steps", 0) * (HEAVY if self.heavy else 1)
        if self.run.kind == "descent":
            light = steps <= LIGHT_STEPS
        elif self.run.sweep:
            second = self.run.sweep.get("second")
            light = steps * self.run.sweep["count"] * (second["count"] if second else 1) <= LIGHT_SETTINGS
        elif self.run.tune:
            light = steps * self.run.tune["trials"] <= LIGHT_SETTINGS
        else:
            light = task["epochs"] == 0 and self.run.source is None and self.run.fork is None
        return Lane.LIGHT if light else Lane.TRAINING

    @classmethod
    def of(cls, run: Run, known: Registry, title: str) -> Job:
        """The job of a run, with the plugins of this registry."""
        closure = known.get("optimizer", run.base["optimizer"]["use"]).needs_closure
        return cls(run, run.id(known), title, bool(closure or run.base["remedies"]))

    def source(self) -> Job | None:
        """The job that has to be finished first."""
        run = self.run.source
        return None if run is None else Job.of(run, registry.current(), self.title)

    @property
    def about(self) -> str:
        """What it is about, in a few words."""
        return ", ".join(self.run.task[key]["use"] for key in ("surface", "dataset", "model") if key in self.run.task)


def plan(experiment: Experiment, where: str = "experiment") -> list[Job]:
    """All jobs of an experiment with the plugins that are loaded now."""
    known = registry.current()
    return [Job.of(run, known, experiment.title) for run in resolve(experiment, known, where)]
