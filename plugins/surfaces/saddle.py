"""A saddle: down on two sides without end, so there is no minimum to declare.

The lowest value is that of the domain, f = -4 at its border: a descent that escapes passes below it and is said to
have left the drawn region; one that does not is stuck at (0, 0), 4 above.
"""

from workbench import Surface

saddle = Surface(
    "saddle",
    lambda x, y: x**2 - y**2,
    title="Saddle",
    summary="No minimum: curvatures 2 and -2 at (0, 0), where a start near y = 0 waits before it leaves along y.",
    equation=r"f(x, y) = x^2 - y^2",
    reference="Dauphin et al. 2014, arXiv:1406.2572",
    x=(-2.0, 2.0),
    y=(-2.0, 2.0),
    start=(-1.5, 0.01),
)
