"""One frame of a DICOM file as an image with values in [0, 1].

Stored numbers become measured ones (Hounsfield units in CT) by the rescale slope and intercept or
the modality table, and measured ones become grey values by a window:

1. the one that was asked for,
2. otherwise the file's own, by the function it names, or its table (VOI LUT),
3. otherwise, in CT, -1024 to 3071 HU, the twelve bits of the scale,
4. otherwise the full range of the bits that are stored, as in picture files.

MONOCHROME1 (white is the smallest value) is inverted at the end; palettes and YBR become RGB. See
DICOM PS3.3, C.7.6.3 (pixels), C.11.1 (modality) and C.11.2 (windows).

Messages of pydicom may quote what a file says, so they are not passed on: errors name the file, and
say what kind of error it was.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .codestream import codestream_size
from .dicom_header import PIXELS, check_deflated, count_frames, in_groups
from .errors import DataError
from .extras import require
from .quiet import warnings_as
from .windows import Window, limits, scale

CT_RANGE = (-1024.0, 3071.0)
_PANIC = "PanicException"  # of decoders in Rust, such as pylibjpeg-rle: no Exception by descent
_STORED = ("PlanarConfiguration", "PixelData", "FloatPixelData", "DoubleFloatPixelData")


class DicomFrame(NamedTuple):
    """Where to find one image; it is decoded when it is read."""

    path: Path
    frame: int | None = None  # None: the file holds one
    window: Window | None = None  # None: the file's own

    @property
    def detail(self) -> str:
        """What tells the frame from others of the file."""
        return "" if self.frame is None else f"frame {self.frame + 1}"

    def read(self, name: str) -> NDArray[Any]:
        """Return (H, W) or (H, W, 3): uint8, uint16, or float32 in [0, 1].

        Raises
        ------
        DataError
            If the file is damaged, holds no image or too large a one, or its compression needs a
            decoder that is not installed.
        """
        require("pydicom", "DICOM files")
        try:
            with open(self.path, "rb") as stream, warnings_as("ignore"):
                frame = _decode(stream, self.frame or 0, self.window is None, name)
            if frame.stored.ndim == 3:
                return _colour(frame)
            return _grey(frame, self.window, name)
        except DataError:
            raise
        except OSError as error:
            reason = f"cannot be read ({error.strerror or type(error).__name__})"
        except BaseException as error:  # damaged files make pydicom raise a dozen different types
            if not isinstance(error, Exception) and type(error).__name__ != _PANIC:
                raise
            kind = type(error).__name__
            damage = "no DICOM file" if kind == "InvalidDicomError" else "damaged or cut short"
            reason = f"is {damage} ({kind})"
        raise DataError(f"image {name!r} {reason}; replace or remove the file")


class _Frame(NamedTuple):
    """One decoded frame, and the plain numbers that its values need."""

    stored: NDArray[Any]
    bits: int
    signed: bool
    line: tuple[float, float] | None  # slope and intercept
    file_window: tuple[float, float, str] | None
    modality: str
    inverted: bool
    levels: tuple[float, float] | None  # where a table has been applied: its range


def _decode(stream: BinaryIO, k: int, own_window: bool, name: str) -> _Frame:
    from pydicom import dcmread
    from pydicom.pixels.utils import pixel_array

    file_size = stream.seek(0, 2)
    stream.seek(0)
    deflated = check_deflated(stream, name)
    header: Any = dcmread(stream, stop_before_pixels=True, specific_tags=list(PIXELS))
    frames = _check_header(header, file_size, k, name)
    source: Any = stream
    if frames == 1 or deflated:
        stream.seek(0)
        source = dcmread(stream, specific_tags=[*PIXELS, *_STORED])
        packed = source.get("PixelData", b"")
    else:  # only the frame that is wanted is read
        stream.seek(12, 1)  # tag, value representation and length of the element with the pixels
        packed = stream
    _check_compressed(packed, header, k, frames, name)
    stream.seek(0)
    try:
        stored = pixel_array(source, index=k)
    except RuntimeError as error:  # every decoder of this syntax has failed
        raise DataError(
            f"image {name!r} is damaged, or compressed in a way that the installed decoders do not "
            f"know ({header.file_meta.TransferSyntaxUID.name!r}; for JPEG of 12 bits there is "
            "pylibjpeg-libjpeg, under the GPL); replace the file, or save it without compression"
        ) from error
    return _apply_tables(stored, header, k, own_window)


def _check_header(header: Any, file_size: int, k: int, name: str) -> int:
    """Return the number of frames; raise where there is no image, or too large a one."""
    rows, columns = int(header.get("Rows", 0) or 0), int(header.get("Columns", 0) or 0)
    if rows < 1 or columns < 1:
        raise DataError(
            f"image {name!r} is a DICOM file without an image (a report, a plan, ...); remove it"
        )
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and rows * columns > limit:
        raise DataError(
            f"image {name!r} has {rows}x{columns} pixels, more than the limit of {limit}; "
            "make it smaller, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        )
    frames = count_frames(header, file_size)
    if k >= frames:
        raise DataError(f"image {name!r} has {frames} frames; ask for one of them")
    return frames


def _check_compressed(packed: Any, header: Any, k: int, frames: int, name: str) -> None:
    """Raise if the pixels are compressed and no decoder is there, or their size is another one."""
    from pydicom.encaps import get_frame
    from pydicom.pixels.decoders.base import get_decoder

    syntax = header.file_meta.TransferSyntaxUID
    if not syntax.is_compressed:
        return
    try:
        decoder = get_decoder(syntax)
        available = decoder.is_available
    except NotImplementedError:
        available = False
    if not available:
        raise DataError(
            f"image {name!r} is compressed as {syntax.name!r}, for which no decoder is installed: "
            'pip install "nanocnn[medical]", or save the file without compression'
        )
    size = codestream_size(get_frame(packed, k, number_of_frames=frames))
    expected = (header.Rows, header.Columns, header.SamplesPerPixel)
    if size is not None and size != expected:
        raise DataError(
            f"image {name!r} says {expected[0]}x{expected[1]} with {expected[2]} channels, but its "
            f"compressed pixels are {size[0]}x{size[1]} with {size[2]}; replace or remove the file"
        )


def _apply_tables(stored: NDArray[Any], header: Any, k: int, own_window: bool) -> _Frame:
    """Apply the tables that a file may bring, and collect the numbers for the rest."""
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi

    photometric = str(header.get("PhotometricInterpretation", ""))
    bits, signed = int(header.get("BitsStored", 32)), bool(header.get("PixelRepresentation", 0))
    line = _rescale_line(header, k)
    levels: tuple[float, float] | None = None
    window = _file_window(header, k)
    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, header)
        bits = 8 * stored.dtype.itemsize
    elif header.get("ModalityLUTSequence"):
        stored, line = apply_modality_lut(stored, header), None
        levels = _table_levels(header.ModalityLUTSequence[0])
    if own_window and window is None and header.get("VOILUTSequence") and stored.ndim == 2:
        measured = stored if line is None else np.rint(stored * line[0] + line[1])
        stored, line = apply_voi(measured.astype(np.int64), header), None
        levels = _table_levels(header.VOILUTSequence[0])
    return _Frame(
        stored,
        *(bits, signed, line, window),
        modality=str(header.get("Modality", "")),
        inverted=photometric == "MONOCHROME1",
        levels=levels,
    )


def _rescale_line(header: Any, k: int) -> tuple[float, float] | None:
    """Return slope and intercept, if the file has one of them."""
    slope, intercept = (
        in_groups(header, k, "PixelValueTransformationSequence", keyword)
        for keyword in ("RescaleSlope", "RescaleIntercept")
    )
    if slope is None and intercept is None:
        return None
    return float(1 if slope is None else slope), float(intercept or 0)


def _table_levels(item: Any) -> tuple[float, float]:
    return 0.0, float(2 ** int(item.LUTDescriptor[2]) - 1)


def _file_window(header: Any, k: int) -> tuple[float, float, str] | None:
    """Return the file's first window and the name of its function."""
    center, width = (
        _first(in_groups(header, k, "FrameVOILUTSequence", keyword))
        for keyword in ("WindowCenter", "WindowWidth")
    )
    if not (np.isfinite(center) and np.isfinite(width) and width > 0):
        return None
    function = in_groups(header, k, "FrameVOILUTSequence", "VOILUTFunction")
    return center, width, str(function or "LINEAR")


def _first(value: Any) -> float:
    """Return the first number of an element, which may hold several; NaN if it holds none."""
    values = [value] if isinstance(value, str | float | int) else list(value or ())
    return float(values[0]) if values else math.nan


def _colour(frame: _Frame) -> NDArray[Any]:
    if frame.stored.dtype in (np.uint8, np.uint16) and frame.bits == 8 * frame.stored.itemsize:
        return frame.stored
    return scale(frame.stored, 0, 2**frame.bits - 1)


def _grey(frame: _Frame, window: Window | None, name: str) -> NDArray[np.float32]:
    slope, intercept = frame.line or (1.0, 0.0)
    values = frame.stored
    if slope <= 0:
        values, slope, intercept = values * np.float64(slope) + intercept, 1.0, 0.0
    # Otherwise the window is brought to the stored numbers: two numbers instead of every pixel.
    if window is None and frame.file_window is not None and frame.file_window[2] == "SIGMOID":
        center, width, _ = frame.file_window
        unit = _sigmoid(values, (center - intercept) / slope, width / slope)
    else:
        low, high = _limits(frame, window, name)
        unit = scale(values, (low - intercept) / slope, (high - intercept) / slope)
    return 1 - unit if frame.inverted else unit


def _limits(frame: _Frame, window: Window | None, name: str) -> tuple[float, float]:
    """Return the measured values that become 0 and 1."""
    if window is not None:
        return limits(window)
    if frame.file_window is not None:
        center, width, function = frame.file_window
        if function == "LINEAR_EXACT":  # PS3.3 C.11.2.1.3.2
            return limits((center, width))
        return center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2  # C.11.2.1.2.1
    if frame.modality == "CT" and frame.levels is None:
        return CT_RANGE
    if frame.levels is not None:
        return frame.levels
    if frame.stored.dtype.kind == "f":
        raise DataError(
            f"image {name!r} has float pixels and no window; give window=(centre, width)"
        )
    low, high = (0, 2**frame.bits - 1)
    if frame.signed:
        low, high = -(2 ** (frame.bits - 1)), 2 ** (frame.bits - 1) - 1
    slope, intercept = frame.line or (1.0, 0.0)
    first, last = sorted((low * slope + intercept, high * slope + intercept))
    return first, last


def _sigmoid(values: NDArray[Any], center: float, width: float) -> NDArray[np.float32]:
    """Apply PS3.3 C.11.2.1.3.1."""
    power = np.clip(-4 * (values.astype(np.float64) - center) / width, -700, 700)
    return (1 / (1 + np.exp(power))).astype(np.float32)
