"""The three-hump camel: one deep minimum between two shallow ones."""

from workbench import Surface

three_hump_camel = Surface(
    "three_hump_camel",
    lambda x, y: 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2,
    title="Three-hump camel",
    summary="Three minima: 0 at (0, 0), and 0.2986 on both sides, where the curvature is nearly three times as large.",
    equation=r"f(x, y) = 2 x^2 - 1.05 x^4 + \tfrac{x^6}{6} + x y + y^2",
    reference="Jamil and Yang 2013, arXiv:1308.4008; usually drawn up to 5, where all else is dwarfed",
    x=(-2.5, 2.5),
    y=(-2.5, 2.5),
    start=(-2.0, 1.8),
    minima=(  # x^2 = 2.1 + sqrt(0.91), y = -x / 2
        (0.0, 0.0),
        (-1.7475523458302888, 0.8737761729151444),
        (1.7475523458302888, -0.8737761729151444),
    ),
)
