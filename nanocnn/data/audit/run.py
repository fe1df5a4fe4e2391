"""The audit from end to end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .collect import Facts, collect
from .duplicates import exact_copies, has_details, near_copies
from .report import AuditReport, Copies
from .shortcuts import find_shortcuts

if TYPE_CHECKING:
    from ..dataset import ImageDataset


def audit(
    dataset: ImageDataset, parts: Mapping[str, ArrayLike] | None = None, *, verbose: bool = True
) -> AuditReport:
    """Read every image once, and look for what would make a result better than it is.

    Parameters
    ----------
    dataset : ImageDataset
    parts : dict of name to indices, or None
        Such as ``{"train": train, "test": test}`` of `stratified_split`; None: ``dataset.split``.
    verbose : bool      show the progress

    Returns
    -------
    report : AuditReport
        ``print(report)``, ``report.problems``, ``report.to_json()``, ``report.figure(path)``.

    Raises
    ------
    DataError
        If there are no images, or `parts` do not fit. An image that cannot be read is no error: it
        is counted and listed.
    """
    from tqdm import tqdm

    n = len(dataset)
    if not n:
        raise DataError("the data set is empty; at least one image is needed")
    part_of = dataset.split if parts is None else _column(parts, n)
    with tqdm(total=n, desc="reading images", disable=not verbose) as bar:
        facts = collect(dataset, bar)
    labels = dataset.labels[facts.place]
    groups = None if dataset.groups is None else dataset.groups[facts.place]
    within = None if part_of is None else part_of[facts.place]

    def expected(i: NDArray[Any], j: NDArray[Any]) -> NDArray[np.bool_]:
        """Say which pairs are of one patient or volume, and lie in one part."""
        if groups is None:
            return np.zeros(len(i), bool)
        same: NDArray[np.bool_] = groups[i] == groups[j]
        return same if within is None else same & (within[i] == within[j])

    varied = np.flatnonzero(~facts.constant)  # a black slice is no copy of another one
    exact = exact_copies([facts.digests[k] for k in varied])
    once = np.delete(varied, exact.j)
    compared = once[has_details(facts.thumbnails[once])]
    exact = exact._replace(i=varied[exact.i], j=varied[exact.j])
    with tqdm(total=len(compared), desc="comparing images", disable=not verbose) as bar:
        near, n_expected, complete = near_copies(
            facts.thumbnails[compared],
            lambda i, j: expected(compared[i], compared[j]),
            bar.update,
        )
    near = near._replace(i=facts.place[compared[near.i]], j=facts.place[compared[near.j]])
    exact = exact._replace(i=facts.place[exact.i], j=facts.place[exact.j])
    shortcuts = [] if dataset.has_masks else find_shortcuts(_features(facts), labels, groups)
    return AuditReport(
        dataset=dataset,
        part_of=part_of,
        facts=facts,
        exact=Copies(dataset, part_of, exact),
        near=Copies(dataset, part_of, near),
        n_near_within_groups=n_expected,
        n_not_compared=len(once) - len(compared),
        is_complete=complete,
        shortcuts=shortcuts,
    )


def _column(parts: Mapping[str, ArrayLike], n: int) -> NDArray[np.str_]:
    """Return the part of each image; "" for those in none."""
    column = np.full(n, "", f"<U{max(map(len, parts), default=1)}")
    for name, given in parts.items():
        indices = np.asarray(given)
        if indices.size == 0:
            continue
        if indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= n:
            raise DataError(f"part {name!r} needs indices from 0 to {n - 1}, got {given!r:.40}")
        taken = column[indices] != ""
        if taken.any() or np.unique(indices).size != indices.size:
            raise DataError(f"part {name!r} has images that are in a part already, or twice")
        column[indices] = name
    return column


def _features(facts: Facts) -> dict[str, NDArray[np.float64]]:
    """Return what an image's label should not follow from."""
    height, width, channels = facts.shape.T.astype(np.float64)
    return {"height": height, "width": width, "channels": channels, "mean intensity": facts.mean}
