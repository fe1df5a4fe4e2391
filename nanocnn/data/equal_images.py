"""Images that two collections have in common: equal pixels in arrays, equal bytes in files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .readers import Reader

_PIXELS, _BYTES = 64, 4096


class Rows(NamedTuple):
    """Images of an array, of which only some are meant; no pixel is copied."""

    images: NDArray[Any]  # (M, H, W) or (M, H, W, C), or of any other shape
    order: NDArray[np.int64]

    def sample(self, places: NDArray[np.int64]) -> list[bytes]:
        """Return the pixels at some places of each image."""
        index = (self.order[:, None], *np.unravel_index(places, self.images.shape[1:]))
        return [row.tobytes() for row in self.images[index]]


def equal_pixels(first: Rows, second: Rows) -> Iterator[tuple[int, int]]:
    """Find images of `second` in `first`."""
    first, second = _without_grey_axis(first), _without_grey_axis(second)
    a, b = first.images, second.images
    if a.shape[1:] != b.shape[1:] or a.dtype != b.dtype or 0 in (a.size, b.size):
        return
    n = a[0].size
    places = np.linspace(0, n - 1, min(_PIXELS, n)).astype(np.int64)
    known: dict[bytes, list[int]] = {}
    for i, pixels in enumerate(first.sample(places)):
        known.setdefault(pixels, []).append(i)
    digests: dict[bytes, dict[bytes, int]] = {}
    for j, pixels in enumerate(second.sample(places)):
        if pixels not in known:
            continue
        image = b[second.order[j]]
        if image.min() == image.max():  # a black slice says nothing
            continue
        if pixels not in digests:  # most often of one image; hashed, since it may be thousands
            alike = reversed(known[pixels])
            digests[pixels] = {_digest(a[first.order[i]]): i for i in alike}
        found = digests[pixels].get(_digest(image))
        if found is not None:
            yield found, j


def _without_grey_axis(rows: Rows) -> Rows:
    grey = rows.images.ndim == 4 and rows.images.shape[3] == 1
    return rows._replace(images=rows.images[..., 0]) if grey else rows


def _digest(image: NDArray[Any]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


def equal_files(first: Sequence[Reader], second: Sequence[Reader]) -> Iterator[tuple[int, int]]:
    """Find images of `second` in `first`: the same place of one file, or of two equal files."""
    place = {_place(reader): i for i, reader in reversed(list(enumerate(first)))}
    found = {j: place[_place(reader)] for j, reader in enumerate(second) if _place(reader) in place}
    yield from ((i, j) for j, i in found.items())
    a = dict(enumerate(first))
    b = {j: reader for j, reader in enumerate(second) if j not in found}
    keys_a: dict[int, Hashable] = {}
    keys_b: dict[int, Hashable] = {}
    for tell in (_length, cache(_middle), cache(_whole)):  # each costs more than the one before
        keys_a = {i: (tell(reader.path), reader.detail) for i, reader in a.items()}
        keys_b = {j: (tell(reader.path), reader.detail) for j, reader in b.items()}
        shared = set(keys_a.values()) & set(keys_b.values())
        a = {i: reader for i, reader in a.items() if keys_a[i] in shared}
        b = {j: reader for j, reader in b.items() if keys_b[j] in shared}
    twin = {keys_a[i]: i for i in reversed(a)}
    yield from ((twin[keys_b[j]], j) for j in b)


# Of a file that cannot be read each of these is its path, which equals that of no other file; what
# is wrong with it is told when it is decoded.


def _place(reader: Reader) -> Hashable:
    """Tell one image from all others, whatever its file is called."""
    try:
        status = os.stat(reader.path)
    except OSError:
        return str(reader.path), reader.detail
    return (status.st_dev, status.st_ino) if status.st_ino else str(reader.path), reader.detail


def _length(path: Path) -> Hashable:
    try:
        return os.stat(path).st_size
    except OSError:
        return path


def _middle(path: Path) -> Hashable:
    """Return 4 kB from the middle, where pixels are."""
    try:
        with open(path, "rb") as stream:
            stream.seek(os.stat(path).st_size // 2)
            return stream.read(_BYTES)
    except OSError:
        return path


def _whole(path: Path) -> Hashable:
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
    except OSError:
        return path
