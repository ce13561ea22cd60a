"""Adafactor: Adam's mean square of a matrix from the means of its rows and columns."""

from typing import Any

import torch

from workbench import Optimizer, Param

from .settings import decoupled, rate


def make_adafactor(params: Any, eps1: float, eps2: float, **settings: Any) -> torch.optim.Optimizer:
    """torch's Adafactor, its pair of eps given one by one; ``eps1 = 0`` is torch's None."""
    return torch.optim.Adafactor(params, eps=(eps1 or None, eps2), **settings)


adafactor = Optimizer(
    "adafactor",
    make_adafactor,
    params=[
        rate(0.01, 1e-4, 1.0),
        Param("beta2_decay", -0.8, low=-10.0, high=0.0, help="power of t with which the newest square counts less"),
        Param("eps1", 0.0, low=0.0, high=1.0, scale="log", help="least root mean square; 0 = the rounding unit"),
        Param("eps2", 0.001, low=0.0, high=1e3, scale="log", help="least size of weights that the step counts"),
        Param("d", 1.0, low=1.0, high=1e6, scale="log", help="longest update, as a root mean square"),
        decoupled(0.0),
    ],
    title="Adafactor",
    summary="Keeps one mean square for each row and column of a matrix, and steps in proportion to the weights.",
    equation=r"R_t = (1 - t^\tau) R_{t-1} + t^\tau\, \overline{G_t^2}^{\,\mathrm{row}}, \quad "
    r"C_t = (1 - t^\tau) C_{t-1} + t^\tau\, \overline{G_t^2}^{\,\mathrm{col}}, \quad "
    r"U_t = G_t \Big/ \sqrt{\frac{R_t C_t}{\mathrm{mean}(R_t)}}, \quad "
    r"\theta_t = (1 - \eta \lambda)\, \theta_{t-1} - \max(\epsilon_2, \mathrm{RMS}(\theta_{t-1})) "
    r"\min\!\left(\eta, \tfrac{1}{\sqrt t}\right) \frac{U_t}{\max(1, \mathrm{RMS}(U_t) / d)}",
    reference="Shazeer and Stern 2018, arXiv:1804.04235",
)
