"""Settings that several optimizers share, with the ranges that are worth trying."""

from workbench import Param


def rate(default: float, low: float, high: float) -> Param:
    """The learning rate; ``low`` to ``high`` is worth trying."""
    return Param("lr", default, low=0.0, high=1e6, scale="log", help="learning rate", search=(low, high))


def decay(default: float, help: str, search: tuple[float, float] | None = None) -> Param:
    """The weight decay."""
    return Param("weight_decay", default, low=0.0, high=1e3, scale="log", help=help, search=search)


def decoupled(default: float) -> Param:
    """A weight decay that is a shrinking of its own."""
    return decay(default, "each step shrinks the weights by lr * weight_decay", search=(1e-4, 1.0))


def epsilon(default: float) -> Param:
    """What keeps the division finite."""
    return Param("eps", default, low=0.0, high=1.0, scale="log", help="added to the denominator")


def beta1(default: float, help: str = "how much of the mean gradient is kept") -> Param:
    """The memory of the mean gradient."""
    return Param("beta1", default, low=0.0, high=0.999999, help=help, search=(0.0, 0.99))


def beta2(default: float, help: str = "how much of the mean square is kept") -> Param:
    """The memory of the mean square."""
    return Param("beta2", default, low=0.0, high=0.999999, help=help, search=(0.9, 0.9999))


def memory(default: float, high: float = 1.0, help: str = "how much of the last step is kept") -> Param:
    """Momentum."""
    return Param("momentum", default, low=0.0, high=high, help=help, search=(0.0, 0.99))


L2 = "strength of the L2 penalty, added to the gradient"
apart = Param("decoupled_weight_decay", False, help="shrink the weights apart from the gradient, as AdamW does")
