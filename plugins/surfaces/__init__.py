"""Surfaces to descend on, one short file each."""

from workbench import hookimpl

from .ackley import ackley
from .beale import beale
from .booth import booth
from .easom import easom
from .formula import formula
from .goldstein_price import goldstein_price
from .griewank import griewank
from .himmelblau import himmelblau
from .levy import levy
from .matyas import matyas
from .mccormick import mccormick
from .quadratic import quadratic
from .rastrigin import rastrigin
from .ripples import ripples
from .rosenbrock import rosenbrock
from .saddle import saddle
from .six_hump_camel import six_hump_camel
from .styblinski_tang import styblinski_tang
from .three_hump_camel import three_hump_camel


@hookimpl
def register_surfaces(register):
    """From simple to wild: bowls, valleys, a saddle, a few minima, many minima; last the one you write yourself."""
    register(quadratic)
    register(ripples)
    register(booth)
    register(matyas)
    register(rosenbrock)
    register(beale)
    register(saddle)
    register(mccormick)
    register(three_hump_camel)
    register(himmelblau)
    register(styblinski_tang)
    register(six_hump_camel)
    register(goldstein_price)
    register(easom)
    register(griewank)
    register(levy)
    register(rastrigin)
    register(ackley)
    register(formula)
