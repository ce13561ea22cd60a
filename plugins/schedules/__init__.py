"""Schedules: what the learning rate is multiplied by as time goes on, one short file each."""

from workbench import hookimpl

from .constant import constant
from .cosine import cosine
from .exponential import exponential
from .linear import linear
from .multi_step import multi_step
from .one_cycle import one_cycle
from .plateau import plateau
from .polynomial import polynomial
from .step import step
from .warm_restarts import warm_restarts
from .wsd import wsd


@hookimpl
def register_schedules(register):
    """From none by drops and curves to those that rise first, and one that looks at the loss."""
    for schedule in (
        *(constant, step, multi_step, exponential),
        *(linear, polynomial, cosine, warm_restarts),
        *(one_cycle, wsd, plateau),
    ):
        register(schedule)
