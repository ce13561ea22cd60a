"""What may help, as several rules offer it."""

from __future__ import annotations

from workbench import Case, Cure

BATCH_NORM = Cure("batch norm", add_remedies=["batch_norm"])
RESIDUAL = Cure("residual connections", add_remedies=["residual"])
CLIP_NORM = Cure("clip the gradient's norm", add_remedies=["clip_norm"], fork=True)
WARMUP = Cure("warm-up", add_remedies=["warmup"])
RELU_HE = Cure("ReLU with He's weights", {"activation": "relu", "initializer": "kaiming_normal"})
HE = Cure("He's weights", {"initializer": "kaiming_normal"})
XAVIER = Cure("Xavier's weights", {"initializer": "xavier_uniform"})
LEAKY_RELU = Cure("leaky ReLU", {"activation": "leaky_relu"})


DEFAULT_RATE = Cure("the default learning rate", {"optimizer": {"lr": None}}, fork=True)


def rate_times(case: Case, factor: float) -> list[Cure]:
    """The optimizer's learning rate times ``factor``; nothing for an optimizer without one."""
    rate = case.base["optimizer"].get("lr")
    if not isinstance(rate, float | int) or rate <= 0:
        return []
    lr = float(f"{rate * factor:.6g}")
    return [Cure(f"learning rate {lr:g}", {"optimizer": {"lr": lr}}, fork=True)]


def fitting_weights(case: Case) -> Cure:
    """The initializer that keeps the size of signals through this activation (He et al. 2015; Glorot, Bengio 2010)."""
    return XAVIER if squeezes(case) else HE


# Bounded on both sides: far out on either, nothing passes. All others are open above.
SQUEEZING = {"sigmoid", "tanh", "softsign", "hardtanh", "hardsigmoid"}


def squeezes(case: Case) -> bool:
    """Whether the activation is one that is bounded on both sides."""
    return case.base["activation"]["use"] in SQUEEZING
