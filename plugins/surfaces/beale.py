"""Beale's function: a long flat valley between steep corners."""

from workbench import Surface

beale = Surface(
    "beale",
    lambda x, y: (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2,
    title="Beale's corners",
    summary="Curvatures 49 and 0.3 at the minimum (3, 0.5), but values above 10^5 in the corners: "
    "no single rate suits both.",
    equation=r"f(x, y) = (1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2",
    reference="Beale 1958; start (1, 1): Moré, Garbow and Hillstrom 1981, doi:10.1145/355934.355936",
    x=(-4.5, 4.5),
    y=(-4.5, 4.5),
    start=(1.0, 1.0),
    minima=((3.0, 0.5),),
)
