"""An audit as text."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from .problems import count

if TYPE_CHECKING:
    from .report import AuditReport

_WIDTH, _ROWS = 100, 8


def as_text(report: AuditReport) -> str:
    """Return what `print(report)` shows."""
    dataset, facts = report.dataset, report.facts
    about = [count(len(dataset), "image"), count(len(dataset.classes), "class")]
    if dataset.groups is not None:
        about.append(count(len(set(dataset.groups.tolist())), "group"))
    lines = [f"Audit of {', '.join(about)}", "", *_classes(report), ""]
    sizes = [f"{size} ({n})" for size, n in report.sizes.items()]
    more = f" and {len(sizes) - _ROWS} more" if len(sizes) > _ROWS else ""
    lines.append(f"sizes (height x width x channels): {', '.join(sizes[:_ROWS])}{more}")
    if len(facts.place):
        lines.append(
            f"intensities: {facts.low.min():.3f} to {facts.high.max():.3f}, mean "
            f"{facts.mean.mean():.3f}; {int(facts.constant.sum())} of one colour, "
            f"{len(facts.unreadable)} unreadable"
        )
    if dataset.has_masks and len(facts.place):
        lines.append(
            f"masks: {facts.foreground.mean():.1%} of the pixels are above 0; "
            f"{int((facts.foreground == 0).sum())} masks are empty"
        )
    for copies, name in ((report.exact, "equal pixels"), (report.near, "near duplicates")):
        at_least = "" if copies is report.exact or report.is_complete else "at least "
        text = f"{name}: {at_least}{count(len(copies), 'pair')}"
        if report.parts:
            text += f", {int(copies.across_parts.sum())} across parts"
        if copies is report.near and dataset.groups is not None:
            text += f" (besides {report.n_near_within_groups} within one group, as slices are)"
        if copies is report.near and report.n_not_compared:
            text += f"; {count(report.n_not_compared, 'image')} with few details not compared"
        lines.append(text)
    for shortcut in report.shortcuts:
        lines.append(
            f"class from {shortcut.feature} alone: balanced accuracy "
            f"{shortcut.balanced_accuracy:.3f}, guessing {shortcut.chance:.3f}, "
            f"p <= {shortcut.p:.1g}"
        )
    return "\n".join([*lines, "", *_problems(report)])


def _problems(report: AuditReport) -> list[str]:
    if not report.problems:
        return ["No problems found."]
    lines = [f"{count(len(report.problems), 'problem')}, the gravest first:"]
    for k, problem in enumerate(report.problems, start=1):
        lines += wrap(problem, _WIDTH, initial_indent=f"{k:2}. ", subsequent_indent="    ",
                      break_long_words=False, break_on_hyphens=False)  # fmt: skip
    return lines


def _classes(report: AuditReport) -> list[str]:
    """Return the table of class counts."""
    columns = report.class_counts
    names = [name if len(name) <= 24 else name[:23] + "…" for name in report.dataset.classes]
    width = max(len("class"), *map(len, names))
    lines = [f"{'class':{width}}" + "".join(f"{part:>10.9}" for part in columns)]
    for k, name in enumerate(names):
        lines.append(f"{name:{width}}" + "".join(f"{n[k]:10}" for n in columns.values()))
    return lines
