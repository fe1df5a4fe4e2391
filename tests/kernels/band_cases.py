"""A convolution and the max pooling behind it: cases, their comparison, and bands of any size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from nanocnn import kernels
from nanocnn.kernels import bands

from .cases import NO_PADDING, Array, Convolution, Pooling, Source, output_shape, untouched


@dataclass(frozen=True)
class Both:
    """A convolution, an activation, and a pooling of what they give."""

    conv: Convolution
    activation: str | None
    pool: Pooling
    with_bias: bool = True

    def arrays(self, source: Source, whole: bool = False, holes: bool = False) -> list[Any]:
        """Return x, w and b; small whole numbers make equal values, `holes` puts NaN into x."""
        numbers = source.integers if whole else source.normal
        x, w = numbers(*self.conv.x), numbers(*self.conv.w, salt=1)
        if holes:
            x = source.arrange(np.where(source.normal(*x.shape, salt=5) > 2.0, np.nan, x))
            x = source.arrange(x.astype(source.dtype))
        return [x, w, numbers(self.conv.w[3], salt=3) if self.with_bias else None]


def bits(array: Array) -> Array:
    """Return the numbers as whole numbers: -0 is not 0, and a NaN is equal to itself."""
    return array.view(f"u{array.itemsize}")


def compare(case: Both, x: Array, w: Array, b: Array | None) -> tuple[Array, Array]:
    """Fail unless values and winners are those of one operation after the other."""
    geometry, pool = case.conv.geometry, case.pool.geometry
    with untouched(x, w, b):
        found = kernels.conv2d_max_pool2d_forward(x, w, b, *geometry, case.activation, *pool)
    z = kernels.conv2d_forward(x, w, b, *geometry, case.activation)
    for ours, theirs in zip(found, kernels.max_pool2d_forward(z, *pool), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(bits(ours), bits(theirs), strict=True)
    return found


@contextmanager
def band_bytes(size: int) -> Iterator[None]:
    """Let a band be of so many bytes."""
    bands.band_plan.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "BAND_BYTES", size)
        yield
    bands.band_plan.cache_clear()


@contextmanager
def plans() -> Iterator[list[bands.BandPlan]]:
    """Take down the plans that are used."""
    found: list[bands.BandPlan] = []
    make = bands.band_plan

    def taken_down(*args: Any) -> bands.BandPlan:
        found.append(make(*args))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "band_plan", taken_down)
        yield found


def odd(dtype: Any = np.float32, f: int = 5) -> tuple[Both, list[Any]]:
    """Return a convolution that gives 9 x 7 pixels, and a pooling that leaves one over each way."""
    conv = Convolution((2, 9, 7, 12), (3, 3, 12, f), (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    case = Both(conv, "relu", Pooling(output_shape(conv), (2, 2), (2, 2), NO_PADDING))
    return case, case.arrays(Source(1, dtype, "C"))
