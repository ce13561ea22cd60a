"""Registers nothing at all."""
