"""One line for each kind of flaw, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .report import AuditReport, Copies

SHOWN = 3  # names in a line


def find_problems(report: AuditReport) -> list[str]:
    """Return the lines of an audit."""
    found = [*_leaks(report), *_contradictions(report), *_files(report), *_doubles(report)]
    return [*found, *_shortcuts(report)]


def _leaks(report: AuditReport) -> Iterator[str]:
    """Say what the parts have in common."""
    divided = report.divided_groups
    if divided:
        names = [f"{group} ({', '.join(parts)})" for group, parts in divided.items()]
        yield (
            f"{count(len(divided), 'group')} with images in more than one part, so a model is "
            f"tested on what it knows: {listed(names)}; split with groups="
        )
    for copies, kind in ((report.exact, "equal images"), (report.near, "near duplicates")):
        across = copies.across_parts
        if across.any():
            yield (
                f"{count(int(across.sum()), 'pair')} of {kind} in different parts: "
                f"{_pairs(copies, across)}"
            )


def _contradictions(report: AuditReport) -> Iterator[str]:
    if report.dataset.has_masks:
        return
    for copies, kind in ((report.exact, "equal images"), (report.near, "near duplicates")):
        differ = copies.labels_differ
        if differ.any():
            yield (
                f"{count(int(differ.sum()), 'pair')} of {kind} with different labels: "
                f"{_pairs(copies, differ)}"
            )


def _files(report: AuditReport) -> Iterator[str]:
    facts, dataset = report.facts, report.dataset
    if facts.unreadable:
        names = [dataset.name(i) for i, _ in facts.unreadable]
        first = facts.unreadable[0][1]
        yield f"{count(len(names), 'image')} cannot be read: {listed(names)}; the first: {first}"
    for part, counts in report.class_counts.items():
        missing = [name for name, n in zip(dataset.classes, counts, strict=True) if not n]
        if missing:
            where = "the data set" if part == "all" else f"part {part!r}"
            yield f"{where} has no image of {count(len(missing), 'class')}: {listed(missing)}"


def _doubles(report: AuditReport) -> Iterator[str]:
    """Say what is there twice within a part: no leak yet, but one as soon as it is split again."""
    divided = report.exact.part_of is not None
    within = ~report.exact.across_parts
    if within.any():
        where = " of the same part" if divided else ""
        yield (
            f"{count(int(within.sum()), 'image')} equal to another one{where}: "
            f"{_pairs(report.exact, within)}"
        )
    within = ~report.near.across_parts
    if within.any():
        hint = "" if report.dataset.groups is not None else "; of one patient? then give groups"
        yield (
            f"{count(int(within.sum()), 'pair')} of near duplicates"
            f"{' in one part' if divided else ''}: "
            f"{_pairs(report.near, within)}{hint}"
        )
    constant = report.facts.place[report.facts.constant]
    if constant.size:
        names = [report.dataset.name(i) for i in constant]
        yield f"{count(len(names), 'image')} of one colour: {listed(names)}"


def _shortcuts(report: AuditReport) -> Iterator[str]:
    for shortcut in report.shortcuts:
        if shortcut.is_alarming:
            yield (
                f"the {shortcut.feature} alone tells the class of held-out images with a balanced "
                f"accuracy of {shortcut.balanced_accuracy:.2f}, guessing {shortcut.chance:.2f} "
                f"(p <= {max(shortcut.p, 1e-9):.0e})"
            )


def _pairs(copies: Copies, chosen: NDArray[np.bool_]) -> str:
    dataset, part_of = copies.dataset, copies.part_of

    def name(i: Any) -> str:
        told = [] if part_of is None or not part_of[i] else [str(part_of[i])]
        told += [] if dataset.has_masks else [class_name(dataset.classes[dataset.labels[i]])]
        return f"{dataset.name(i)} ({', '.join(told)})" if told else dataset.name(i)

    places = np.flatnonzero(chosen)
    names = [f"{name(copies.pairs.i[k])} and {name(copies.pairs.j[k])}" for k in places[:SHOWN]]
    return "; ".join(names) + ("; ..." if len(places) > SHOWN else "")


def class_name(name: str) -> str:
    """Return "class 1" for "1"; other names can stand alone."""
    return f"class {name}" if name.isdigit() else name


def count(n: int, what: str) -> str:
    """Return "1 image", "2 images"."""
    plural = what + "es" if what.endswith("s") else what + "s"
    return f"{n} {what if n == 1 else plural}"


def listed(names: Sequence[str]) -> str:
    """Return the first names."""
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
