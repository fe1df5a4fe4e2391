"""What many trainings together are made of, told so that two such runs can be compared."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..layers.base import Array


def describe_model(model: Any) -> dict[str, Any]:
    """Return architecture, first parameters, optimizer, loss and metrics."""
    values = hashlib.blake2b(digest_size=16)
    for name, p in model.params.items():
        values.update(name.encode())
        values.update(np.ascontiguousarray(p).tobytes())
    return {
        "model": repr(model),
        "parameters": values.hexdigest(),
        "optimizer": model.optimizer.get_config(),
        "loss": name_of(model.loss),
        "compiled metrics": [name_of(metric) for metric in model.metrics],
    }


def describe_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as JSON can hold them."""
    return {key: _plain(value) for key, value in options.items()}


def _plain(value: Any) -> Any:
    if hasattr(value, "to_config"):
        return value.to_config()
    if isinstance(value, Mapping):
        return {str(key): _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return name_of(value) if callable(value) and hasattr(value, "__name__") else repr(value)


def name_of(function: Any) -> str:
    """Return the name of a loss or metric."""
    return function if isinstance(function, str) else getattr(function, "__name__", repr(function))


def fingerprint(images: Any, targets: Array | None, groups: Array | None) -> str:
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


def make(build: Any, seed: int, **values: Any) -> Any:
    """Call the user's function with its values, and with a seed if it takes one."""
    try:
        takes_seed = "seed" in inspect.signature(build).parameters
    except (TypeError, ValueError):
        takes_seed = False
    return build(**{"seed": seed, **values} if takes_seed else values)


def check_is_new(model: Any, last: Any, name: str = "build_model", before: str = "fold") -> None:
    """Raise if a model has something in common with the one before it.

    Raises
    ------
    TypeError
        If it is no model.
    ValueError
        If it shares layers or its optimizer: it would have seen the images that it is tested on.
    """
    if not hasattr(model, "fit") or not hasattr(model, "layers"):
        raise TypeError(f"{name} must return a compiled nanocnn.Sequential, got {model!r:.60}")
    model.objective()  # raises if it is not compiled
    if last is not None and (
        model is last
        or model.optimizer is last.optimizer
        or any(a is b for a in model.layers for b in last.layers)
    ):
        raise ValueError(
            f"{name} returned layers or an optimizer of the {before} before, which have learnt "
            "already; build everything inside the function"
        )
