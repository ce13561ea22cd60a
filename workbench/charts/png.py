"""A small PNG with a palette, made in memory: what a map with a million cells is drawn with."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png(indices: NDArray[Any], colors: Sequence[str]) -> bytes:
    """One pixel a cell. ``indices`` (rows, columns), the top row first: 0 is transparent, 1 the first of ``colors``.

    ``colors`` are at most 255, spelt ``#rrggbb``.
    """
    if len(colors) > 255:
        raise ValueError(f"{len(colors)} colours do not fit into a palette; allowed: at most 255")
    image = Image.fromarray(indices.astype(np.uint8))
    image.putpalette(bytes(3) + bytes.fromhex("".join(color.removeprefix("#") for color in colors)))
    file = io.BytesIO()
    image.save(file, "PNG", transparency=0)
    return file.getvalue()


def data_uri(picture: bytes) -> str:
    """The picture as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")
