r"""Can the label be told from one number of an image alone, such as its height or mean intensity?

A network that learns from such data may learn which machine a picture comes from. Each number is
tried by hold-out: it is cut into bins on four folds (one for each value if there are few, else 16
of equal counts), a bin says the class of which the largest share fell into it, and this is tested
on the fifth fold. Folds are stratified, and patients (groups) are not divided between them.

The result is the balanced accuracy, the mean over the classes of the share that is right: guessing
gives 1/K, however unequal the classes are. Chance should not alarm. With
:math:`D_g = \sum_{i \in g} w_i ([\hat y_i = y_i] - 1/K)` of group g, a single image where there are
no groups, and w the weights that make all classes count the same, the self-normalised sum
:math:`z = \sum D_g / (\sum D_g^2)^{1/2}` is above t with a chance of at most
:math:`e^{-t^2/2}` if D is symmetric about 0 (B. Efron, Student's t-test under symmetry conditions,
J. Amer. Statist. Assoc. 64, 1278-1302, 1969). This bound, times the count of numbers
that were tried, is what `p` says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..split import kfold

FOLDS = 5
SIGNIFICANT = 0.001  # p
WORTH_TELLING = 0.1  # of the way from guessing to always right
_MAX_VALUES, _BINS = 64, 16


class Shortcut(NamedTuple):
    """How well one number tells the label."""

    feature: str
    balanced_accuracy: float  # on held-out images
    chance: float  # 1/K
    p: float  # at most: that a number which tells nothing does as well

    @property
    def is_alarming(self) -> bool:
        """Whether it is neither chance nor too little to matter."""
        gain = self.balanced_accuracy - self.chance
        return self.p < SIGNIFICANT and gain >= WORTH_TELLING * (1 - self.chance)


def find_shortcuts(
    features: Mapping[str, NDArray[np.float64]],
    labels: NDArray[np.int64],
    groups: NDArray[np.str_] | None,
) -> list[Shortcut]:
    """Try each feature that is not constant; the best comes first.

    Parameters
    ----------
    features : dict of (N,) arrays
    labels : (N,) int64 array
    groups : (N,) array of str, or None
    """
    features = {name: values for name, values in features.items() if len(set(values)) > 1}
    y = np.unique(labels, return_inverse=True)[1]
    owner = np.arange(y.size) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_classes = int(y.max(initial=-1)) + 1
    if n_classes < 2 or not features:
        return []
    fewest = min(np.unique(owner[y == c]).size for c in range(n_classes))
    try:
        folds = kfold(y, min(FOLDS, fewest), 0, groups=owner)
    except DataError:  # a class in the images of one patient only: it cannot be held out
        return []
    weight = y.size / (n_classes * np.bincount(y))[y]
    found = []
    for name, values in features.items():
        right = np.zeros(y.size)
        for train, test in folds:
            guess = _most_likely(values[train], y[train], values[test], n_classes)
            right[test] = guess == y[test]
        gain = np.bincount(owner, weights=weight * (right - 1 / n_classes))
        z = gain.sum() / math.sqrt(max(float((gain**2).sum()), 1e-300))
        p = min(1.0, len(features) * math.exp(-(z**2) / 2)) if z > 0 else 1.0
        accuracy = float(np.mean(weight * right))
        found.append(Shortcut(name, accuracy, 1 / n_classes, p))
    return sorted(found, key=lambda shortcut: -shortcut.balanced_accuracy)


def _most_likely(
    values: NDArray[np.float64], y: NDArray[np.int64], asked: NDArray[np.float64], n_classes: int
) -> NDArray[np.int64]:
    """Return the class of each asked value by the bins of the others."""
    edges = np.unique(values)
    if edges.size > _MAX_VALUES:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
    counts = np.zeros((edges.size + 1, n_classes))
    np.add.at(counts, (np.searchsorted(edges, values, side="right"), y), 1)
    share = counts / np.maximum(counts.sum(axis=0), 1)
    guess: NDArray[np.int64] = share.argmax(axis=1)[np.searchsorted(edges, asked, side="right")]
    return guess
