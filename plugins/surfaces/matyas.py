"""Matyas's function: a flat valley along the diagonal."""

from workbench import Surface

matyas = Surface(
    "matyas",
    lambda x, y: 0.26 * (x**2 + y**2) - 0.48 * x * y,
    title="Matyas's valley",
    summary="A quadratic with curvatures 1 and 0.04 along the diagonals: quickly across, then 25 times slower along.",
    equation=r"f(x, y) = 0.26\,(x^2 + y^2) - 0.48\,x y",
    reference="Matyas 1965, Random optimization; Jamil and Yang 2013, arXiv:1308.4008",
    x=(-10.0, 10.0),
    y=(-10.0, 10.0),
    start=(-8.0, 2.0),
    minima=((0.0, 0.0),),
)
