"""Argument checks shared by the operations: one clear line for each mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from .._backend import current_backend

Array = NDArray[Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

_REAL = (np.dtype(np.float32), np.dtype(np.float64))
_ALL = (*_REAL, np.dtype(np.complex128))


def check_floats(where: str, **arrays: Array | None) -> None:
    """Raise TypeError unless all arrays are of one floating-point type that the rung can do."""
    for array in arrays.values():
        if array is not None and (type(array) is not np.ndarray or array.dtype is not _REAL[0]):
            break
    else:  # nearly always
        return
    first: tuple[str, Array] | None = None
    for name, array in arrays.items():
        if array is None:
            continue
        if not isinstance(array, np.ndarray):
            raise TypeError(
                f"{where}: {name} must be a NumPy array, got {type(array).__name__}; "
                f"use np.asarray({name}, dtype=np.float32)"
            )
        if array.dtype not in (_REAL if current_backend() == "numba" else _ALL):
            hint = (
                "use nanocnn.backend('vectorized') for complex numbers"
                if array.dtype.kind == "c"
                else f"convert with {name}.astype(np.float32)"
            )
            raise TypeError(f"{where}: {name} is {array.dtype}, needed float32 or float64; {hint}")
        if first is None:
            first = (name, array)
        elif array.dtype != first[1].dtype:
            raise TypeError(
                f"{where}: {first[0]} is {first[1].dtype} but {name} is {array.dtype}; "
                f"convert one, for example {name}.astype({first[0]}.dtype)"
            )


def check_axes(where: str, name: str, array: Array, axes: str) -> None:
    """Raise ValueError unless the array has the axes that `axes` names, such as 'N H W C'."""
    wanted = axes.split()
    if array.ndim != len(wanted):
        raise ValueError(
            f"{where}: {name} must have {len(wanted)} axes ({', '.join(wanted)}), "
            f"got shape {array.shape}"
        )


def check_shape(where: str, name: str, array: Array, shape: Sequence[int]) -> None:
    """Raise ValueError unless the array has exactly this shape."""
    if array.shape != tuple(shape):
        raise ValueError(f"{where}: {name} must have shape {tuple(shape)}, got {array.shape}")


MOST_KEPT = 1024  # results of a check, before all are forgotten
Check = TypeVar("Check", bound=Callable[..., Any])


def remembered(check: Check) -> Check:
    """Keep what a check of numbers returns: a network asks for the same ones in every step."""
    kept: dict[str, Any] = {}

    @wraps(check)
    def call(*args: Any, **options: Any) -> Any:
        try:
            hash((args, *options.values()))
        except TypeError:  # of an array: its text may leave numbers out
            return check(*args, **options)
        key = repr((args, options))  # tells 1, 1.0 and True apart, in tuples too
        found = kept.get(key)
        if found is None:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            found = kept[key] = check(*args, **options)
        return found

    return cast(Check, call)


def is_count(value: object, least: int) -> bool:
    """Tell whether the value is a whole number, Python's or NumPy's, from `least` on."""
    return (
        isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= least
    )


def pair(name: str, value: Any, least: int = 1) -> Pair:
    """Turn an int or a pair of ints into a pair; raise ValueError for anything else."""
    if type(value) is int and value >= least:  # nearly always
        return value, value
    values: Any = (value, value) if is_count(value, least) else value
    if (
        isinstance(values, (tuple, list))
        and len(values) == 2
        and all(is_count(v, least) for v in values)
    ):
        return int(values[0]), int(values[1])
    raise ValueError(
        f"{name} must be a whole number from {least}, or a pair of them (rows, columns), "
        f"got {value!r}"
    )


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> Pair:
    """Padding for ceil(size / stride) outputs; an odd pixel goes behind, as in TensorFlow."""
    out = -(-size // stride)
    total = max((out - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return total // 2, total - total // 2


def resolve_padding(
    padding: str | int | Sequence[Any],
    size: Pair,
    kernel: Pair,
    stride: Pair,
    dilation: Pair = (1, 1),
) -> Padding:
    """Turn "valid", "same", an int, a pair or two pairs into ((top, bottom), (left, right))."""
    given: Any = padding.tolist() if isinstance(padding, np.ndarray) else padding
    if given == "valid":
        return (0, 0), (0, 0)
    if given == "same":
        rows, cols = (
            same_padding(s, k, t, d)
            for s, k, t, d in zip(size, kernel, stride, dilation, strict=True)
        )
        return rows, cols
    try:
        if (
            isinstance(given, (tuple, list))
            and len(given) == 2
            and all(isinstance(p, (tuple, list)) for p in given)
        ):
            top_bottom, left_right = (pair("padding", p, 0) for p in given)
            return top_bottom, left_right
        if not isinstance(given, str):
            down, across = pair("padding", given, 0)
            return (down, down), (across, across)
    except ValueError:
        pass
    raise ValueError(
        "padding must be 'valid', 'same', a whole number from 0, a pair (rows, columns) or "
        f"((top, bottom), (left, right)), got {given!r}"
    )


def output_size(
    where: str, size: Pair, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair = (1, 1)
) -> Pair:
    """Return (OH, OW) by (C0), or raise ValueError where the image is smaller than the window."""
    out = []
    for s, k, t, (before, after), d in zip(size, kernel, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        if s + before + after < reach or s < 1:
            padded = tuple(n + sum(p) for n, p in zip(size, padding, strict=True))
            window = tuple(e * (n - 1) + 1 for n, e in zip(kernel, dilation, strict=True))
            raise ValueError(
                f"{where}: the image is {size[0]}x{size[1]}, with padding {padded[0]}x{padded[1]}, "
                f"smaller than the window of {window[0]}x{window[1]}; use larger images, "
                "padding='same' or a smaller window"
            )
        out.append((s + before + after - reach) // t + 1)
    return out[0], out[1]
