"""ReLU with an exponential instead of the flat half."""

from torch import nn

from workbench import Activation, Param

elu = Activation(
    "elu",
    nn.ELU,
    params=[
        Param(
            "alpha",
            1.0,
            low=0.0,
            high=10.0,
            help="how far below zero it goes; only at 1 the slope has no jump",
            search=(0.1, 2.0),
        ),
    ],
    title="ELU",
    summary="ReLU with an exponential for negative inputs, so that the mean output lies nearer to zero.",
    equation=r"f(z) = \begin{cases} z & z > 0 \\ \alpha\,(e^z - 1) & z \le 0 \end{cases}",
    reference="Clevert, Unterthiner, Hochreiter 2015, arXiv:1511.07289",
)
