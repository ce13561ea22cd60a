"""The function of Styblinski and Tang: four minima, only one of them the lowest."""

from workbench import Surface

LOW, HIGH = -2.903534027771177, 2.746802770990837  # roots of 4 t^3 - 32 t + 5 with positive curvature 6 t^2 - 16

styblinski_tang = Surface(
    "styblinski_tang",
    lambda x, y: (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y) / 2,
    title="Styblinski and Tang's four pits",
    summary="Four pits, -78.33, -64.20 twice and -50.06: the start decides which, unless momentum leaps out of one.",
    equation=r"f(x, y) = \tfrac12 \sum_{t \in \{x, y\}} (t^4 - 16 t^2 + 5 t)",
    reference="Styblinski and Tang 1990, doi:10.1016/0893-6080(90)90029-K",
    x=(-5.0, 5.0),
    y=(-5.0, 5.0),
    start=(4.0, 0.4),
    minima=((LOW, LOW), (LOW, HIGH), (HIGH, LOW), (HIGH, HIGH)),
)
