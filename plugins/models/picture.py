"""What a model that reads pictures asks of its input."""

from __future__ import annotations

from collections.abc import Sequence

from workbench import Refused


def picture_sides(model: str, shape: Sequence[int], least: int) -> tuple[int, int, int]:
    """(channels, height, width) of one input; ``ValueError`` when it is no picture or has a side below ``least``."""
    if len(shape) != 3:
        raise Refused(
            f"{model} reads pictures (channels, height, width), and one input has the shape {tuple(shape)}: "
            "choose another data set, or a model such as mlp"
        )
    channels, height, width = shape
    if min(height, width) < least:
        raise Refused(f"{model} needs pictures of at least {least} x {least} pixels, and these have {height} x {width}")
    return channels, height, width
