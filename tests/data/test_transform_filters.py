"""Histogram equalization, CLAHE and denoising, beside SciPy, by definition, and by what they do."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from scipy import ndimage
from skimage import exposure

from nanocnn.data import DataError
from nanocnn.data.images import LUMA
from nanocnn.data.transforms import CLAHE, Denoise, EqualizeHistogram, Transform

from .policies import images, quick


def luminance(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) @ np.array(LUMA)


def test_equalized_values_are_shares() -> None:
    x = images(1, 40, 30, 1)[0] ** 3
    shares = (np.argsort(np.argsort(x.ravel())) + 1) / x.size
    y = EqualizeHistogram()(x).ravel()
    in_a_bin = np.histogram(x, 256)[0].max() / x.size
    assert np.abs(y - shares).max() < in_a_bin


def test_clahe_without_a_limit_and_with_one_tile_is_plain_equalization() -> None:
    x = images(1, 64, 48, 1)[0] ** 2
    shares = (np.argsort(np.argsort(x.ravel())) + 1) / x.size
    y = CLAHE(clip=1, tiles=1)(x).ravel()
    in_a_bin = np.histogram(x, 256)[0].max() / x.size
    assert np.abs(y - shares).max() < 1.5 * in_a_bin


def test_clahe_is_local() -> None:
    """Two halves, each a faint ramp on a ground of its own, both get the full contrast."""
    ramp = np.tile(np.linspace(0, 0.1, 64, dtype=np.float32), (64, 1)).T
    x = np.concatenate([ramp, ramp + 0.8], axis=1)[..., None]
    y, plain = CLAHE(clip=1, tiles=2)(x)[..., 0], EqualizeHistogram()(x)[..., 0]
    for k in (5, -5):
        assert np.ptp(y[:, k]) > 0.9
        assert np.ptp(plain[:, k]) < 0.6


def test_the_limit_keeps_noise_small() -> None:
    rng = np.random.default_rng(0)
    x = np.full((64, 64, 1), 0.4) + 0.01 * rng.standard_normal((64, 64, 1))
    x[:8, :8] = np.linspace(0, 1, 8)[:, None, None]  # some of each value
    clipped = np.clip(x, 0, 1).astype(np.float32)
    noise = [CLAHE(clip=clip, tiles=2)(clipped)[20:, 20:].std() for clip in (0.005, 0.02, 1)]
    assert noise[0] < noise[1] < noise[2]
    assert noise[0] < 0.03 < 0.2 < noise[2]


def test_clahe_has_tiles_by_number() -> None:
    x = images(1, 50, 33, 1)[0]
    other = exposure.equalize_adapthist(x[..., 0], kernel_size=(13, 9), clip_limit=0.03)
    np.testing.assert_array_equal(CLAHE(clip=0.03, tiles=4)(x)[..., 0], other)


@pytest.mark.parametrize("t", [EqualizeHistogram(), CLAHE(clip=0.02, tiles=2)], ids=repr)
def test_of_colours_the_luminance_is_changed(t: Transform) -> None:
    x = 0.4 + 0.02 * images(1, 24, 20)[0] + 0.03 * images(1, 24, 20, 1)[0]
    y = t(x)
    clear = ((y > 0) & (y < 1)).all(axis=2)
    assert clear.mean() > 0.85
    gain = (y - x)[clear]
    np.testing.assert_allclose(gain, gain[:, :1].repeat(3, axis=1), rtol=0, atol=1e-6)
    grey = t(luminance(x).astype(np.float32)[..., None])[..., 0]
    np.testing.assert_allclose(luminance(y)[clear], grey[clear], rtol=0, atol=1e-4)


@pytest.mark.parametrize("t", [EqualizeHistogram(), CLAHE(clip=0.02, tiles=2)], ids=repr)
def test_other_channels_are_changed_each_by_itself(t: Transform) -> None:
    x = images(1, 12, 10, 2)[0]
    for c in range(2):
        np.testing.assert_array_equal(t(x)[..., c], t(x[..., c : c + 1])[..., 0])


def test_white_is_within_the_range() -> None:
    """The luminance's weights sum to 1 only up to rounding."""
    x = np.ones((9, 9, 3), np.float32)
    x[:4] = images(1, 4, 9)[0]
    for t in (EqualizeHistogram(), CLAHE(tiles=2)):
        assert t(x).max() == 1


@pytest.mark.parametrize("sigma", [1, 2])
def test_gaussian_is_scipys(sigma: int) -> None:
    x = images(1, 20, 17, 2)[0]
    other = ndimage.gaussian_filter(
        x.astype(np.float64), (sigma, sigma, 0), mode="nearest", truncate=3
    )
    y = Denoise(method="gaussian", strength=sigma)(x)
    np.testing.assert_allclose(y, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("radius", [1, 2])
def test_median_is_numpys(radius: int) -> None:
    x = images(1, 12, 9, 2)[0]
    wide = np.pad(x, ((radius,) * 2, (radius,) * 2, (0, 0)), mode="edge")
    side = 2 * radius + 1
    windows = np.lib.stride_tricks.sliding_window_view(wide, (side, side), axis=(0, 1))
    y = Denoise(method="median", strength=radius)(x)
    np.testing.assert_array_equal(y, np.median(windows, axis=(3, 4)))


def objective(u: np.ndarray, x: np.ndarray, weight: float) -> float:
    """Return total variation plus the squared distance over twice the weight."""
    down, across = np.diff(u, axis=0, append=u[-1:]), np.diff(u, axis=1, append=u[:, -1:])
    return float(np.hypot(down, across).sum() + ((u - x) ** 2).sum() / (2 * weight))


def test_tv_minimizes_what_it_says() -> None:
    rng = np.random.default_rng(0)
    x = np.kron([[0.2, 0.8], [0.6, 0.3]], np.ones((16, 16))) + 0.1 * rng.standard_normal((32, 32))
    x = np.clip(x, 0, 1).astype(np.float32)
    weights = (0.02, 0.05, 0.1, 0.2)
    found = {w: Denoise(method="tv", strength=w)(x[..., None])[..., 0] for w in weights}
    for w in weights:
        here = objective(found[w], x, w)
        others = [objective(found[v], x, w) for v in weights if v != w]
        assert here < min(others)
        for u in (x, ndimage.gaussian_filter(x, 1), np.full_like(x, x.mean())):
            assert here < objective(u, x, w)
            for share in (-0.1, 0.1):  # a step to or from it; the method stops within one percent
                assert here < 1.01 * objective(found[w] + share * (u - found[w]), x, w)


def noisy(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return discs on a slope, without and with noise."""
    i, j = np.mgrid[:64, :64]
    clean = 0.2 + 0.2 * i / 64
    for row, column, radius, more in ((20, 20, 12, 0.4), (44, 40, 9, 0.3), (16, 48, 5, 0.2)):
        clean[(i - row) ** 2 + (j - column) ** 2 < radius**2] += more
    noise = sigma * np.random.default_rng(0).standard_normal(clean.shape)
    return clean[..., None], (clean + noise)[..., None].astype(np.float32)


@pytest.mark.parametrize(
    ("method", "strength"), [("gaussian", 0.7), ("median", 1), ("nlm", 0.05), ("tv", 0.05)]
)
def test_there_is_less_noise(method: str, strength: float) -> None:
    clean, x = noisy(0.05)
    before = np.sqrt(((x - clean) ** 2).mean())
    y = Denoise(method=method, strength=strength)(x)
    after = np.sqrt(((y - clean) ** 2).mean())
    assert after < 0.7 * before


def test_nlm_and_tv_keep_edges_that_a_gaussian_blurs() -> None:
    x = np.zeros((40, 40, 1), np.float32)
    x[:, 20:] = 0.8
    x = (x + 0.1 + 0.03 * np.random.default_rng(0).standard_normal(x.shape)).astype(np.float32)
    step = {
        method: float((y[:, 20] - y[:, 19]).mean())
        for method, strength in (("gaussian", 1.5), ("nlm", 0.03), ("tv", 0.05))
        for y in [Denoise(method=method, strength=strength)(x)]
    }
    assert step["gaussian"] < 0.4 < 0.7 < min(step["nlm"], step["tv"])


def test_nlm_compares_with_the_noise() -> None:
    """A difference well below the stated noise is averaged away, one well above it is kept."""
    tiles = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((4, 4)))
    for contrast, kept in ((0.01, False), (0.9, True)):
        x = (0.05 + contrast * tiles).astype(np.float32)[..., None]
        left = np.ptp(Denoise(method="nlm", strength=0.1)(x)[8:-8, 8:-8]) / contrast
        assert left > 0.9 if kept else left < 0.5


@quick
@given(st.sampled_from(["gaussian", "median", "nlm", "tv"]), st.integers(1, 9), st.integers(1, 9))
def test_strength_0_changes_no_bit_and_no_value_leaves_the_range(
    method: str, h: int, w: int
) -> None:
    x = images(2, h, w) - 0.5
    for strength in (0, 0.0 if method == "median" else 1e-310):
        np.testing.assert_array_equal(Denoise(method=method, strength=strength)(x), x)
    y = Denoise(method=method, strength=1)(x)
    for one, other in zip(y, x, strict=True):
        assert other.min() <= one.min() <= one.max() <= other.max()


@pytest.mark.parametrize("method", ["gaussian", "median", "tv"])
def test_stronger_is_smoother(method: str) -> None:
    _, x = noisy(0.05)
    steps = [
        np.abs(np.diff(Denoise(method=method, strength=s)(x), axis=0)).sum() for s in (0, 1, 2, 4)
    ]
    assert all(a > b for a, b in pairwise(steps))


@pytest.mark.parametrize(
    ("t", "module", "what"),
    [
        (EqualizeHistogram(), "exposure", "EqualizeHistogram need"),
        (CLAHE(), "exposure", "CLAHE need"),
        (Denoise(method="median", strength=1), "filters", "Denoise by 'median' need"),
        (Denoise(method="nlm", strength=0.1), "restoration", "Denoise by 'nlm' need"),
        (Denoise(method="tv", strength=0.1), "restoration", "Denoise by 'tv' need"),
    ],
)
def test_without_the_extra(
    t: Transform, module: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("skimage", f"skimage.{module}"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DataError) as raised:
        t(images(1))
    message = str(raised.value)
    assert message == f'{what} skimage, which is not installed: pip install "nanocnn[medical]"'


@pytest.mark.parametrize("method", ["median", "nlm", "tv"])
def test_a_gaussian_and_strength_0_need_no_extra(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any) -> None:
        raise AssertionError("an extra was asked for")

    monkeypatch.setattr("nanocnn.data.transforms.denoise.require", none)
    Denoise(method="gaussian", strength=1)(images(1))
    Denoise(method=method, strength=0)(images(1))
