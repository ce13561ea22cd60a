"""A small PNG with a palette, made in memory: what a map with a million cells is drawn with."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTED = 3  # the colour type


def png(indices: NDArray[Any], colors: Sequence[str]) -> bytes:
    """One pixel a cell. ``indices`` (rows, columns), the top row first: 0 is transparent, 1 the first of ``colors``.

    ``colors`` are at most 255, spelt ``#rrggbb``. Source: PNG specification, third edition (W3C 2025).
    """
    if len(colors) > 255:
        raise ValueError(f"{len(colors)} colours do not fit into a palette; allowed: at most 255")
    height, width = indices.shape
    lines = np.zeros((height, width + 1), dtype=np.uint8)  # each line begins with its filter: 0, none
    lines[:, 1:] = indices
    palette = bytes(3) + bytes.fromhex("".join(color.removeprefix("#") for color in colors))
    header = struct.pack(">IIBBBBB", width, height, 8, PALETTED, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", palette), (b"tRNS", b"\0"), (b"IDAT", zlib.compress(lines.tobytes(), 6)))
    return SIGNATURE + b"".join(chunk(kind, data) for kind, data in (*parts, (b"IEND", b"")))


def chunk(kind: bytes, data: bytes) -> bytes:
    """One part of the file: its length, kind, data and check sum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def data_uri(picture: bytes) -> str:
    """The picture as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")
