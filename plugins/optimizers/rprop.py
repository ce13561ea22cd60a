"""Rprop: a step size for each coordinate that only listens to the gradient's sign."""

from typing import Any

import torch

from workbench import Optimizer, Param

from .settings import rate


def make_rprop(
    params: Any, eta_minus: float, eta_plus: float, step_min: float, step_max: float, **settings: Any
) -> torch.optim.Optimizer:
    """torch's Rprop, its pairs given one by one."""
    return torch.optim.Rprop(params, etas=(eta_minus, eta_plus), step_sizes=(step_min, step_max), **settings)


rprop = Optimizer(
    "rprop",
    make_rprop,
    params=[
        rate(0.01, 1e-4, 1.0),
        Param("eta_minus", 0.5, low=1e-6, high=0.999999, help="shrinks a step after the gradient has changed its sign"),
        Param("eta_plus", 1.2, low=1.000001, high=100.0, help="lengthens a step while the gradient keeps its sign"),
        Param("step_min", 1e-6, low=0.0, high=1e6, scale="log", help="the shortest step"),
        Param("step_max", 50.0, low=0.0, high=1e6, scale="log", help="the longest step"),
    ],
    title="Rprop",
    summary="Each coordinate has a step of its own that grows while the sign stays; lr is only the first one.",
    equation=r"\Delta_t = \begin{cases} \min(\eta_+ \Delta_{t-1}, \Delta_{\max}) & g_{t-1} g_t > 0 \\ "
    r"\max(\eta_- \Delta_{t-1}, \Delta_{\min}), \; g_t \leftarrow 0 & g_{t-1} g_t < 0 \\ "
    r"\Delta_{t-1} & \text{else} \end{cases}, \quad \Delta_0 = \eta, \quad "
    r"\theta_t = \theta_{t-1} - \Delta_t\, \mathrm{sign}(g_t)",
    reference="Riedmiller and Braun 1993 (IEEE International Conference on Neural Networks)",
)
