"""What a run is made of, told so that two of them can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..layers.base import Array


def describe_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as JSON can hold them."""
    return {str(key): plain(value) for key, value in options.items()}


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if hasattr(value, "to_config"):
        return value.to_config()
    if isinstance(value, Mapping):
        return describe_options(value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return name_of(value) if callable(value) and hasattr(value, "__name__") else repr(value)


def name_of(function: Any) -> str:
    """Return the name of a loss or metric."""
    return function if isinstance(function, str) else getattr(function, "__name__", repr(function))


def fingerprint(images: Any, targets: Array | None, groups: Array | None = None) -> str:
    """Return a hash of pixels in memory, or of names and lengths of files, and what goes with them.

    Parameters
    ----------
    images : ImageDataset or (N, ...) array
    """
    hashed = hashlib.blake2b(digest_size=16)

    def add(array: Array) -> None:
        hashed.update(f"{array.dtype.str} {array.shape}".encode())
        for row in array:  # one at a time: `array` may be a view that is not contiguous
            hashed.update(np.ascontiguousarray(row).tobytes())

    if isinstance(images, np.ndarray):
        add(images)
    elif images.paths is None:
        for image, target in images:
            add(image)
            if images.has_masks:
                add(target)
    else:
        for i, path in enumerate(images.paths):
            size = path.stat().st_size if path.exists() else -1
            hashed.update(f"{images.name(i)} {size}\n".encode(errors="replace"))
    for column in (targets, groups):
        if column is not None:
            add(column)
    return hashed.hexdigest()


def difference(there: Any, here: Any, name: str = "it") -> str | None:
    """Tell the first thing in which two descriptions differ, or None if they are equal.

    Parameters
    ----------
    there, here : what JSON can hold
    """
    if there == here:
        return None
    pairs: list[tuple[Any, Any, Any]] = []
    if isinstance(there, dict) and isinstance(here, dict):
        pairs = [(key, there.get(key), here.get(key)) for key in {**here, **there}]
    elif isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        pairs = list(zip(range(len(here)), there, here, strict=True))
    for key, a, b in pairs:
        told = difference(a, b, str(key) if name == "it" else f"{name}.{key}")
        if told is not None:
            return told
    return f"{name} is {there!r:.60} there and {here!r:.60} here"
