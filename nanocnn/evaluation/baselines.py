"""What can be had without a network: a linear model, a histogram, one number per image.

A network's accuracy says something only beside these. All of them are plain NumPy. The linear
model stands in `nanocnn.evaluation.logistic`; it takes pixels and histograms alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .logistic import LogisticResult, fit_logistic, logistic_regression_accuracy

__all__ = [
    "LogisticResult",
    "best_threshold",
    "blob_maximum",
    "fit_logistic",
    "histogram_features",
    "logistic_regression_accuracy",
    "single_feature_accuracy",
    "single_features",
]

Array = NDArray[np.float64]
BLOB_SIGMAS = (1.5, 2.5, 4.0, 6.0)


def histogram_features(images: NDArray[Any], bins: int = 64) -> Array:
    """Return how much of each image falls in each of `bins` equal bins of [0, 1].

    Parameters
    ----------
    images : (N, ...) array in [0, 1]
    bins : int

    Returns
    -------
    features : (N, bins) float64 array        each row adds up to 1
    """
    flat = _flat(images)
    index = np.clip((flat * bins).astype(np.int64), 0, bins - 1)
    index += bins * np.arange(len(flat))[:, None]
    counts = np.bincount(index.ravel(), minlength=bins * len(flat))
    shares: Array = counts.reshape(len(flat), bins) / flat.shape[1]
    return shares


def blob_maximum(images: NDArray[Any], sigmas: Sequence[float] = BLOB_SIGMAS) -> Array:
    """Return the strongest response of a bright-blob filter over all places and scales.

    The filter is a difference of Gaussians of deviation s and 1.6 s pixels, which is close to the
    scale-normalised Laplacian of a Gaussian; it answers most to a disc of radius about 1.8 s.

    Parameters
    ----------
    images : (N, H, W) or (N, H, W, C) array        channels are averaged

    Returns
    -------
    strongest : (N,) float64 array
    """
    images = np.asarray(images)
    if images.ndim == 4:
        images = images.mean(axis=3)
    if images.ndim != 3:
        raise ValueError(f"images has shape {images.shape}; give (N, H, W) or (N, H, W, C)")
    if not np.issubdtype(images.dtype, np.floating):
        images = images.astype(np.float32)
    best: Array = np.full(len(images), -np.inf)
    for sigma in sigmas:
        narrow, wide = (_blur(images, s) for s in (sigma, 1.6 * sigma))
        best = np.maximum(best, (narrow - wide).max(axis=(1, 2)))
    return best


def _blur(images: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Blur (N, H, W) images by a Gaussian that is cut and renormalised at the border."""

    def matrix(size: int) -> NDArray[Any]:
        offset = np.arange(size)[:, None] - np.arange(size)[None, :]
        weights: Array = np.exp(-0.5 * (offset / sigma) ** 2)
        weights /= weights.sum(axis=1, keepdims=True)
        return weights.astype(images.dtype)

    blurred: NDArray[Any] = matrix(images.shape[1]) @ images @ matrix(images.shape[2]).T
    return blurred


def single_features(images: NDArray[Any]) -> dict[str, Array]:
    """Return one number per image, four ways: maximum, 99th percentile, mean, blob maximum.

    Parameters
    ----------
    images : (N, H, W) or (N, H, W, C) array

    Returns
    -------
    features : dict of (N,) float64 arrays
    """
    flat = _flat(images)
    return {
        "maximum": flat.max(axis=1).astype(np.float64),
        "99th percentile": np.percentile(flat, 99.0, axis=1).astype(np.float64),
        "mean": flat.mean(axis=1, dtype=np.float64),
        "blob maximum": blob_maximum(images),
    }


def single_feature_accuracy(
    train_x: NDArray[Any], train_y: NDArray[Any], test_x: NDArray[Any], test_y: NDArray[Any]
) -> dict[str, float]:
    """Return the test accuracy of each of `single_features`, cut where training says.

    Parameters
    ----------
    train_x, test_x : (N, H, W) or (N, H, W, C) array
    train_y, test_y : (N,) array of 0 and 1

    Returns
    -------
    accuracies : dict of float        by the feature's name
    """
    train, test = single_features(train_x), single_features(test_x)
    result = {}
    for name in train:
        threshold, above = best_threshold(train[name], np.asarray(train_y))
        predicted = (test[name] > threshold) == above
        result[name] = float(np.mean(predicted == (np.asarray(test_y) == 1)))
    return result


def best_threshold(feature: NDArray[Any], y: NDArray[Any]) -> tuple[float, bool]:
    """Return the cut, and whether 1 lies above it, that classify most of (feature, y) rightly."""
    values, where = np.unique(feature, return_inverse=True)
    ones = np.bincount(where, weights=y == 1)
    zeros = np.bincount(where, weights=y != 1)
    # Entry k: the lowest k values lie below the cut.
    right_above = np.r_[0, np.cumsum(zeros)] + np.r_[np.cumsum(ones[::-1])[::-1], 0]
    score = np.maximum(right_above, len(y) - right_above)
    k = int(np.argmax(score))
    edges = np.r_[-np.inf, 0.5 * (values[:-1] + values[1:]), np.inf]
    return float(edges[k]), bool(right_above[k] * 2 >= len(y))


def _flat(images: NDArray[Any]) -> NDArray[Any]:
    images = np.asarray(images)
    return images.reshape(len(images), -1)
