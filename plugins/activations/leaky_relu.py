"""ReLU with a small slope for negative inputs."""

from torch import nn

from workbench import Activation, Param

leaky_relu = Activation(
    "leaky_relu",
    nn.LeakyReLU,
    params=[
        Param(
            "negative_slope",
            0.01,
            low=0.0,
            high=1.0,
            help="slope for negative inputs; 0 is ReLU, 1 the identity",
            search=(0.0, 0.5),
        ),
    ],
    title="Leaky ReLU",
    summary="ReLU that lets a little of what is negative through, so that no unit dies.",
    equation=r"f(z) = \max(0, z) + \alpha \min(0, z)",
    reference="Maas, Hannun, Ng 2013, ICML workshop",
)
