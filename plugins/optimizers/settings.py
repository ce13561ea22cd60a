"""Settings that several optimizers share."""

from workbench import Param


def rate(default: float) -> Param:
    """The learning rate."""
    return Param("lr", default, low=0.0, high=1e6, scale="log", help="learning rate")


def decay(default: float, help: str) -> Param:
    """The weight decay."""
    return Param("weight_decay", default, low=0.0, high=1e3, scale="log", help=help)


def epsilon(default: float) -> Param:
    """What keeps the division finite."""
    return Param("eps", default, low=0.0, high=1.0, scale="log", help="added to the denominator")


L2 = "strength of the L2 penalty, added to the gradient"
