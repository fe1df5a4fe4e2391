"""Which images to leave out after an audit, and which patients may be one person."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import nanocnn as nc


class Cleaned(NamedTuple):
    """What is left, what went and why, and who must stay together."""

    dataset: nc.data.ImageDataset
    removed: dict[str, str]  # reasons by the image's name
    patients: NDArray[Any] | None  # of each image that is left; joined where they share an image


def clean(dataset: nc.data.ImageDataset, report: Any) -> Cleaned:
    """Remove broken files and copies; raise DataError if nothing is left.

    - A file that cannot be read goes. (Ask for it again: its patient may be a rare case.)
    - Of equal images one stays; if their labels contradict each other, nobody knows which is
      right, and both go.
    - Of images that are nearly equal under different patients, so many go that no such pair is
      left. The patients may be one person with two ids, so they stay in one part.
    """
    labels, name = dataset.labels, dataset.name
    why = {i: "cannot be read" for i, _ in report.facts.unreadable}
    for i, j in pairs_of(report.exact):
        why[j] = f"equal to {name(i)}"
        if labels[i] != labels[j]:
            why[i] = f"equal to {name(j)}, with another label"
    pairs = [(i, j) for i, j in pairs_of(report.near) if i not in why and j not in why]
    patients = None if dataset.groups is None else dataset.groups.copy()
    if patients is not None:
        for i, j in (*pairs_of(report.exact), *pairs):
            patients[patients == patients[j]] = patients[i]
    while pairs:
        counts = Counter(image for pair in pairs for image in pair)
        worst = max(counts, key=lambda image: (counts[image], image))
        other = next(i + j - worst for i, j in pairs if worst in (i, j))
        why[worst] = f"nearly equal to {name(other)}"
        pairs = [pair for pair in pairs if worst not in pair]
    kept = np.setdiff1d(np.arange(len(dataset)), [*why])
    if not len(kept):
        raise nc.data.DataError(
            f"none of {len(dataset)} images is left: they cannot be read, or contradict each "
            "other; see the audit"
        )
    return Cleaned(
        dataset.subset(kept),
        {name(i): reason for i, reason in sorted(why.items())},
        None if patients is None else patients[kept],
    )


def pairs_of(copies: Any) -> list[tuple[int, int]]:
    """Return pairs of images of an audit as integers."""
    return list(zip(copies.pairs.i.tolist(), copies.pairs.j.tolist(), strict=True))
