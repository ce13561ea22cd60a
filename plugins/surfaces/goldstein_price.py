"""The function of Goldstein and Price: values over six orders of magnitude."""

from workbench import Surface


def values(x, y):
    """A product of two polynomials of degree four."""
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    second = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    return first * second


goldstein_price = Surface(
    "goldstein_price",
    values,
    title="Goldstein and Price's cliffs",
    summary="From 3 at the minimum (0, -1) to a million at the border: a rate that is right below is too large above.",
    equation=r"f = \left[1 + (x + y + 1)^2 (19 - 14x + 3x^2 - 14y + 6xy + 3y^2)\right] "
    r"\left[30 + (2x - 3y)^2 (18 - 32x + 12x^2 + 48y - 36xy + 27y^2)\right]",
    reference="Goldstein and Price 1971, doi:10.1090/S0025-5718-1971-0312365-X",
    x=(-2.0, 2.0),
    y=(-2.0, 2.0),
    start=(-1.0, 0.5),
    minima=((0.0, -1.0), (-0.6, -0.4), (1.8, 0.2), (1.2, 0.8)),  # 3, 30, 84, 840
)
