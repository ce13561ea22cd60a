"""The six-hump camel: six minima in three pairs."""

from workbench import Surface

six_hump_camel = Surface(
    "six_hump_camel",
    lambda x, y: (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2,
    title="Six-hump camel",
    summary="Six minima in three pairs: -1.0316 (twice the lowest), -0.2155 and 2.1043; symmetric under a half turn.",
    equation=r"f(x, y) = \left(4 - 2.1 x^2 + \tfrac{x^4}{3}\right) x^2 + x y + (4 y^2 - 4)\, y^2",
    reference="Dixon and Szegö 1978, Towards Global Optimisation 2; usually drawn up to x = 3, y = 2",
    x=(-2.1, 2.1),
    y=(-1.2, 1.2),
    start=(1.9, 1.0),
    minima=(
        (-0.08984201310031806, 0.7126564030207396),
        (0.08984201310031806, -0.7126564030207396),
        (-1.703606714969981, 0.7960835686726251),
        (1.703606714969981, -0.7960835686726251),
        (-1.6071047529201972, -0.5686514548841314),
        (1.6071047529201972, 0.5686514548841314),
    ),
)
