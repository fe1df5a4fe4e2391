"""`python -m nanocnn.gradcheck`: check every gradient of the package, on every rung.

    python -m nanocnn.gradcheck                      one table, and the reports that failed
    python -m nanocnn.gradcheck --html report.html   the same as a page, with the plots

Operations, layers and losses are found in what nanocnn exports. The exit code is 1 if any check
failed.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
from collections.abc import Sequence

from tqdm import tqdm

from nanocnn._backend import BACKENDS
from nanocnn.gradcheck.everything import Finding, jobs, run
from nanocnn.gradcheck.page import write_page
from nanocnn.gradcheck.report import Report


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m nanocnn.gradcheck",
        description="Check every gradient that nanocnn exports, on every rung.",
    )
    parser.add_argument(
        "--backend", nargs="+", choices=BACKENDS, default=list(BACKENDS), help="default: all three"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the inputs (default 0)")
    parser.add_argument("--html", metavar="FILE", help="write a page with all reports and plots")
    return parser.parse_args(argv)


def _cell(report: Report) -> str:
    worst = max((row.error for row in report.rows), default=float("nan"))
    return f"{'passed' if report.passed else 'FAILED'} {worst:.0e} ({report.checks})"


def table(findings: Sequence[Finding]) -> str:
    """Return one line for each case: the verdict, the largest error and the checks on each rung."""
    rungs = list(findings[0].reports)
    lines = [("", "what", *rungs)]
    lines += [
        (
            f.kind,
            textwrap.shorten(f.name, 72, placeholder=" ..."),
            *(_cell(f.reports[rung]) for rung in rungs),
        )
        for f in findings
    ]
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _bar(total: int, what: str) -> tqdm[None]:
    return tqdm(total=total, desc=what, leave=False, disable=not sys.stderr.isatty())


def main(argv: Sequence[str] | None = None) -> int:
    """Run all checks, print the table, and return the exit code."""
    given = _arguments(argv)
    started = time.perf_counter()
    found = jobs(given.seed)
    total = len(found) * len(given.backend)
    with _bar(total, "gradients") as bar:
        findings = list(run(found, given.backend, bar.update))
    print(table(findings))
    reports = [report for f in findings for report in f.reports.values()]
    wrong = [(f, rung) for f in findings for rung, r in f.reports.items() if not r.passed]
    for finding, rung in wrong:
        print(f"\non {rung}: {finding.reports[rung]}")
    checks, seconds = sum(r.checks for r in reports), time.perf_counter() - started
    failed = f"{len(wrong)} of {total} reports FAILED" if wrong else "all passed"
    print(
        f"\n{failed}: {len(found)} cases of ops, layers and losses on {', '.join(given.backend)}, "
        f"{checks} checks in {seconds:.0f} s. In brackets: the number of checks; before it: the "
        "largest relative error."
    )
    if given.html:
        with _bar(len(findings), "plots") as bar:
            title = "Gradients of nanocnn"
            write_page(findings, given.html, title, bar.update)
        print(f"{given.html}: reports and plots")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
