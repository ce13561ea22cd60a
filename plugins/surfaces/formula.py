"""A surface that you write yourself, as a formula of x and y."""

from workbench import Param, Surface

from .expression import read


def values(x, y, expression):
    """The formula's values; NaN and infinities are holes in the surface."""
    return read(expression)(x, y)


formula = Surface(
    "formula",
    values,
    params=[
        Param(
            "expression",
            "20*x**2 + 2*y**2",
            rule=read,
            long=True,
            help="a formula of x and y: numbers, pi, e, + - * / **, functions such as sin, exp, sqrt, abs, min, max, "
            "and where(x > 0, a, b)",
        )
    ],
    title="Your own formula",
    summary="Any formula of x and y; the lowest point is looked for in the part of the plane that is drawn.",
    equation=r"f(x, y) = \ldots",
    x=(-2.0, 2.0),
    y=(-2.0, 2.0),
    start=(-1.5, 1.7),
)
