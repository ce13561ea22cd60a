"""All that a training is made of at one moment, as plain data and tensors: to go on later, or to branch off."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from workbench.blame import blame
from workbench.errors import WorkbenchError
from workbench.stepping import has_modes, judged
from workbench.training import device

if TYPE_CHECKING:
    from workbench.training.loop import Training

State = dict[str, Any]
Settings = tuple[list[dict[str, Any]], dict[str, int | float]]
PLACE = ("step", "epoch", "batch", "total", "seen", "losses")  # where in the data, and the mean losses so far
PROGRESS = (*PLACE, "tested", "final_loss", "accuracies", "message")
MISSING = object()  # differs from any value, also from None


def capture(training: Training) -> State:
    """Everything that decides how the training goes on; the tensors are the training's own, not copies."""
    network = training.network
    remedies = {}
    for name, remedy in training.remedies:
        with blame(training.registry, "remedy", name):
            remedies[name] = remedy.state_dict()
    with blame(training.registry, "optimizer", training.run.base["optimizer"]["use"]):
        optimizer = training.optimizer.state_dict()
    return (
        {key: getattr(training, key) for key in PROGRESS}
        | handed_over(training)
        | {
            "seconds": training.seconds(),
            "network": dict(network.state_dict()),
            "held": [name for name, parameter in network.named_parameters() if not parameter.requires_grad],
            "optimizer": optimizer,
            "counters": counters(training.optimizer),
            "drift": drift(training),
            "parameters": parameter_names(training),
            "remedies": remedies,
            "rates": training.rates.state_dict(),
            "random": device.random_state(training.device),
        }
    )


def handed_over(training: Training) -> State:
    """The weights that another optimizer would begin from, where this one keeps two sets."""
    if not has_modes(training.optimizer):
        return {}
    with blame(training.registry, "optimizer", training.run.base["optimizer"]["use"]), judged(training.optimizer):
        return {"judged": {name: value.detach().clone() for name, value in training.network.state_dict().items()}}


def restore(training: Training, state: Mapping[str, Any]) -> None:
    """Make a newly built training what it was when ``state`` was captured."""
    with blame(training.registry, "model", training.run.task["model"]["use"]):
        training.network.load_state_dict(state["network"])
    for name, parameter in training.network.named_parameters():
        parameter.requires_grad_(name not in state["held"])
    with blame(training.registry, "optimizer", training.run.base["optimizer"]["use"]):
        training.optimizer.load_state_dict(state["optimizer"])
        training.optimizer.__dict__.update(state["counters"])
    training.rates.load_state_dict(state["rates"])
    load_remedies(training, state)
    for key in PROGRESS:
        setattr(training, key, state[key])
    training.spent = state["seconds"]
    device.set_random_state(state["random"])


def branch(training: Training, trunk: Mapping[str, Any]) -> str:
    """Let a newly built training go on from where another one was; says what was taken over.

    Weights, buffers, random state and the place in the data are the trunk's, bit for bit. What an optimizer keeps
    is taken over by an optimizer of the same name, by parameter; its settings are those of the branch. What remedies
    have frozen by then is taken over, too, if they are the same. Parameters that only the branch has (a batch norm's)
    start new; one that only the trunk has is refused.
    """
    fork = training.run.fork
    assert fork is not None
    same = fork.run.base["optimizer"]["use"] == training.run.base["optimizer"]["use"]
    weights = trunk["network"] if same else trunk.get("judged", trunk["network"])
    try:
        lost = training.network.load_state_dict(weights, strict=False).unexpected_keys
    except RuntimeError as error:
        lost = [str(error).rsplit("\n", 1)[-1].strip()]
    if lost and any("parametrizations." in key for key in (*weights, *training.network.state_dict())):
        raise WorkbenchError(
            "a fork keeps the weights of its trunk, and a remedy that puts something over weights (spectral norm) can "
            "neither come nor go there; give the branch the same one, or fork nothing"
        )
    if lost:
        raise WorkbenchError(
            f"a fork keeps the weights of its trunk, and this network has no place for {lost[0]}; "
            "change the optimizer, the schedule or remedies that add to the network"
        )
    said = "new optimizer" + (" from the averaged weights" if weights is not trunk["network"] else "")
    if same:
        with blame(training.registry, "optimizer", training.run.base["optimizer"]["use"]):
            take_over(training, trunk)
        said = "with its optimizer's state"
    load_remedies(training, trunk)
    if training.run.base["remedies"] == fork.run.base["remedies"]:
        for name, parameter in training.network.named_parameters():
            parameter.requires_grad_(name not in trunk["held"])
    for key in PLACE:
        setattr(training, key, trunk[key])
    device.set_random_state(trunk["random"])
    return f"forked from {fork.run.variant!r} at step {fork.step}, {said}"


def take_over(training: Training, trunk: Mapping[str, Any]) -> None:
    """Give an optimizer what another one of its kind keeps for the same parameters, but not its settings."""
    optimizer = training.optimizer
    old, own = trunk["optimizer"], optimizer.state_dict()
    index = {name: number for number, name in enumerate(trunk["parameters"])}
    kept = {
        number: old["state"][index[name]]
        for number, name in enumerate(parameter_names(training))
        if index.get(name) in old["state"]
    }
    groups, (changed, counted) = own["param_groups"], trunk["drift"]
    if len(groups) == len(changed):
        for group, news in zip(groups, changed, strict=True):
            group |= news
    optimizer.load_state_dict({"state": kept, "param_groups": groups})
    optimizer.__dict__.update(counted)


def load_remedies(training: Training, state: Mapping[str, Any]) -> None:
    """Give the remedies back what they kept, by name."""
    for name, remedy in training.remedies:
        if name in state["remedies"]:
            with blame(training.registry, "remedy", name):
                remedy.load_state_dict(state["remedies"][name])


def parameter_names(training: Training) -> list[str]:
    """The names of the parameters in the order in which the optimizer numbers them."""
    names = {id(parameter): name for name, parameter in training.network.named_parameters()}
    return [names.get(id(each), "") for group in training.optimizer.param_groups for each in group["params"]]


def settings_of(optimizer: torch.optim.Optimizer) -> Settings:
    """What stands in the groups besides parameters, and the numbers in attributes."""
    groups = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    return copy.deepcopy(groups), counters(optimizer)


def drift(training: Training) -> Settings:
    """Which of them have changed since the optimizer was built: those are state, not settings, but for the rate."""
    (groups, numbers), (built, first) = settings_of(training.optimizer), training.built
    changed = [
        {key: value for key, value in group.items() if key != "lr" and differs(value, before.get(key, MISSING))}
        for group, before in zip(groups, built + [{}] * (len(groups) - len(built)), strict=False)
    ]
    return changed, {key: value for key, value in numbers.items() if differs(value, first.get(key, MISSING))}


def differs(one: Any, other: Any) -> bool:
    """Whether two values are not the same; a NaN is the same as itself."""
    if isinstance(one, torch.Tensor) or isinstance(other, torch.Tensor):
        return not (isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor) and torch.equal(one, other))
    return bool(type(one) is not type(other) or repr(one) != repr(other))


def counters(optimizer: torch.optim.Optimizer) -> dict[str, int | float]:
    """Numbers that an optimizer counts in attributes instead of in its state."""
    return {key: value for key, value in vars(optimizer).items() if type(value) in (bool, int, float)}
