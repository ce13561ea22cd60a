"""Descents on surfaces of two variables: single paths, sweeps over a setting, and what became of them."""
