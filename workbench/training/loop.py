"""One training run, from its plain description to its records."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.blame import blame, rate_factor, returned
from workbench.components import Clock, Data, Remedy
from workbench.errors import WorkbenchError
from workbench.experiment import Run
from workbench.records import Recorder
from workbench.registry import Registry
from workbench.stepping import Rates, judged, needs_closure
from workbench.training.culprit import naming_the_culprit
from workbench.training.data import prepare
from workbench.training.fork import Replay
from workbench.training.network import Network, build, load_features
from workbench.training.probes import Probe, norm, probe_steps
from workbench.training.seeds import derive, generator
from workbench.training.state import State, branch, capture, restore, settings_of

LONGEST_CURVE = 2000  # training rows of one run: what a chart can show
WRITE_EVERY = 0.25  # seconds between hand-overs to the recorder: a table costs more to make than a step
TEST_BATCH = 2000


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
        self.data: Data = prepare(task, run.seed, registry)
        self.epochs: int = task["epochs"]
        self.batch_size: int = min(task["batch_size"], len(self.data.train_y))
        self.batches = math.ceil(len(self.data.train_y) / self.batch_size)
        self.steps = self.epochs * self.batches
        self.remedies: list[tuple[str, Remedy]] = [
            (reference["use"], registry.make("remedy", reference)) for reference in base["remedies"]
        ]
        shape, classes = self.data.train_x.shape[1:], len(self.data.classes)
        is_transfer = run.kind == "transfer"
        self.network: Network = build(
            base, task["model"], shape, classes, run.seed, self.remedies, registry, new_head=is_transfer
        )
        check_batch_norm(self.network, len(self.data.train_y), self.batch_size)
        self.message = self.load_source()
        torch.manual_seed(derive(run.seed, "noise"))
        self.network.train()
        first = self.order(0)[0]
        for name, remedy in self.remedies:
            with blame(registry, "remedy", name):
                remedy.after_init(self.network, self.data.train_x[first])
        self.parameters = list(self.network.parameters())
        self.optimizer = self.make_optimizer()
        with blame(registry, "optimizer", base["optimizer"]["use"]):
            self.rates = Rates(self.optimizer)
            declared = registry.get("optimizer", base["optimizer"]["use"]).needs_closure
            self.needs_closure = declared or needs_closure(self.optimizer)
            self.built = settings_of(self.optimizer)
        self.factor = rate_factor(registry, base["schedule"], self.remedies)
        self.loss = self.make_loss()
        self.before_step = self.overriding("before_step")
        self.after_step = self.overriding("after_step")
        self.probed = probe_steps(self.steps)
        self.stride = math.ceil(self.steps / LONGEST_CURVE) or 1
        self.rows: dict[str, list[dict[str, Any]]] = {"curve": [], "layers": [], "timing": []}
        self.written = -math.inf  # the first rows at once: somebody waits for them
        self.step, self.epoch, self.batch = 0, 0, 0  # batch: how many of this epoch are done
        self.total, self.seen = 0.0, 0  # of this epoch's losses and samples
        self.tested = -1  # the step at which the test split was last looked at
        self.until = -1  # the step at which a trunk ends
        self.final_loss = math.nan
        self.accuracies: list[float] = []
        self.began, self.spent = time.perf_counter(), 0.0  # spent: seconds before this process took it up

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
            self.write()
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
                loss = self.train_step(self.data.train_x[index], self.data.train_y[index])
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
            self.write()
            self.recorder.checkpoint(capture(self))
        if asked:
            raise EndedError(asked, f"{asked} at step {self.step} of {self.steps}")

    def seconds(self) -> float:
        """How long it has been worked on, in all processes that did."""
        return self.spent + time.perf_counter() - self.began

    def train_step(self, x: Tensor, y: Tensor) -> float:
        """One update, and the batch's loss before it; a loss that is not finite leaves the weights alone."""
        step = self.step
        clock = Clock(step, self.steps, step / self.batches, self.epochs)
        self.rates.apply(self.factor(clock))
        probe = Probe(self.network, step) if step in self.probed else None
        logits, loss_tensor = self.gradients(x, y)
        loss = loss_tensor.item()
        if probe is not None:
            with naming_the_culprit(self.run, self.registry):
                probe.gradients()
        if step % self.stride == 0 or step == self.steps - 1 or not math.isfinite(loss):
            self.add_train_row(logits, y, loss)
        if math.isfinite(loss):
            self.change_gradients(clock)
            self.take_step(x, y, loss_tensor, clock)
            for name, remedy in self.after_step:
                with blame(self.registry, "remedy", name):
                    remedy.after_step(self.parameters, clock)
            if probe is not None:
                probe.update()
            self.step += 1
        if probe is not None:
            self.rows["layers"] += probe.rows
        if time.monotonic() - self.written > WRITE_EVERY:
            self.write()
        return loss

    def look(self) -> None:
        """Measure the untrained network on its first batch; nothing is changed."""
        index = self.order(0)[0]
        self.network.train()
        probe = Probe(self.network, 0)
        logits, loss = self.gradients(self.data.train_x[index], self.data.train_y[index])
        with naming_the_culprit(self.run, self.registry):
            probe.gradients()
        self.rows["layers"] += probe.rows
        self.final_loss = loss.item()
        self.add_train_row(logits, self.data.train_y[index], self.final_loss)
        if not math.isfinite(self.final_loss):
            raise EndedError("diverged", f"the loss is {self.final_loss} at step 0")

    # -- the parts of a step -------------------------------------------------------------------------------

    def order(self, epoch: int) -> tuple[Tensor, ...]:
        """Batches of sample numbers: they depend on the seed and the epoch, on nothing else."""
        shuffled = torch.randperm(len(self.data.train_y), generator=generator(self.run.seed, "order", epoch))
        return torch.split(shuffled, self.batch_size)

    def gradients(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (batch, classes) and the loss, with its gradient in every parameter."""
        with naming_the_culprit(self.run, self.registry):
            self.network.zero_grad()
            logits = self.logits(x)
            loss = self.loss(logits, y)
            loss.backward()  # type: ignore[no-untyped-call]
        return logits.detach(), loss.detach()

    def logits(self, x: Tensor) -> Tensor:
        """What the network says of a batch, (batch, classes)."""
        said: Tensor = self.network(x)
        wanted = (len(x), len(self.data.classes))
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
            else:
                self.optimizer.step()

    @torch.no_grad()
    def test(self) -> None:
        """Loss and accuracy on the test split; a prediction with a logit that is not finite is wrong."""
        if self.tested == self.step:
            return
        self.tested = self.step
        self.network.eval()
        loss, correct = 0.0, 0
        with naming_the_culprit(self.run, self.registry), judged(self.optimizer):
            for x, y in zip(
                *(torch.split(part, TEST_BATCH) for part in (self.data.test_x, self.data.test_y)), strict=True
            ):
                logits = self.logits(x)
                loss += functional.cross_entropy(logits, y, reduction="sum").item()
                correct += right(logits, y)
        count = len(self.data.test_y)
        self.accuracies.append(correct / count)
        here = {"step": self.step, "epoch": self.step / self.batches}
        self.rows["curve"].append(here | {"split": "test", "loss": loss / count, "accuracy": self.accuracies[-1]})
        self.rows["timing"].append(here | {"seconds": self.seconds()})

    def add_train_row(self, logits: Tensor, y: Tensor, loss: float) -> None:
        """A row of the curve; the gradient's norm is that of all parameters, before any remedy changed it."""
        parts = [norm(parameter.grad) for parameter in self.parameters if parameter.grad is not None]
        self.rows["curve"].append(
            {
                "step": self.step,
                "epoch": self.step / self.batches,
                "split": "train",
                "loss": loss,
                "accuracy": right(logits, y) / len(y),
                "lr": self.rate(),
                "grad_norm": math.hypot(*parts),
            }
        )

    def rate(self) -> float:
        """The learning rate of the first group; NaN for an optimizer without one."""
        return float(self.optimizer.param_groups[0].get("lr", math.nan))

    def write(self) -> None:
        """Hand the rows so far to the recorder."""
        for table, rows in self.rows.items():
            if rows:
                self.recorder.add(table, rows)
                self.rows[table] = []
        self.written = time.monotonic()

    # -- what is made once -----------------------------------------------------------------------------------

    def load_source(self) -> str:
        """Take over the source's features; says how many layers."""
        if self.run.kind != "transfer":
            return ""
        if self.run.source is None:
            return "from scratch: new weights in every layer"
        weights = self.recorder.load_weights(self.run.source.id(self.registry))
        if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
            raise WorkbenchError(
                "the training on the source diverged, so there is nothing to transfer; change the base"
            )
        loaded, count = load_features(self.network, weights), len(self.network.weight_layers)
        if not loaded:
            raise WorkbenchError(
                "no layer of the source fits this network (the last one is always new): give both the same model, "
                "with at least one hidden layer"
            )
        return f"{loaded} of {count} weight layers taken over from the source, the last one is new"

    def make_optimizer(self) -> torch.optim.Optimizer:
        """The optimizer on one group a layer; groups that no remedy made different are joined again."""
        groups: list[dict[str, Any]] = [{"params": list(stage.parameters())} for stage in self.network.stages]
        groups = [group for group in groups if group["params"]]
        for name, remedy in self.remedies:
            with blame(self.registry, "remedy", name):
                groups = remedy.edit_param_groups(groups)
                returned("edit_param_groups", groups, isinstance(groups, list))
        optimizer = self.registry.make("optimizer", self.run.base["optimizer"], join(groups))
        with blame(self.registry, "optimizer", self.run.base["optimizer"]["use"]):
            if not isinstance(optimizer, torch.optim.Optimizer):
                raise TypeError(f"its factory must return a torch.optim.Optimizer, not {type(optimizer).__name__}")
        for name, remedy in self.remedies:
            with blame(self.registry, "remedy", name):
                optimizer = remedy.wrap_optimizer(optimizer)
                returned("wrap_optimizer", optimizer, hasattr(optimizer, "param_groups"))
        return optimizer

    def make_loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Cross-entropy of logits, with the remedies' changes."""
        loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy
        for name, remedy in self.remedies:
            with blame(self.registry, "remedy", name):
                loss = remedy.edit_loss(loss)
                returned("edit_loss", loss, callable(loss))
        return loss

    def overriding(self, method: str) -> list[tuple[str, Remedy]]:
        """The remedies that do something there: the others need not be asked at every step."""
        return [each for each in self.remedies if getattr(type(each[1]), method) is not getattr(Remedy, method)]


def join(groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put the parameters of groups with equal settings into one: the optimizer does fewer, larger steps."""
    joined: list[dict[str, Any]] = []
    for group in groups:
        settings = {key: value for key, value in group.items() if key != "params"}
        for other in joined:
            if settings == {key: value for key, value in other.items() if key != "params"}:
                other["params"] += group["params"]
                break
        else:
            joined.append(settings | {"params": list(group["params"])})
    return joined


def right(logits: Tensor, y: Tensor) -> int:
    """How many predictions are right; one with a logit that is not finite never is."""
    return int(((logits.argmax(dim=1) == y) & torch.isfinite(logits).all(dim=1)).sum())


def check_batch_norm(network: nn.Module, samples: int, batch_size: int) -> None:
    """Refuse a last batch of one sample, of which batch norm cannot take a variance."""
    normed = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
    if normed and (samples % batch_size == 1 or batch_size == 1):
        raise WorkbenchError(
            f"task.batch_size = {batch_size}: with {samples} training samples the last batch holds one sample, and "
            "batch norm needs two; choose another batch_size"
        )
