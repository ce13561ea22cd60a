"""A long valley: ten times steeper across (x) than along (y)."""

from workbench import Surface

quadratic = Surface(
    "quadratic",
    lambda x, y: 20 * x**2 + 2 * y**2,
    title="Quadratic valley",
    summary="A valley with curvatures 40 and 4: a learning rate above 2/40 = 0.05 diverges under plain SGD.",
    equation=r"f(x, y) = 20 x^2 + 2 y^2",
    x=(-2.0, 2.0),
    y=(-2.0, 2.0),
    start=(-1.5, 1.7),
    minima=((0.0, 0.0),),
)
