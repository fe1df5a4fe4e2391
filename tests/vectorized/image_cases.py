"""Random images, masks and strengths for comparing the rungs of warp, blur and adjustments."""

from __future__ import annotations

from dataclasses import dataclass

import hypothesis.strategies as st
import numpy as np

from .cases import Array, Source, dtypes, layouts

sizes = st.integers(1, 9)
shapes = st.tuples(st.integers(0, 3), sizes, sizes, st.sampled_from([1, 2, 3, 4, 5, 9]))


@dataclass(frozen=True)
class Images:
    """Images in [0, 1] of a random memory layout, and what may be done to them."""

    shape: tuple[int, int, int, int]
    source: Source

    @property
    def rng(self) -> np.random.Generator:
        """Return a generator that begins anew."""
        return np.random.default_rng([self.source.seed, 77])

    def images(self) -> Array:
        """Return numbers in [0, 1], both ends among them."""
        values = self.rng.random(self.shape) * 1.2 - 0.1
        return self.source.arrange(np.clip(values, 0, 1).astype(self.source.dtype))

    def masks(self) -> Array:
        """Return class numbers."""
        return whole(self.rng.integers(0, 255, self.shape[:3]).astype(np.uint8))

    def matrices(self, spread: float) -> Array:
        """Return matrices, more or less far from the one that changes nothing."""
        noise = self.rng.normal(0, 1, (self.shape[0], 2, 3))
        noise[:, :, 2] *= 3
        return self.source.arrange(np.eye(2, 3) + spread * noise)

    def grids(self, cells: tuple[int, int]) -> Array:
        """Return control points."""
        shape = (self.shape[0], cells[0] + 3, cells[1] + 3, 2)
        return self.source.arrange(self.rng.normal(0, 2, shape))

    def sigmas(self) -> Array:
        """Return widths of blurs, 0 among them."""
        return self.source.arrange(np.maximum(0, self.rng.uniform(-0.5, 2, self.shape[0])))

    def adjustments(self) -> tuple[Array, ...]:
        """Return the arguments behind x, about half of which change nothing."""
        rng, n = self.rng, self.shape[0]
        some = [rng.random(n) < 0.5 for _ in range(4)]
        contrast = np.where(some[0], 1, rng.uniform(0, 2, n))
        brightness = np.where(some[1], 0, rng.uniform(-0.3, 0.3, n))
        gamma = np.where(some[2], 1, rng.uniform(0.3, 3, n))
        noise = np.where(some[3], 0, rng.uniform(0, 0.2, n))
        keys = rng.integers(0, 2**64, n, np.uint64)
        boxes = rng.integers(-3, 12, (n, 4))
        strengths = (self.source.arrange(a) for a in (contrast, brightness, gamma, noise))
        return *strengths, whole(keys), whole(boxes)


def whole(values: Array) -> Array:
    """Return whole numbers read-only and with gaps between them; there is no NaN to put there."""
    wide = np.repeat(values, 2, axis=-1)
    wide.setflags(write=False)
    return wide[..., ::2]


sources = st.builds(Source, st.integers(0, 2**32 - 1), dtypes, layouts)
images = st.builds(Images, shapes, sources)
spreads = st.sampled_from([0.0, 0.05, 0.5, 5.0])
cells = st.none() | st.tuples(st.integers(1, 5), st.integers(1, 5))


def check_adjusted(actual: Array, expected: Array, noise: Array) -> None:
    """Compare adjusted images; normal numbers are float32, whatever the images are."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    room = 24 * np.finfo(expected.dtype).eps + 2e-6 * noise.max(initial=0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=room)
