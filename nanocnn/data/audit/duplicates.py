r"""Which images are in a data set twice? Equal pixel by pixel, or nearly so.

Equal images are found by a hash of their pixels. Two others are near duplicates if

- their perceptual hashes differ in at most 10 of 64 bits, and
- their 32 x 32 thumbnails correlate with 0.99 or more; and where all images look alike, such as
  photographs of the retina, so much that 1 - r is a tenth of what it is for half of the others.

The second test is needed since medical images of one kind do look alike: among the 17 million pairs
of PneumoniaMNIST 11,000 pass the first and none passes both. What was saved again with loss,
resized, or changed in brightness, contrast or gamma is found, and so is noise of 2 to 5 % of the
full range. Flipped, rotated and cropped copies are not.

Images with few details, such as a small bright spot on black, are alike by chance, and left out:
those where the deviations v of the thumbnail's pixels from their mean are as uneven as if all of it
lay in fewer than 50 of the 1024 pixels, :math:`(\sum v^2)^2 / \sum v^4 < 50`. (Chest X-rays, CT,
MRI and photographs of the retina have 140 to 700; half of the nodules of LIDC on black below 15.)

All N (N - 1)/2 pairs are compared, in blocks. With bits as signs s = +1, -1 the Hamming distance of
two hashes is a matrix product, :math:`d_{ij} = (64 - s_i \cdot s_j)/2`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .fingerprint import SIDE, perceptual_hash

MAX_DISTANCE = 10  # of 64 bits
MIN_CORRELATION = 0.99
MIN_DETAIL = 50  # pixels of 1024
MAX_PAIRS = 100_000  # the search ends there: nobody will look at more
_BLOCK = 512
_FEW = 16  # images, of which nothing is told about how alike others are

Ints = NDArray[np.int64]


class Pairs(NamedTuple):
    """Images i and j that are equal, or nearly so; four (M,) arrays, the most alike first."""

    i: Ints
    j: Ints
    distance: Ints  # of the hashes, in bits
    correlation: NDArray[np.float64]

    def where(self, chosen: NDArray[np.bool_]) -> Pairs:
        """Return some of the pairs."""
        return Pairs(
            self.i[chosen], self.j[chosen], self.distance[chosen], self.correlation[chosen]
        )


def exact_copies(digests: Sequence[bytes]) -> Pairs:
    """Return each image that came before, paired with the first of its kind."""
    first: dict[bytes, int] = {}
    found = [(first[d], k) for k, d in enumerate(digests) if first.setdefault(d, k) != k]
    i, j = np.array(found, np.int64).reshape(-1, 2).T
    return Pairs(i, j, np.zeros(len(i), np.int64), np.ones(len(i)))


def near_copies(
    thumbnails: NDArray[np.uint8],
    expected: Callable[[Ints, Ints], NDArray[np.bool_]],
    progress: Callable[[int], Any] = lambda rows: None,
) -> tuple[Pairs, int, bool]:
    """Compare all pairs.

    Parameters
    ----------
    thumbnails : (N, 32, 32) uint8 array        of images that all differ
    expected : function of (M,) i and j that says which pairs are no surprise: slices of one volume
    progress : called with the number of images that were compared with all others

    Returns
    -------
    pairs : Pairs       without the expected ones
    n_expected : int
    complete : bool     False: the search ended at `MAX_PAIRS`
    """
    signs = np.where(perceptual_hash(thumbnails), np.float32(1), np.float32(-1))
    unit = _unit_vectors(thumbnails)
    least = _least_correlation(unit)
    found: list[Pairs] = []
    n, n_expected, n_found = len(signs), 0, 0
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        distance = 0.5 * (signs.shape[1] - signs[start:stop] @ signs[start:].T)
        close = np.triu(distance <= MAX_DISTANCE, 1)
        rows, columns = np.flatnonzero(close.any(axis=1)), np.flatnonzero(close.any(axis=0))
        r = unit[start + rows] @ unit[start + columns].T
        a, b = np.nonzero(close[np.ix_(rows, columns)] & (r >= least))
        i, j = rows[a] + start, columns[b] + start
        surprise = ~expected(i, j)
        n_expected += int((~surprise).sum())
        bits = distance[rows[a], columns[b]].astype(np.int64)
        pairs = Pairs(i, j, bits, np.minimum(r[a, b].astype(np.float64), 1)).where(surprise)
        found.append(pairs)
        n_found += len(pairs.i)
        progress(stop - start)
        if n_found > MAX_PAIRS:
            break
    if not found:
        return exact_copies([]), 0, True
    columns_of = [np.concatenate(column)[:MAX_PAIRS] for column in zip(*found, strict=True)]
    order = np.lexsort((columns_of[2], -columns_of[3]))
    return Pairs(*(column[order] for column in columns_of)), n_expected, n_found <= MAX_PAIRS


def has_details(thumbnails: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which thumbnails can be compared; (N,) bool."""
    spread = (_unit_vectors(thumbnails) ** 4).sum(axis=1)
    detailed: NDArray[np.bool_] = (spread > 0) & (spread * MIN_DETAIL <= 1)
    return detailed


def _least_correlation(unit: NDArray[np.float32]) -> float:
    """Return what r must reach, by the median over pairs that lie half the data set apart."""
    if len(unit) < _FEW:
        return MIN_CORRELATION
    others = np.roll(unit, len(unit) // 2, axis=0)
    usual = float(np.median(np.einsum("ij,ij->i", unit, others)))
    return max(MIN_CORRELATION, 1 - (1 - usual) / 10)


def _unit_vectors(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (N, 1024) vectors of mean 0 and length 1, whose products are the correlations."""
    flat = thumbnails.reshape(len(thumbnails), SIDE * SIDE).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), np.float32(1e-9))
    return flat
