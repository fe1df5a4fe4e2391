"""A picture whose pixels are class numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .errors import DataError
from .images import decode_file, upright

_EXACT = ("PNG", "TIFF", "BMP", "GIF", "PPM")  # formats that keep every number as it is


class MaskFile(NamedTuple):
    """Where to find a mask; it is decoded when it is read."""

    path: Path
    detail: str = ""

    def read(self, name: str) -> NDArray[np.uint8]:
        """Return (H, W) class numbers; palette images give the numbers of their colours.

        A mask of 0 and 255 alone, as drawing programs save one structure, becomes 0 and 1.

        Raises
        ------
        DataError
            If the file is damaged, has colours, or compresses with loss, which changes numbers.
        """
        values = decode_file(self.path, f"mask {name!r}", _class_numbers, _EXACT)
        if values.ndim == 3 and (values == values[:, :, :1]).all():  # grey, saved as a colour
            values = values[:, :, 0]
        low, high = values.min(initial=0), values.max(initial=0)
        if values.ndim != 2 or values.dtype.kind not in "bui" or low < 0 or high > 255:
            raise DataError(
                f"mask {name!r} is {values.shape} {values.dtype}; needed is one channel of class "
                "numbers from 0 to 255"
            )
        if high == 255 and np.isin(values, (0, 255)).all():
            values = values == 255
        return values.astype(np.uint8)


def _class_numbers(image: Image.Image) -> NDArray[Any]:
    return np.array(upright(image))
