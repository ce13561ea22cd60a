"""L-BFGS: steps by a model of the curvature, from the last gradients and steps."""

from typing import Any

import torch

from workbench import Optimizer, Param

from .settings import rate


def make_lbfgs(params: Any, max_eval: int, line_search_fn: str, **settings: Any) -> torch.optim.Optimizer:
    """torch's LBFGS; ``max_eval = 0`` and ``line_search_fn = "none"`` are torch's None."""
    search = None if line_search_fn == "none" else line_search_fn
    return torch.optim.LBFGS(params, max_eval=max_eval or None, line_search_fn=search, **settings)


lbfgs = Optimizer(
    "lbfgs",
    make_lbfgs,
    params=[
        rate(1.0, 0.01, 2.0),
        Param("max_iter", 20, low=1, high=10_000, scale="log", help="iterations in one step"),
        Param("max_eval", 0, low=0, high=100_000, help="evaluations of the loss in one step; 0 = max_iter * 5 / 4"),
        Param("tolerance_grad", 1e-7, low=0.0, high=1.0, scale="log", help="ends a step: the largest slope"),
        Param("tolerance_change", 1e-9, low=0.0, high=1.0, scale="log", help="ends a step: the least change"),
        Param("history_size", 100, low=1, high=10_000, scale="log", help="how many gradients and steps are kept"),
        Param("line_search_fn", "none", choices=("none", "strong_wolfe"), help="how the length of a step is found"),
    ],
    title="L-BFGS",
    summary="A quasi-Newton method; one step is up to max_iter iterations, each with a new gradient.",
    equation=r"\theta_{k+1} = \theta_k - \eta\, H_k\, g_k, \quad "
    r"H_{k+1} = \left(I - \frac{s_k y_k^\top}{y_k^\top s_k}\right) H_k "
    r"\left(I - \frac{y_k s_k^\top}{y_k^\top s_k}\right) + \frac{s_k s_k^\top}{y_k^\top s_k}, "
    r"\quad s_k = \theta_{k+1} - \theta_k, \quad y_k = g_{k+1} - g_k",
    reference="Liu and Nocedal 1989 (Mathematical Programming 45)",
    needs_closure=True,
    keeps=lambda history_size, **others: 2 * history_size + 4,
)
