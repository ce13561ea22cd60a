"""A setting that several schedules share."""

from workbench import Param


def end(default: float, low: float = 0.0) -> Param:
    """What is left of the rate when the run is over."""
    return Param(
        "end_factor",
        default,
        low=low,
        high=1.0,
        search=(max(low, 1e-3), 0.5),
        help="what the rate is multiplied by when the run is over",
    )
