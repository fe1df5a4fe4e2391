"""One image file to one array: (H, W, C) float32 in [0, 1].

Integers are divided by the full range of their type (255 or 65535), never by the brightest pixel
of the image, so that the same tissue has the same value in every file.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import DataError
from .quiet import warnings_as

# Pillow opens many more; these hold still images, and none of them starts another program.
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000")
SUFFIXES = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".gif", ".webp"),
        *(".pbm", ".pgm", ".ppm", ".pnm", ".jp2", ".j2k"),
    )
)
FULL_RANGE = {"bool": 1, "uint8": 255, "uint16": 65535}
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, the weights of Pillow's mode "L"

_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_GREY_MODES = ("1", "L", "LA", "La")
_PHOTOMETRIC, _BITS = 262, 258  # TIFF tags


def read_image(
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
) -> NDArray[np.float32]:
    """Read one image file.

    Parameters
    ----------
    path : path of a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or JPEG 2000 file
    size : (H, W), int or None      resize to H x W pixels (an int means a square)
    channels : 1, 3 or None         convert to grey or to red, green, blue; None keeps the file's

    Returns
    -------
    image : (H, W, C) float32 array in [0, 1]     C = 1 for grey files, 3 for all others

    Raises
    ------
    DataError
        If the file is missing, damaged, cut short, holds several images, holds more pixels than
        `PIL.Image.MAX_IMAGE_PIXELS`, or holds numbers whose range is not known.

    Notes
    -----
    - 8-bit files are divided by 255, 16-bit grey ones by 65535; 1-bit ones become 0 and 1. Floats
      are taken as they are and must lie in [0, 1]. Pillow hands out 16-bit *colour* as 8 bits.
    - Palette and CMYK images become RGB. Transparent pixels are laid on black: :math:`x = a\\,v`.
    - The camera's EXIF orientation is applied.
    - Resizing is bilinear with antialiasing (each output pixel averages all the input pixels it
      covers), computed in float32 for every bit depth, so that 16 bits stay 16 bits.
    - RGB becomes grey by :math:`0.299 R + 0.587 G + 0.114 B`; grey becomes RGB by repetition.
    """
    check_channels(channels)
    shape = check_size(size)
    name = os.fspath(path)
    return convert_image(read_pixels(path, name), shape, channels)


def check_size(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Return `size` as (H, W) or None."""
    if size is None:
        return None
    try:
        height, width = size if isinstance(size, tuple | list) else (size, size)
        shape = operator.index(height), operator.index(width)
    except (TypeError, ValueError):
        shape = (0, 0)
    if min(shape) < 1:
        raise DataError(
            f"size={size!r} is not a size; give a positive int or (height, width) in pixels"
        )
    return shape


def check_channels(channels: int | None) -> None:
    """Raise unless `channels` is None, 1 or 3."""
    if channels not in (None, 1, 3):
        raise DataError(
            f"channels={channels!r} is not possible; give 1 (grey), 3 (red, green, blue) or None"
        )


def convert_image(
    pixels: NDArray[Any], size: tuple[int, int] | None, channels: int | None
) -> NDArray[np.float32]:
    """Turn stored pixels (H, W) or (H, W, C) into (H, W, C) float32 in [0, 1]."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    full = FULL_RANGE.get(pixels.dtype.name, 1)
    if size is not None and pixels.shape[:2] != size:
        pixels = resize_pixels(pixels, size)
    image = np.array(pixels, dtype=np.float32)
    if full != 1:
        image /= np.float32(full)
    if channels == 1 and image.shape[2] == 3:
        red, green, blue = (np.float32(weight) for weight in LUMA)
        grey = red * image[:, :, 0] + green * image[:, :, 1] + blue * image[:, :, 2]
        image = grey[:, :, None]
    elif channels == 3 and image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    return image


def check_range(values: NDArray[Any], name: str) -> None:
    """Raise unless all floats are finite and in [0, 1]."""
    if not values.size:
        return
    low, high = float(values.min()), float(values.max())  # a NaN makes both NaN
    if math.isnan(low):
        raise DataError(
            f"{name} has {int(np.isnan(values).sum())} NaN pixels; every pixel must be a number: "
            "replace or remove them first"
        )
    if low < 0 or high > 1:
        raise DataError(
            f"{name} has float pixels from {low:g} to {high:g}; floats must lie in [0, 1]: "
            "subtract the minimum and divide by the range, or store uint8 or uint16"
        )


def read_pixels(path: str | os.PathLike[str], name: str) -> NDArray[Any]:
    """Decode a file to (H, W) or (H, W, 3): uint8, uint16, or float32 in [0, 1].

    `name` stands for the file in error messages.
    """
    return decode_file(path, f"image {name!r}", lambda image: _decode(image, name), FORMATS)


def decode_file(
    path: str | os.PathLike[str],
    what: str,
    decode: Callable[[Image.Image], NDArray[Any]],
    formats: tuple[str, ...],
) -> NDArray[Any]:
    """Open a file with Pillow and decode it; errors of a dozen kinds become one line each."""
    try:
        stream = open(path, "rb")  # noqa: SIM115 (closed below)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise DataError(
            f"{what} cannot be opened ({reason}); check the path and the permissions"
        ) from error
    with stream:
        try:
            # A picture of 90 million pixels is a decompression bomb or a whole slide: refuse it
            # before it is decoded.
            with warnings_as("error", Image.DecompressionBombWarning):
                image = Image.open(stream, formats=formats)
            with image:
                return decode(image)
        except DataError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise DataError(
                f"{what} has more pixels than the limit of {Image.MAX_IMAGE_PIXELS}; "
                "make it smaller, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
            ) from error
        except UnidentifiedImageError as error:
            raise DataError(
                f"{what} is damaged or of a kind that cannot be read; needed is one of "
                f"{', '.join(formats)}: replace or remove the file"
            ) from error
        except Exception as error:  # damaged files make Pillow raise a dozen different types
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(
                f"{what} is damaged or cut short ({reason}); replace or remove the file"
            ) from error


def _decode(image: Image.Image, name: str) -> NDArray[Any]:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # MPO: a camera's JPEG with its preview behind it
        raise DataError(
            f"image {name!r} holds {frames} images; one a file is needed: "
            "save each of them as a file of its own"
        )
    if image.mode in ("F", "I") or image.mode.startswith("I;"):
        return _decode_deep(image, name)
    image = upright(image)
    grey = image.mode in _GREY_MODES
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        values = np.asarray(image.convert("LA" if grey else "RGBA"), dtype=np.float32)
        values /= np.float32(255)
        return values[:, :, :-1] * values[:, :, -1:]
    return np.asarray(image.convert("L" if grey else "RGB"))


def _decode_deep(image: Image.Image, name: str) -> NDArray[Any]:
    """Grey images of more than 8 bits: mode "F", "I;16" and its kin, and "I" for PNG and PGM."""
    kind, key = image.format, image.info.get("transparency")
    if image.mode == "I" and kind not in ("PNG", "PPM"):
        raise DataError(
            f"image {name!r} has 32-bit or signed integers, whose full range is not known; "
            "save it with 8 or 16 bits, or as floats in [0, 1]"
        )
    tags = getattr(image, "tag_v2", {})
    bits, white_is_zero = tags.get(_BITS, (16,))[0], tags.get(_PHOTOMETRIC) == 0
    values = np.asarray(upright(image))
    if image.mode == "F":
        check_range(values, f"image {name!r}")
        return values.astype(np.float32)
    values = values.astype(np.uint16)
    if white_is_zero:  # Pillow undoes this for 8 bits only
        values = np.uint16(2**bits - 1) - values
    if isinstance(key, int):
        values[values == key] = 0  # transparent, so black
    return values if bits == 16 else values.astype(np.float32) / np.float32(2**bits - 1)


def upright(image: Image.Image) -> Image.Image:
    """Apply the orientation that a camera wrote into the file."""
    if image.format == "TIFF":  # turned while loading; early versions of Pillow would turn it twice
        return image
    return ImageOps.exif_transpose(image)


def resize_pixels(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return (H, W, C) pixels resized in float32: bilinear, with antialiasing."""
    height, width = size
    out = np.empty((height, width, pixels.shape[2]), np.float32)
    for c in range(pixels.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(pixels[:, :, c], dtype=np.float32))
        out[:, :, c] = np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR))
    return out
