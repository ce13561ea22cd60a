"""The rate stays as it is."""

from workbench import Schedule

constant = Schedule(
    "constant",
    lambda clock: 1.0,
    summary="The learning rate stays as it is.",
    equation=r"\eta_t = \eta",
)
