"""What an audit found: text for people, JSON for programs, a picture."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .collect import Facts
from .duplicates import Pairs
from .problems import find_problems
from .shortcuts import Shortcut

if TYPE_CHECKING:
    from ..dataset import ImageDataset

LISTED = 1000  # of each kind, in JSON; counts are of all


@dataclass(frozen=True)
class Copies:
    """Pairs of images of a data set, with what makes them a problem; arrays of M bool."""

    dataset: ImageDataset
    part_of: NDArray[np.str_] | None
    pairs: Pairs

    def __len__(self) -> int:
        return len(self.pairs.i)

    @property
    def across_parts(self) -> NDArray[np.bool_]:
        """Whether one is in a part and the other in another: a leak."""
        if self.part_of is None:
            return np.zeros(len(self), bool)
        a, b = self.part_of[self.pairs.i], self.part_of[self.pairs.j]
        across: NDArray[np.bool_] = (a != b) & (a != "") & (b != "")
        return across

    @property
    def labels_differ(self) -> NDArray[np.bool_]:
        """Whether the two have different labels."""
        labels = self.dataset.labels
        return np.not_equal(labels[self.pairs.i], labels[self.pairs.j])

    def to_json(self) -> dict[str, Any]:
        """Return the counts, and the first pairs."""
        across, differ = self.across_parts, self.labels_differ
        name, label, classes = self.dataset.name, self.dataset.labels, self.dataset.classes
        listed = []
        for k, (i, j, distance, r) in enumerate(zip(*self.pairs, strict=True)):
            if k == LISTED:
                break
            pair: dict[str, Any] = {
                "images": [int(i), int(j)],
                "names": [name(i), name(j)],
                "classes": [classes[label[i]], classes[label[j]]],
                "distance": int(distance),
                "correlation": round(float(r), 5),
            }
            if self.part_of is not None:
                pair["parts"] = [str(self.part_of[i]), str(self.part_of[j])]
            listed.append(pair)
        return {
            "pairs": len(self),
            "across_parts": int(across.sum()),
            "labels_differ": int(differ.sum()),
            "listed": listed,
        }


@dataclass(frozen=True, repr=False)
class AuditReport:
    """What `dataset.audit()` returns.

    Attributes
    ----------
    dataset : ImageDataset
    part_of : (N,) array of str, or None       the part of each image, "" for those in none
    facts : Facts           numbers and a thumbnail of each image that can be read
    exact : Copies          each image that came before, with the first of its kind
    near : Copies           other pairs that look alike, but not those within one group and part
    n_near_within_groups : int      those
    n_not_compared : int            images with too few details to look for near duplicates
    is_complete : bool      False: the list of near duplicates ends at its greatest length
    shortcuts : list of Shortcut    how well single numbers tell the label
    """

    dataset: ImageDataset
    part_of: NDArray[np.str_] | None
    facts: Facts
    exact: Copies
    near: Copies
    n_near_within_groups: int
    n_not_compared: int
    is_complete: bool
    shortcuts: list[Shortcut]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts; "train", "val" and "test" come first."""
        if self.part_of is None:
            return ()
        found = [part for part in dict.fromkeys(self.part_of.tolist()) if part]
        usual = [part for part in ("train", "val", "test") if part in found]
        return (*usual, *(part for part in found if part not in usual))

    @property
    def class_counts(self) -> dict[str, list[int]]:
        """Images of each class: of all, then of each part."""
        k, labels = len(self.dataset.classes), self.dataset.labels
        counts = {"all": np.bincount(labels, minlength=k).tolist()}
        for part in self.parts:
            assert self.part_of is not None
            counts[part] = np.bincount(labels[self.part_of == part], minlength=k).tolist()
        return counts

    @property
    def divided_groups(self) -> dict[str, list[str]]:
        """Groups with images in more than one part, and these parts."""
        groups = self.dataset.groups
        if groups is None or self.part_of is None:
            return {}
        inside = self.part_of != ""
        found: dict[str, list[str]] = {}
        for group, part in sorted(set(zip(groups[inside].tolist(), self.part_of[inside].tolist(),
                                          strict=True))):  # fmt: skip
            found.setdefault(group, []).append(part)
        return {group: parts for group, parts in found.items() if len(parts) > 1}

    @cached_property
    def problems(self) -> list[str]:
        """One line for each kind of flaw, the gravest first; empty if there is none."""
        return find_problems(self)

    @property
    def sizes(self) -> dict[str, int]:
        """Images of each size, such as "512x512x1" (height, width, channels), most first."""
        shapes, counts = np.unique(self.facts.shape, axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {"x".join(map(str, shapes[k])): int(counts[k]) for k in order}

    def to_json(self) -> dict[str, Any]:
        """Return all of it but the pixels, ready for `json.dump`."""
        facts, name = self.facts, self.dataset.name
        seen = len(facts.place) > 0
        return {
            "images": len(self.dataset),
            "classes": list(self.dataset.classes),
            "class_counts": self.class_counts,
            "groups": None if self.dataset.groups is None else len(set(self.dataset.groups)),
            "sizes": dict(list(self.sizes.items())[:LISTED]),
            "intensity": {
                "min": float(facts.low.min()) if seen else None,
                "max": float(facts.high.max()) if seen else None,
                "mean": float(facts.mean.mean()) if seen else None,
            },
            "constant_images": [name(i) for i in facts.place[facts.constant]],
            "unreadable": [{"image": name(i), "reason": why} for i, why in facts.unreadable],
            "divided_groups": self.divided_groups,
            "exact_duplicates": self.exact.to_json(),
            "near_duplicates": self.near.to_json(),
            "near_duplicates_within_groups": self.n_near_within_groups,
            "not_compared": self.n_not_compared,
            "near_duplicates_complete": self.is_complete,
            "shortcuts": [shortcut._asdict() for shortcut in self.shortcuts],
            "problems": self.problems,
        }

    def __str__(self) -> str:
        from .text import as_text

        return as_text(self)

    def __repr__(self) -> str:
        return f"AuditReport({len(self.dataset)} images, {len(self.problems)} problems)"

    def figure(self, path: str | os.PathLike[str]) -> None:
        """Write a PNG: class counts, sizes or intensities, and pairs of duplicates side by side.

        Parameters
        ----------
        path : PNG file to write
        """
        from .figure import draw

        draw(self, path)
