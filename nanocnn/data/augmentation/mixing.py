r"""Mixup: a sample is mixed with another one, and so are their targets (Zhang et al. 2018).

.. math:: \tilde x = \lambda x_i + (1 - \lambda) x_p, \quad
          \tilde t = \lambda t_i + (1 - \lambda) t_p, \quad
          \lambda \sim \mathrm{Beta}(\alpha, \alpha)

The paper defines :math:`\lambda` for each pair, and so it is here; the authors' program draws one
for each batch. As in that program, the partners are the same batch in another order: samples are
sorted by a hash of each, and the partner of each is the next one. So the pairs follow from which
samples are in the batch, not from their places in it.

The beta distribution from two uniform numbers :math:`U, V`, without rejection: Bailey's
:math:`T = \sqrt{2\alpha (U^{-1/\alpha} - 1)} \cos 2\pi V` has Student's t distribution with
:math:`2\alpha` degrees of freedom, and then :math:`(1 + T / \sqrt{2\alpha + T^2}) / 2` is what is
wanted. With :math:`w = U^{1/\alpha}` and :math:`c = \cos 2\pi V` the quotient's square is
:math:`(1 - w) c^2 / (w + (1 - w) c^2)`, which neither overflows nor cancels for a small
:math:`\alpha`.

References
----------
H. Zhang, M. Cisse, Y. Dauphin and D. Lopez-Paz (2018), mixup: beyond empirical risk minimization,
ICLR.
R. Bailey (1994), Polar generation of random variates with the t-distribution, Mathematics of
Computation 62.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .checks import check_images, check_number
from .draws import Draws, draw, slot


def mixup(
    images: NDArray[np.float32],
    targets: NDArray[Any],
    *,
    alpha: float,
    seed: int,
    epoch: int,
    indices: ArrayLike,
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Mix each sample of a batch with another one.

    Parameters
    ----------
    images : (N, H, W, C) float32 array in [0, 1]
    targets : (N, K) float array        one-hot or soft rows; labels cannot be mixed
    alpha : float
        0.1 to 0.4 in the paper. The smaller it is, the more samples stay nearly as they are.
    seed, epoch : int
    indices : (N,) integers
        The samples' places in the data set. Strength and order of a sample follow from seed, epoch
        and its index.

    Returns
    -------
    mixed : (N, H, W, C) float32 array
    targets : (N, K) array of the targets' dtype

    Raises
    ------
    DataError
        For other shapes or types, or if alpha is not positive.

    Examples
    --------
    >>> x, t = np.zeros((2, 8, 8, 1), np.float32), np.eye(2)
    >>> x, t = mixup(x, t, alpha=0.2, seed=0, epoch=0, indices=[4, 7])
    >>> bool((t.sum(axis=1) == 1).all())
    True
    """
    check_images(images)
    check_number("mixup: alpha", alpha, 0, math.inf, "0.2, or leave mixup out", above=True)
    t = np.asarray(targets)
    if t.ndim != 2 or t.dtype.kind != "f" or len(t) != len(images):
        raise DataError(
            f"mixup: targets have shape {t.shape} and type {t.dtype}, images {images.shape}; "
            f"needed are one-hot or soft rows, ({len(images)}, K) floats: np.eye(K)[labels]"
        )
    draws = draw(seed, epoch, indices)
    if (n := len(draws.keys)) != len(images):
        raise DataError(f"mixup: {n} indices for {len(images)} images; give one for each")
    partners = _partners(draws)
    taken = 1 - np.array(beta(draws, float(alpha)))
    mixed = np.empty(images.shape, np.float32)
    for n, partner in enumerate(partners):  # one by one: what is worked on stays in the cache
        np.subtract(images[partner], images[n], out=mixed[n])
        mixed[n] *= np.float32(taken[n])
        mixed[n] += images[n]
    return mixed, t + taken.astype(t.dtype)[:, None] * (t[partners] - t)


def soft_rows(targets: NDArray[Any], n_classes: int) -> NDArray[np.float32]:
    """Return (N, K) rows: of labels, (N,) or (N, 1), one-hot ones; rows stay what they are."""
    if targets.ndim == 2 and targets.shape[1] > 1:
        return targets.astype(np.float32, copy=False)
    rows: NDArray[np.float32] = np.eye(n_classes, dtype=np.float32)[targets.reshape(-1)]
    return rows


def _partners(draws: Draws) -> NDArray[np.intp]:
    """Return each sample's partner: the next one in the order of their hashes, in a circle."""
    order = np.argsort(slot(draws.keys, "mixup partner"), kind="stable")
    partners = np.empty_like(order)
    partners[order] = np.roll(order, -1)
    return partners


def beta(draws: Draws, alpha: float) -> list[float]:
    """Return a number of Beta(alpha, alpha) for each sample; from `math`, for the same bits."""
    found = []
    radii, angles = draws.numbers["mixup radius"], draws.numbers["mixup angle"]
    for u, v in zip(radii.tolist(), angles.tolist(), strict=True):
        w, c = u ** (1 / alpha), math.cos(2 * math.pi * v)
        square = (1 - w) * c * c / (w + (1 - w) * c * c)
        found.append((1 + math.copysign(math.sqrt(square), c)) / 2)
    return found
