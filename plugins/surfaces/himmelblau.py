"""Himmelblau's function: four minima, all at zero."""

from workbench import Surface

himmelblau = Surface(
    "himmelblau",
    lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
    title="Himmelblau's four minima",
    summary="Four minima of value 0, largest curvatures from 81 to 134: the rate decides which one is reached.",
    equation=r"f(x, y) = (x^2 + y - 11)^2 + (x + y^2 - 7)^2",
    reference="Himmelblau 1972, Applied Nonlinear Programming",
    x=(-5.0, 5.0),
    y=(-5.0, 5.0),
    start=(-0.5, -0.5),
    minima=(
        (3.0, 2.0),
        (3.5844283403304917, -1.8481265269644036),
        (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.2831859912861696),
    ),
)
