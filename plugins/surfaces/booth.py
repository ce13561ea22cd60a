"""Booth's function: a bowl whose axes lie across the coordinates."""

from workbench import Surface

booth = Surface(
    "booth",
    lambda x, y: (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2,
    title="Booth's bowl",
    summary="A quadratic with curvatures 18 and 2, turned by 45 degrees: a rate for each coordinate gains nothing.",
    equation=r"f(x, y) = (x + 2y - 7)^2 + (2x + y - 5)^2",
    reference="Jamil and Yang 2013, arXiv:1308.4008",
    x=(-10.0, 10.0),
    y=(-10.0, 10.0),
    start=(-8.0, 2.0),
    minima=((1.0, 3.0),),
)
