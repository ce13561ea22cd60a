"""One training run, from its plain description to its records."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from workbench.blame import blame, rate_factor, returned
from workbench.components import Clock, Remedy
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.records import Recorder
from workbench.registry import Registry
from workbench.stepping import Rates, judged, needs_closure
from workbench.training import device
from workbench.training.culprit import naming_the_culprit
from workbench.training.fork import Replay
from workbench.training.goal import Classify, Goal, Reconstruct
from workbench.training.log import Log
from workbench.training.network import Network, build, initialise
from workbench.training.parts import load_source, make_optimizer, may_flush, without_denormals
from workbench.training.probes import Probe, curvature_steps, norm, probe_steps
from workbench.training.refusals import check_last_batch, ground
from workbench.training.seeds import derive, generator
from workbench.training.state import State, branch, capture, restore, settings_of


def execute(run: Run, registry: Registry, recorder: Recorder) -> dict[str, Any]:
    """Train a network as ``run`` (kind training or transfer) says; returns its summary row.

    Rows go to the tables curve, layers and timing. ``step`` is the number of updates made when something was
    measured: the training row of step 0 is of the untouched network. A loss that is not finite ends the run
    with the outcome ``diverged``. A recorder with a checkpoint lets the run go on from there, as if it had never been
    interrupted. Raises ``WorkbenchError``, which names the plugin, when a component fails.
    The global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        return Training(run, registry, recorder).execute()


class EndedError(Exception):
    """The training is over before its last step."""

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome, self.message = outcome, message


class Training:
    """Everything one run consists of; ``execute`` reads from top to bottom."""

    def __init__(self, run: Run, registry: Registry, recorder: Recorder) -> None:
        self.run, self.registry, self.recorder = run, registry, recorder
        task, base = run.task, run.base
        ready = ground(run, registry)
        self.device, self.data = ready.device, ready.data
        shape, samples = self.data.train_x.shape[1:], len(self.data.train_y)
        reconstructs = registry.get("model", task["model"]["use"]).reconstructs
        self.goal: Goal = Reconstruct(self.data) if reconstructs else Classify(self.data)
        self.epochs: int = task["epochs"]
        self.batch_size, self.test_batch = ready.batch_size, ready.test_batch
        self.batches = math.ceil(samples / self.batch_size)
        self.steps = self.epochs * self.batches
        self.remedies: list[tuple[str, Remedy]] = [
            (reference["use"], registry.make("remedy", reference)) for reference in base["remedies"]
        ]
        self.network: Network = build(
            base, task["model"], shape, len(self.data.classes), run.seed, self.remedies, registry
        )
        check_last_batch(run, self.network, samples)
        first = self.data.train_x[self.order(0)[0]]
        with naming_the_culprit(run, registry):
            initialise(self.network, base["initializer"], first, run.seed, registry, run.kind == "transfer")
        self.loaded, self.message = load_source(run, self.network, recorder, registry)
        self.data, self.network = device.move(self.data, self.device), self.network.to(self.device)
        torch.manual_seed(derive(run.seed, "noise"))
        self.network.train()
        for name, remedy in self.remedies:
            with blame(registry, "remedy", name):
                remedy.after_init(self.network, first.to(self.device))
        self.parameters = list(self.network.parameters())
        self.optimizer = make_optimizer(run, self.network, self.remedies, registry)
        with blame(registry, "optimizer", base["optimizer"]["use"]):
            self.rates = Rates(self.optimizer)
            declared = registry.get("optimizer", base["optimizer"]["use"]).needs_closure
            self.needs_closure = declared or needs_closure(self.optimizer)
            self.built = settings_of(self.optimizer)
            self.flushes = may_flush(self.optimizer)
        self.factor = rate_factor(registry, base["schedule"], self.remedies)
        self.loss = self.make_loss()
        self.before_step = self.overriding("before_step")
        self.after_step = self.overriding("after_step")
        self.probed = probe_steps(self.steps) if task["probes"] != "off" else set()
        self.curved = curvature_steps(self.steps) if task["probes"] == "full" else set()
        self.log = Log(recorder, self.steps, self.batches)
        self.step, self.epoch, self.batch = 0, 0, 0  # batch: how many of this epoch are done
        self.total, self.seen = 0.0, 0  # of this epoch's losses and samples
        self.losses: tuple[float, ...] = ()  # the mean of every epoch that is over
        self.tested = -1  # the step at which the test split was last looked at
        self.until = -1  # the step at which a trunk ends
        self.final_loss = math.nan
        self.accuracies: list[float] = []
        self.began, self.spent = time.perf_counter(), 0.0  # spent: seconds before this process took it up
        self.measuring = 0.0  # of them, those that went into measuring the layers

    # -- what happens, in order ----------------------------------------------------------------------------

    def execute(self) -> dict[str, Any]:
        """Train, and say how it went."""
        outcome = "finished"
        try:
            self.train()
        except EndedError as end:
            outcome = end.outcome
            self.message = "; ".join(filter(None, (self.message, end.message)))
            if outcome != "paused" and self.tested >= 0:  # else it ended before it had a network of its own
                self.test()
        finally:
            self.log.write()
        if outcome in ("finished", "diverged"):
            with judged(self.optimizer):
                self.recorder.save_weights(self.network.state_dict())
        return {
            "outcome": outcome,
            "steps": self.step,
            "final_loss": self.final_loss,
            "final_accuracy": self.accuracies[-1] if self.accuracies else math.nan,
            "best_accuracy": max(self.accuracies, default=math.nan),
            "seconds": self.seconds(),
            "message": self.message,
        }

    def train(self) -> None:
        """From the last checkpoint, the trunk or the first step to the last; ``EndedError`` where it ends before."""
        if state := self.recorder.resume():
            restore(self, state)
        elif self.run.fork is not None:
            self.message = branch(self, self.trunk())
            self.began = time.perf_counter()  # its trunk is not its work
            self.test()
        else:
            self.test()
        if self.step == self.until:
            raise EndedError("reached", "")
        if self.epochs == 0:
            self.look()
        while self.epoch < self.epochs:
            self.train_epoch()
            self.test()
            self.losses += (self.final_loss,)
            self.epoch, self.batch, self.total, self.seen = self.epoch + 1, 0, 0.0, 0

    def trunk(self) -> State:
        """The state of the run that this one is a branch of, at the fork: trained again as far as nothing is kept."""
        fork = self.run.fork
        assert fork is not None
        if fork.step > self.steps:
            raise WorkbenchError(
                f"fork.step = {fork.step}: the branch is over at step {self.steps}; give it more epochs, or fork "
                "earlier"
            )
        trunk = Training(fork.run, self.registry, Replay(self.recorder, fork.run.id(self.registry), fork.step))
        trunk.until = fork.step
        try:
            trunk.train()
        except EndedError as end:
            if end.outcome == "reached":
                return capture(trunk)
            if end.outcome != "diverged":
                raise EndedError(end.outcome, f"{end.outcome} while its trunk was trained again") from None
            raise WorkbenchError(f"fork.step = {fork.step}: its trunk diverged before: {end.message}") from None
        raise WorkbenchError(f"fork.step = {fork.step}: its trunk ends at step {trunk.steps}; allowed: 1 to that")

    def train_epoch(self) -> None:
        """What is left of one pass over the training split."""
        if self.batch == 0:
            for name, remedy in self.remedies:
                with blame(self.registry, "remedy", name):
                    remedy.on_epoch(self.network, self.epoch)
        self.network.train()
        try:
            for index in self.order(self.epoch)[self.batch :]:
                loss = self.train_step(*self.sample(index))
                self.total, self.seen, self.batch = (
                    self.total + loss * len(index),
                    self.seen + len(index),
                    self.batch + 1,
                )
                if not math.isfinite(loss):
                    raise EndedError("diverged", f"the loss is {loss} at step {self.step}")
                self.recorder.progress(self.step, self.steps)
                self.between()
        finally:
            self.final_loss = self.total / self.seen if self.seen else self.final_loss
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self.parameters):
            raise EndedError("diverged", f"a weight is not finite after step {self.step - 1}")

    def between(self) -> None:
        """Between two steps: keep a checkpoint when it is time, and end when somebody asks for it."""
        if self.step == self.until:
            raise EndedError("reached", "")
        asked = self.recorder.asked()
        if asked or self.recorder.due():
            self.log.write()
            self.recorder.checkpoint(capture(self))
        if asked:
            raise EndedError(asked, f"{asked} at step {self.step} of {self.steps}")

    def seconds(self) -> float:
        """How long it has been worked on, in all processes that did."""
        return self.spent + time.perf_counter() - self.began

    def train_step(self, x: Tensor, y: Tensor) -> float:
        """One update, and the batch's loss before it; a loss that is not finite leaves the weights alone."""
        step = self.step
        clock = Clock(step, self.steps, step / self.batches, self.epochs, self.losses)
        self.rates.apply(self.factor(clock))
        probe = self.attach(x, y) if step in self.probed else None
        logits, loss_tensor = self.gradients(x, y)
        loss = loss_tensor.item()
        if probe is not None:
            self.measure(probe.gradients)
        if self.log.wants(step) or not math.isfinite(loss):
            self.note(logits, y, loss)
        if math.isfinite(loss):
            self.change_gradients(clock)
            self.take_step(x, y, loss_tensor, clock)
            for name, remedy in self.after_step:
                with blame(self.registry, "remedy", name):
                    remedy.after_step(self.parameters, clock)
            if probe is not None:
                self.measure(probe.update)
            self.step += 1
        if probe is not None:
            self.keep(probe)
        self.log.write_now_and_then()
        return loss

    def look(self) -> None:
        """Measure the untrained network on its first batch; nothing is changed."""
        x, y = self.sample(self.order(0)[0])
        self.network.train()
        probe = self.attach(x, y) if self.probed else None
        logits, loss = self.gradients(x, y)
        if probe is not None:
            self.measure(probe.gradients)
            self.keep(probe)
        self.final_loss = loss.item()
        self.note(logits, y, self.final_loss)
        if not math.isfinite(self.final_loss):
            raise EndedError("diverged", f"the loss is {self.final_loss} at step 0")

    # -- what is measured ----------------------------------------------------------------------------------

    def attach(self, x: Tensor, y: Tensor) -> Probe:
        """A probe for the step that comes; at the first one, what the inputs are like."""
        began = time.perf_counter()
        objective = partial(self.objective, x, y) if self.step in self.curved else None
        probe = Probe(self.network, self.step, self.run.task["probes"], objective, self.loaded)
        if self.step == 0:
            self.log.layers(inputs(x))
        self.measuring += time.perf_counter() - began
        return probe

    def measure(self, what: Callable[[], None]) -> None:
        """Let a probe measure, and count the seconds."""
        began = time.perf_counter()
        with naming_the_culprit(self.run, self.registry):
            what()
        self.measuring += time.perf_counter() - began

    def keep(self, probe: Probe) -> None:
        """Keep what a probe has found."""
        self.log.probe(probe)
        self.measuring += probe.seconds

    def objective(self, x: Tensor, y: Tensor, part: slice = slice(None)) -> Tensor:
        """The loss of (a part of) a batch, for a probe that wants more than its gradient."""
        return self.loss(self.outputs(x[part]), y[part])

    # -- the parts of a step -------------------------------------------------------------------------------

    def order(self, epoch: int) -> tuple[Tensor, ...]:
        """Batches of sample numbers: they depend on the seed and the epoch, on nothing else."""
        shuffled = torch.randperm(len(self.data.train_y), generator=generator(self.run.seed, "order", epoch))
        return torch.split(shuffled, self.batch_size)

    def sample(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The inputs and targets of some samples of the training split."""
        index = index.to(self.device)
        x, y = self.data.train_x.index_select(0, index), self.data.train_y.index_select(0, index)
        return x, self.goal.targets(x, y)

    def gradients(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (batch, width) and the loss, with its gradient in every parameter."""
        with naming_the_culprit(self.run, self.registry):
            for parameter in self.parameters:
                parameter.grad = None
            outputs = self.outputs(x)
            loss = self.loss(outputs, y)
            loss.backward()  # type: ignore[no-untyped-call]
        return outputs.detach(), loss.detach()

    def outputs(self, x: Tensor) -> Tensor:
        """What the network says of a batch, (batch, classes) unless it reconstructs."""
        said: Tensor = self.network(x)
        wanted = (len(x), self.goal.width)
        if not isinstance(said, Tensor) or said.shape != wanted:
            shape = f"shape {tuple(said.shape)}" if isinstance(said, Tensor) else type(said).__name__
            raise ValueError(f"its network gives {shape} for a batch of {len(x)}; it has to be of shape {wanted}")
        return said

    def change_gradients(self, clock: Clock) -> None:
        """Let the remedies change the gradients."""
        for name, remedy in self.before_step:
            with blame(self.registry, "remedy", name):
                remedy.before_step(self.parameters, clock)

    def take_step(self, x: Tensor, y: Tensor, loss: Tensor, clock: Clock) -> None:
        """Let the optimizer step. One that needs a closure (LBFGS, SAM) gets the known gradients first."""
        known = [loss]

        def closure() -> Tensor:
            if known and any(parameter.grad is not None for parameter in self.parameters):
                return known.pop()
            _, again = self.gradients(x, y)
            self.change_gradients(clock)
            return again

        with blame(self.registry, "optimizer", self.run.base["optimizer"]["use"]):
            if self.needs_closure:
                with torch.enable_grad():
                    self.optimizer.step(closure)  # type: ignore[arg-type]
            elif self.flushes:
                with without_denormals():
                    self.optimizer.step()
            else:
                self.optimizer.step()

    @torch.no_grad()
    def test(self) -> None:
        """Loss and accuracy on the test split; a prediction with a logit that is not finite is wrong."""
        if self.tested == self.step:
            return
        self.tested = self.step
        self.network.eval()
        loss, hits = 0.0, 0.0
        splits = (torch.split(part, self.test_batch) for part in (self.data.test_x, self.data.test_y))
        with naming_the_culprit(self.run, self.registry), judged(self.optimizer):
            for x, y in zip(*splits, strict=True):
                outputs, targets = self.outputs(x), self.goal.targets(x, y)
                loss += self.goal.loss(outputs, targets).item() * len(x)
                hits += self.goal.accuracy(outputs, targets) * len(x)
        count = len(self.data.test_y)
        self.accuracies.append(hits / count)
        self.log.test(self.step, loss / count, self.accuracies[-1], self.seconds(), self.measuring)

    def note(self, outputs: Tensor, targets: Tensor, loss: float) -> None:
        """A row of the curve; the gradient's norm is that of all parameters, before any remedy changed it."""
        rate = float(self.optimizer.param_groups[0].get("lr", math.nan))  # of the first group
        size = math.hypot(*(norm(parameter.grad) for parameter in self.parameters if parameter.grad is not None))
        self.log.train(self.step, loss, self.goal.accuracy(outputs, targets), rate, size)

    # -- what is made once -----------------------------------------------------------------------------------

    def make_loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The goal's loss, with the remedies' changes."""
        loss = self.goal.loss
        for name, remedy in self.remedies:
            with blame(self.registry, "remedy", name):
                loss = remedy.edit_loss(loss)
                returned("edit_loss", loss, callable(loss))
        return loss

    def overriding(self, method: str) -> list[tuple[str, Remedy]]:
        """The remedies that do something there: the others need not be asked at every step."""
        return [each for each in self.remedies if getattr(type(each[1]), method) is not getattr(Remedy, method)]


def inputs(x: Tensor) -> list[dict[str, Any]]:
    """What the first batch of inputs is like, as rows of the table layers."""
    std, mean = torch.std_mean(x.double(), correction=0)
    found = {"input_mean": mean, "input_std": std, "input_max": x.abs().max()}
    here = {"step": 0, "layer": "input", "index": 0}
    return [here | {"statistic": name, "value": float(value)} for name, value in found.items()]
