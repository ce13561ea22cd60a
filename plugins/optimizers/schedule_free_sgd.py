"""Schedule-free SGD."""

from workbench import Optimizer, Param

from .schedule_free import MEAN, ScheduleFree, averaging
from .settings import L2, decay, rate


class ScheduleFreeSGD(ScheduleFree):
    """The fast weights z take plain steps of SGD."""

    def direction(self, p, group, state):
        """The gradient."""
        return p.grad


schedule_free_sgd = Optimizer(
    "schedule_free_sgd",
    ScheduleFreeSGD,
    params=[
        rate(1.0, 1e-3, 100.0),
        Param("momentum", 0.9, low=0.01, high=0.999999, help="where gradients are taken", search=(0.5, 0.99)),
        decay(0.0, L2),
        *averaging,
    ],
    title="Schedule-free SGD",
    summary="SGD at a constant rate, judged by the average of where it was: no schedule has to know the end.",
    equation=r"z_{t+1} = z_t - \eta\, g(y_t), \quad " + MEAN,
    reference="Defazio et al. 2024, arXiv:2405.15682",
    modes=True,
)
