"""What a component asks of the bench and of the person who uses it, in words: for pages and the command line."""

from __future__ import annotations

from typing import Any


def capabilities(component: Any) -> list[str]:
    """Short phrases, such as ``needs a closure``; none for a component that asks for nothing special."""
    said = []
    if getattr(component, "needs_closure", False):
        said.append("needs a closure")
    if reason := getattr(component, "off_surface", ""):
        said.append(f"not on surfaces: {reason}")
    if getattr(component, "modes", False):
        said.append("train and eval modes")
    if licence := getattr(component, "licence", ""):
        said.append(f"licence: {licence}")
    return said
