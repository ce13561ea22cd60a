"""Rosenbrock's function: a bent valley, easy to enter and slow to follow."""

from workbench import Param, Surface

rosenbrock = Surface(
    "rosenbrock",
    lambda x, y, a, b: (a - x) ** 2 + b * (y - x**2) ** 2,
    params=[
        Param("a", 1.0, low=-10.0, high=10.0, help="where the minimum lies: at (a, a^2)"),
        Param("b", 100.0, low=0.01, high=1e6, scale="log", search=(1, 1000), help="how steep the walls are"),
    ],
    title="Rosenbrock's bent valley",
    summary="A bent valley: easy to enter, slow to follow; the curvatures at the minimum (1, 1) are 1001.6 and 0.4.",
    equation=r"f(x, y) = (a - x)^2 + b\,(y - x^2)^2, \quad a = 1,\ b = 100",
    reference="Rosenbrock 1960, doi:10.1093/comjnl/3.3.175",
    x=(-2.0, 2.0),
    y=(-1.0, 3.0),
    start=(-1.2, 1.0),
    minima=lambda a, b: ((a, a**2),),
)
