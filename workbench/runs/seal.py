"""A file that knows whether it is damaged: the CRC-32 of all its other bytes stands in it, behind a mark.

The mark is where the format has room for a text (JSON, the headers of safetensors and Parquet), so that a sealed file
is still one of its format. A parser that meets a flipped bit may crash, take all memory, or give other numbers:
what is not as it was written never gets that far. It finds damage, not malice.
"""

from __future__ import annotations

import zlib

MARK = b"workbench-crc32:"
NONE = b"00000000"
OPEN = (MARK + NONE).decode()  # what a writer puts into the file before it is sealed


def seal(content: bytes, last: bool = False) -> bytes:
    """Fill in the checksum behind the first mark, or behind the ``last`` one where users' texts come before it."""
    place = after_mark(content, last)
    return content[:place] + checksum(content, place) + content[place + len(NONE) :]


def sound(content: bytes, last: bool = False) -> bool:
    """Whether a file is as it was sealed."""
    if MARK not in content:
        return False
    place = after_mark(content, last)
    return content[place : place + len(NONE)] == checksum(content, place)


def after_mark(content: bytes, last: bool) -> int:
    """Where the checksum stands."""
    return (content.rindex(MARK) if last else content.index(MARK)) + len(MARK)


def checksum(content: bytes, place: int) -> bytes:
    """CRC-32 of a file as if its checksum were still zeros."""
    view = memoryview(content)
    total = zlib.crc32(view[place + len(NONE) :], zlib.crc32(NONE, zlib.crc32(view[:place])))
    return b"%08x" % total
