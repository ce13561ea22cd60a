"""One picture file as numbers: cut to a square and made small."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from workbench import Refused

FORMATS = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",), "BMP": (".bmp",), "GIF": (".gif",), "WEBP": (".webp",)}
SUFFIXES = {suffix for suffixes in FORMATS.values() for suffix in suffixes}
MOST_PIXELS = 40_000_000  # of one file; a small file may unpack to any size: 4 bytes each, and a copy or two
LARGE = 4_000_000  # pixels; above, few are unpacked at a time
FEW = threading.BoundedSemaphore(2)
SIDEWAYS = 0x0112  # the EXIF tag in which a camera says how it was held


def read_picture(path: Path, size: int, grayscale: bool) -> np.ndarray:
    """Bytes (channels, size, size): the shorter side becomes ``size``, what is too long is cut off at both ends.

    A photo is turned as its camera says; what is transparent becomes white; an animation is its first picture.
    Raises ``Refused`` that says why a file cannot be read.
    """
    mode = "L" if grayscale else "RGB"
    try:
        with Image.open(path, formats=tuple(FORMATS)) as opened:
            width, height = opened.size
            if width * height > MOST_PIXELS:
                raise Refused(f"{width} x {height} pixels, and {MOST_PIXELS // 10**6} million are allowed")
            opened.draft(mode, (2 * size, 2 * size))  # a JPEG is unpacked no larger than needed
            with FEW if opened.width * opened.height > LARGE else nullcontext():
                turned = ImageOps.exif_transpose(opened) if SIDEWAYS in opened.getexif() else opened
                fitted = ImageOps.fit(plain(turned, mode, size), (size, size), Image.Resampling.BILINEAR)
    except Exception as error:  # Pillow's decoders raise a dozen kinds for bytes that make no sense
        raise Refused(reason(error)) from error
    pixels = np.asarray(fitted)
    return pixels[None] if grayscale else pixels.transpose(2, 0, 1)


def plain(picture: Image.Image, mode: str, size: int) -> Image.Image:
    """A picture of 8 bits a channel on white; a transparent one is first made small, to twice ``size`` or more."""
    if picture.mode.startswith("I"):  # 16 bits: Pillow itself would cut off all above 255
        deep = np.clip(np.asarray(picture), 0, 65535) // 257
        return Image.fromarray(deep.astype(np.uint8)).convert(mode)
    if "A" in picture.mode or "transparency" in picture.info:
        layered = picture if picture.mode == "RGBA" else picture.convert("RGBA")  # which would copy it
        if (times := min(layered.size) // (2 * size)) > 1:
            layered = layered.reduce(times)  # weighs colours by their opacity, so it may stand before the sum
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert(mode)
    return picture if picture.mode == mode else picture.convert(mode)


def reason(error: Exception) -> str:
    """A few words for what went wrong; Pillow's own name the whole path."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "no picture"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {MOST_PIXELS // 10**6} million pixels"
    text = " ".join((getattr(error, "strerror", None) or str(error)).split())
    return "truncated" if "truncated" in text.lower() else text[:60] or type(error).__name__
