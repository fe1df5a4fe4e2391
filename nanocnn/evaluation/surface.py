r"""How far do the borders of two masks lie apart? The Hausdorff distance, 95 % of it.

A pixel of a mask belongs to its border :math:`\partial` if one of its neighbours along an axis (4
in an image, 6 in a volume) lies outside the mask; what lies outside the image is outside the mask.
From each border pixel of one mask to the nearest one of the other:

.. math::
    d_{TP} = \left\{ \min_{p \in \partial P} \lVert t - p \rVert : t \in \partial T \right\}, \qquad
    \mathrm{HD}_{95} = \max\left( Q_{95}(d_{TP}),\; Q_{95}(d_{PT}) \right)

with :math:`Q_{95}` the 95th percentile (linear between the two nearest ranks). With 100 instead of
95 this is the distance of Hausdorff (Huttenlocher, Klanderman and Rucklidge, IEEE Trans. Pattern
Anal. 15, 850-863, 1993), which one stray pixel decides; 95 leaves the farthest 5 % out.

Two definitions are in use. The larger of the two percentiles, as here, is that of MONAI
(``compute_hausdorff_distance``) and of DeepMind's ``surface-distance`` (which weights borders by
their area). MedPy's ``hd95``, which the first nnU-Net reports, takes one percentile of both sets
put together: about the same where the sets are alike, smaller where one mask has an outlier and
the other a long border. Say which one was used when numbers are compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .overlap import mask_pair

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def hausdorff95(
    target: ArrayLike,
    predicted: ArrayLike,
    spacing: ArrayLike | None = None,
    *,
    positive: int | None = None,
) -> float:
    """Return the 95 % Hausdorff distance between the borders of two masks.

    Parameters
    ----------
    target : (H, W) or (D, H, W) integers or booleans
    predicted : the same, or scores of shape (..., K)
    spacing : a number for each axis, or None
        The distance from a pixel to the next along the axis, in millimetres say. None: 1, so the
        result is in pixels.
    positive : int or None      the class; None: class 1, if there are two

    Returns
    -------
    distance : float
        NaN if both masks are empty: there was nothing to find. Infinity if one is: no pixel is
        near. (Leaving such cases out would flatter a model that misses things;
        `segmentation_report` says how it counts them.)

    Raises
    ------
    ValueError
        For masks that `dice` refuses, other than 2 or 3 axes, or a wrong spacing.

    Examples
    --------
    >>> square = np.zeros((20, 20), bool)
    >>> square[5:12, 5:12] = True
    >>> hausdorff95(square, np.roll(square, 3, axis=1))
    3.0
    """
    t, p, n_classes = mask_pair(target, predicted)
    if t.ndim not in (2, 3):
        raise ValueError(f"masks of shape {t.shape} given; needed is (H, W) or (D, H, W)")
    steps = np.ones(t.ndim) if spacing is None else np.asarray(spacing, np.float64)
    if steps.shape != (t.ndim,) or not (np.isfinite(steps) & (steps > 0)).all():
        raise ValueError(f"spacing={steps.tolist()} given; needed are {t.ndim} positive numbers")
    if positive is None and n_classes > 2:
        raise ValueError(f"{n_classes} classes given; say which one, such as positive=2")
    chosen = 1 if positive is None else positive
    return _hausdorff95(t == chosen, p == chosen, steps)


def border(mask: Bools) -> Bools:
    """Return the pixels of a mask that have a neighbour outside, along any axis."""
    inside = np.pad(mask, 1)
    middle = tuple(slice(1, -1) for _ in range(mask.ndim))
    kept = mask.copy()
    for axis in range(mask.ndim):
        for shift in (1, -1):
            kept &= np.roll(inside, shift, axis)[middle]
    edge: Bools = mask & ~kept
    return edge


def squared_distance(points: Bools, spacing: Floats) -> Floats:
    r"""Return each pixel's squared distance to the nearest of the points; there must be one.

    One axis after another (Felzenszwalb and Huttenlocher, Theory of Computing 8, 415-428, 2012):

    .. math:: d_0 = 0 \text{ on the points}, \infty \text{ elsewhere}; \qquad
              d_{a}(x) = \min_k \; d_{a-1}(x + k e_a) + (k s_a)^2

    The minimum is found by shifting the whole array, farther and farther, until the shift alone
    is more than the largest distance there is.
    """
    d = np.where(points, 0.0, np.inf)
    for axis in range(d.ndim):
        before = np.moveaxis(d.copy(), axis, 0)
        after = np.moveaxis(d, axis, 0)
        for k in range(1, len(before)):
            step = (k * spacing[axis]) ** 2
            if step >= after.max():
                break
            np.minimum(after[k:], before[:-k] + step, out=after[k:])
            np.minimum(after[:-k], before[k:] + step, out=after[:-k])
    return d


def _hausdorff95(target: Bools, predicted: Bools, spacing: Floats) -> float:
    if not target.any() or not predicted.any():
        return float("inf") if target.any() or predicted.any() else float("nan")
    window = _bounding_box(target | predicted)
    t, p = border(target[window]), border(predicted[window])
    directed = (squared_distance(p, spacing)[t], squared_distance(t, spacing)[p])
    return float(max(np.percentile(np.sqrt(d), 95) for d in directed))


def _bounding_box(mask: Bools) -> tuple[slice, ...]:
    """Return the window that holds the mask: far from it there is nothing to measure."""
    window = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        at = np.flatnonzero(mask.any(axis=others))
        window.append(slice(int(at[0]), int(at[-1]) + 1))
    return tuple(window)
