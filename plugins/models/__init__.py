"""Models: lists of blocks, nearest the input first."""

from __future__ import annotations

from collections.abc import Callable

from workbench import Model, Param, hookimpl

from .mlp import mlp


@hookimpl
def register_models(register: Callable[[Model], None]) -> None:
    """Register the built-in models."""
    register(
        Model(
            "mlp",
            mlp,
            [
                Param("depth", 2, low=0, high=200, help="number of hidden layers; 0 is a linear classifier"),
                Param("width", 128, low=1, high=8192, help="units in each hidden layer"),
            ],
            title="Multilayer perceptron",
            summary="Fully connected layers of one width; pictures are flattened.",
            equation=r"h_l = f(W_l h_{l-1} + b_l)",
            reference="Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0",
        )
    )
