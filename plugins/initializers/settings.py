"""Settings that several initializers share."""

from workbench import Param

GAIN = Param(
    "gain",
    1.0,
    low=0.0,
    high=100.0,
    search=(0.25, 4.0),
    help="multiplies every weight; 1 fits linear units, 4 undoes sigmoid's 1/4",
)


def spread(default: float, low: float = 0.0, help: str = "width of the bell") -> Param:
    """The standard deviation of a bell curve."""
    return Param("std", default, low=low, high=100.0, search=(1e-3, 1.0), help=help)


def centre() -> Param:
    """The mean of a bell curve."""
    return Param("mean", 0.0, low=-100.0, high=100.0, help="centre of the bell")
