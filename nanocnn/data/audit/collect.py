"""Read every image of a data set once, and keep a few numbers and a thumbnail of each: 1.2 kB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .fingerprint import SIDE, digest, thumbnail

if TYPE_CHECKING:
    from ..dataset import ImageDataset


class Facts(NamedTuple):
    """What was seen of the M images that can be read; arrays of M rows."""

    place: NDArray[np.int64]  # the image's place in the data set
    shape: NDArray[np.int64]  # (M, 3): height and width in the file, channels
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    foreground: NDArray[np.float64]  # share of mask pixels above 0; NaN without masks
    thumbnails: NDArray[np.uint8]  # (M, 32, 32)
    digests: list[bytes]
    unreadable: list[tuple[int, str]]  # place in the data set, what is wrong

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Whether all pixels of an image are equal."""
        equal: NDArray[np.bool_] = self.low == self.high
        return equal


def collect(dataset: ImageDataset, progress: Any) -> Facts:
    """Decode image after image; `progress` is a tqdm bar."""
    n = len(dataset)
    numbers = np.full((n, 4), np.nan)
    shape = np.zeros((n, 3), np.int64)
    thumbnails = np.zeros((n, SIDE, SIDE), np.uint8)
    digests, unreadable = [], []
    read = np.ones(n, bool)
    for i in range(n):
        try:
            image, size = dataset._image(i)
            if dataset.has_masks:
                mask = dataset._mask(i, image, size)
                numbers[i, 3] = np.count_nonzero(mask) / mask.size
        except DataError as error:
            unreadable.append((i, str(error)))
            read[i] = False
        else:
            shape[i] = *size, image.shape[2]
            numbers[i, :3] = image.min(), image.max(), image.mean(dtype=np.float64)
            thumbnails[i] = thumbnail(image)
            digests.append(digest(image))
        progress.update()
    low, high, mean, foreground = numbers[read].T
    return Facts(
        *(np.flatnonzero(read), shape[read], low, high, mean, foreground, thumbnails[read]),
        digests,
        unreadable,
    )
