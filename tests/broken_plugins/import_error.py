"""Asks a module for a name that it does not have."""

from math import nothing_of_that_name  # noqa: F401
