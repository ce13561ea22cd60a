"""The doctor's rules: what is wrong with a training, with its evidence and what may help, one short file each."""

from workbench import hookimpl

from .dead import dead
from .diverged import diverged
from .double_softmax import double_softmax
from .exploding import exploding
from .rate_too_high import rate_too_high
from .rate_too_low import rate_too_low
from .saturated import saturated
from .symmetric import symmetric
from .unscaled import unscaled
from .vanishing import vanishing


@hookimpl
def register_rules(register):
    """Causes come before what follows from them."""
    for rule in (
        *(diverged, unscaled, symmetric, rate_too_high, saturated),
        *(vanishing, exploding, dead, rate_too_low, double_softmax),
    ):
        register(rule)
