"""One image after the other, whatever they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .checks import check_images

ImageSource = NDArray[np.float32] | Iterable[Any]


def each_image(source: ImageSource) -> Iterator[NDArray[np.float32]]:
    """Yield the (H, W, C) images of an array, a data set, or an iterable.

    Items of an iterable may be images or batches, or tuples that begin with one, such as those of a
    data set or a loader. So the same images come, however they were put together.
    """
    items = (source,) if isinstance(source, np.ndarray) else source
    if not isinstance(items, Iterable) and not hasattr(items, "__getitem__"):
        raise DataError(
            f"images are of the type {type(source).__name__}; needed is an (N, H, W, C) array, a "
            "data set, or an iterable of images"
        )
    for item in items:
        images: Any = item[0] if isinstance(item, tuple) and item else item
        check_images(images)
        yield from images if images.ndim == 4 else (images,)
