"""Windows, min-max and z-score: hand-worked numbers, inverses, and what is fitted to what."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from nanocnn.data import ImageDataset
from nanocnn.data.transforms import Compose, Denoise, IntensityWindow, MinMax, Resize, ZScore

from .policies import images, masks, quick


def row(*values: float) -> np.ndarray:
    """Return an image of one row."""
    return np.array(values, np.float32).reshape(1, -1, 1)


def test_a_window_by_hand() -> None:
    y = IntensityWindow(center=0.5, width=0.5)(row(0, 0.25, 0.375, 0.5, 0.75, 1))
    assert y.ravel().tolist() == [0, 0, 0.25, 0.5, 1, 1]
    assert IntensityWindow(center=0.25, width=1)(row(0, 0.5, 1)).ravel().tolist() == [0.25, 0.75, 1]


@quick
@given(st.floats(0.3, 0.7), st.floats(0.1, 0.5))
def test_a_window_is_undone_where_nothing_is_cut_off(center: float, width: float) -> None:
    x = images(1)
    low, high = center - width / 2, center + width / 2
    back = IntensityWindow(center=center, width=width)(x) * width + low
    np.testing.assert_allclose(back, np.clip(x, low, high), rtol=0, atol=1e-6)


def test_a_window_of_everything_changes_no_bit() -> None:
    np.testing.assert_array_equal(IntensityWindow(center=0.5, width=1)(images(2)), images(2))


def test_minmax_by_hand() -> None:
    x = np.stack([row(0.25, 0.5), row(0.375, 0.75)])
    t = MinMax().fit(x)
    assert (t.low, t.high) == (0.25, 0.75)
    assert t(x).ravel().tolist() == [0, 0.5, 0.25, 1]
    assert t(row(0, 0.25, 1)).ravel().tolist() == [0, 0, 1]  # cut off
    assert MinMax(per_image=True)(x).ravel().tolist() == [0, 1, 0, 1]
    assert MinMax(target=(-1, 1)).fit(x)(x).ravel().tolist() == [-1, 0, -0.5, 1]


def test_minmax_takes_all_channels_together() -> None:
    x = np.array([0, 0.25, 0.5], np.float32).reshape(1, 1, 3)
    assert MinMax(per_image=True)(x).ravel().tolist() == [0, 0.5, 1]


def test_minmax_by_percentiles() -> None:
    """Of 0, 1 ... 100 percent, the 10th and the 90th are 10 and 90 percent."""
    x = np.random.default_rng(0).permutation(np.linspace(0, 1, 101)).astype(np.float32)
    y = MinMax(per_image=True, percentiles=(10, 90))(x.reshape(1, 101, 1)).ravel()
    np.testing.assert_allclose(y, np.clip((x - 0.1) / 0.8, 0, 1), rtol=0, atol=1e-6)


@quick
@given(st.floats(-1, 0), st.floats(1, 2))
def test_minmax_is_undone_by_its_formula(low: float, high: float) -> None:
    x = images(2)
    y = MinMax(low=low, high=high, target=(-2, 3))(x)
    np.testing.assert_allclose(low + (y + 2) / 5 * (high - low), x, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(MinMax(low=0, high=1)(x), x)


def test_a_constant_training_part_gives_a_step() -> None:
    t = MinMax().fit(row(0.5, 0.5))
    assert t(row(0.25, 0.5, 0.75)).ravel().tolist() == [0, 0, 1]


def test_zscore_by_hand() -> None:
    """2, 4, 4, 4, 5, 5, 7, 9 have the mean 5 and the deviation 2."""
    eighths = np.array([2, 4, 4, 4, 5, 5, 7, 9], np.float32) / 16
    x = np.stack([eighths, eighths[::-1] / 2], axis=-1).reshape(2, 2, 2, 2)
    t = ZScore().fit(x)
    assert t.mean == (5 / 16, 5 / 32)
    assert t.std == (2 / 16, 2 / 32)
    np.testing.assert_array_equal(t(x)[..., 0].ravel(), [-1.5, -0.5, -0.5, -0.5, 0, 0, 1, 2])
    np.testing.assert_array_equal(t(x)[..., 1].ravel(), [2, 1, 0, 0, -0.5, -0.5, -0.5, -1.5])


def test_zscore_of_the_tissue_alone() -> None:
    x = row(0, 0.25, 0, 0.75)
    t = ZScore(per_image=True, where="nonzero")
    assert t(x).ravel().tolist() == [0, -1, 0, 1]
    fitted = ZScore(where="nonzero").fit([x, row(0, 0), row(0.5)])
    assert fitted.mean == (0.5,)
    assert fitted.std == pytest.approx((math.sqrt(2 / 48),))
    assert fitted(row(0, 0.5, 0)).tolist() == row(0, 0, 0).tolist()
    assert t(row(0, 0)).ravel().tolist() == [0, 0]
    # A pixel with one channel at 0 is tissue all the same.
    coloured = np.array([[[0.5, 0.0], [0.0, 0.0], [0.0, 0.5]]], np.float32)
    assert ZScore(where="nonzero").fit(coloured).mean == (0.25, 0.25)
    assert t(coloured).tolist() == [[[1, -1], [0, 0], [-1, 1]]]


@quick
@given(st.integers(1, 3), st.integers(0, 99))
def test_zscore_standardizes_and_is_undone_by_its_formula(c: int, seed: int) -> None:
    x = images(4, 9, 7, c, seed)
    t = ZScore().fit(x)
    y = t(x).astype(np.float64)
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, rtol=0, atol=1e-6)
    np.testing.assert_allclose(y.std(axis=(0, 1, 2)), 1, rtol=1e-6)
    np.testing.assert_allclose(y * t.std + t.mean, x, rtol=0, atol=1e-7)
    own = ZScore(per_image=True)(x).astype(np.float64)
    np.testing.assert_allclose(own.mean(axis=(1, 2)), 0, rtol=0, atol=1e-6)
    np.testing.assert_allclose(own.std(axis=(1, 2)), 1, rtol=1e-6)


def test_small_deviations_from_a_large_mean() -> None:
    """Where sums of squares in float32, and even those in float64 at 1e6, are wrong."""
    rng = np.random.default_rng(0)
    for mean in (0.999, 1e3, 1e6):
        x = (mean + mean * 1e-6 * rng.standard_normal((5, 40, 30, 1))).astype(np.float32)
        exact = np.float64(x)
        t = ZScore().fit(x)
        assert t.mean == pytest.approx([exact.mean()], rel=1e-14)
        deviations = [math.fsum(((exact - exact.mean()) ** 2).ravel()) / exact.size]
        assert t.std == pytest.approx(np.sqrt(deviations), rel=1e-9)


def test_a_channel_of_rounding_errors_counts_as_constant() -> None:
    x = np.full((2, 9, 7, 1), 0.1, np.float32)
    x[0, 0, 0] = np.nextafter(np.float32(0.1), np.float32(1))
    t = ZScore().fit(x)
    assert t.std == (0.0,)
    assert not t(x).any()


@quick
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.sampled_from(["all", "nonzero"]))
def test_however_the_images_come_the_numbers_are_the_same(parts: list[int], where: str) -> None:
    n = sum(parts)
    x = np.round(images(n) * 4) / 4 * images(n)
    chunks = np.split(x, np.cumsum(parts)[:-1])
    unfitted = Compose([IntensityWindow(width=0.9), ZScore(where=where)])
    expected = unfitted.fit(x)
    dataset = ImageDataset(x, np.zeros(n, int))
    pairs = ImageDataset(x, np.zeros(n, int), masks=masks(n))
    sources: list[Any] = [
        list(x), chunks, iter(chunks), (image for image in x), dataset, pairs,
        [(chunk, np.zeros(len(chunk))) for chunk in chunks], [*chunks[0], *chunks[1:]],
    ]  # fmt: skip
    for source in sources:
        assert unfitted.fit(source) == expected
    assert MinMax().fit(chunks) == MinMax().fit(x) == MinMax().fit(dataset)


def test_images_of_different_sizes() -> None:
    a, b = images(1, 4, 3)[0], images(1, 8, 9)[0]
    both = np.concatenate([a.reshape(-1, 3), b.reshape(-1, 3)]).astype(np.float64)
    t = ZScore().fit([a, b])
    assert t.mean == pytest.approx(both.mean(axis=0), rel=1e-14)
    assert t.std == pytest.approx(both.std(axis=0), rel=1e-14)


def test_images_are_looked_at_one_at_a_time() -> None:
    """Each file is opened once for each step that is fitted, and let go before the next but one."""
    opened: list[weakref.ref[np.ndarray]] = []
    alive = []

    class Files:
        def __iter__(self) -> Iterator[np.ndarray]:
            for k in range(20):
                alive.append(sum(reference() is not None for reference in opened))
                image = images(1, seed=k)[0].copy()
                opened.append(weakref.ref(image))
                yield image
                del image

    Compose([MinMax(), Resize(size=4), ZScore()]).fit(Files())
    assert len(opened) == 40
    assert max(alive) == 1


def test_each_step_is_fitted_to_what_the_steps_before_it_make() -> None:
    x = images(5)
    chain = Compose([Denoise(method="gaussian", strength=1), MinMax(), Resize(size=4), ZScore()])
    assert not chain.is_fitted
    fitted = chain.fit(x)
    smooth = Denoise(method="gaussian", strength=1)(x)
    minmax = MinMax().fit(smooth)
    small = Resize(size=4)(minmax(smooth))
    zscore = ZScore().fit(small)
    assert fitted == Compose([chain.steps[0], minmax, chain.steps[2], zscore])
    assert fitted.is_fitted
    assert not chain.is_fitted
    np.testing.assert_array_equal(fitted(x), zscore(small))


def test_numbers_that_are_there_stay() -> None:
    """So a pretrained model's means survive a fit of the chain; a second fit changes nothing."""
    given_ = ZScore(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    chain = Compose([MinMax(), given_])
    fitted = chain.fit(images(3))
    assert fitted.steps[1] is given_
    assert fitted.fit(images(3, seed=9)) == fitted
    assert ZScore(mean=np.array([0.5]), std=[0.25]) == ZScore(mean=(0.5,), std=(0.25,))


def test_chains_are_flat() -> None:
    a, b, c = Resize(size=4), MinMax(), ZScore()
    chain = Compose([a, Compose((b, Compose([c])))])
    assert chain.steps == (a, b, c)
    assert list(chain) == [a, b, c]
    assert len(chain) == 3
    assert str(chain) == "Compose((\n    Resize(size=(4, 4)),\n    MinMax(),\n    ZScore(),\n))"
    empty = Compose([])
    assert empty.is_fitted
    assert empty.unit_range
    np.testing.assert_array_equal(empty(images(2)), images(2))
