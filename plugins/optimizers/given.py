"""What a step is given: the closure, and the parameters that have a gradient."""

import torch


def evaluate(closure):
    """The loss, where a closure is given (torch's convention for ``step``), or None."""
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()


def moving(group):
    """The parameters of a group that have a gradient."""
    return [p for p in group["params"] if p.grad is not None]
